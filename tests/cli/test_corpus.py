from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from impasto.cli import corpus
from impasto.images import Picture


@pytest.fixture
def folder(tmp_path):
    """A folder of files that are read, in part or wholly, and of one that is not."""
    (tmp_path / "below").mkdir()
    levels = np.random.default_rng(0).integers(0, 256, (8, 10, 4), np.uint8)
    Image.fromarray(levels[..., :3]).save(tmp_path / "a.png")
    Image.fromarray(levels).save(tmp_path / "below" / "星 b.png")
    frames = [Image.fromarray(levels[..., :3]) for _ in range(2)]
    frames[1].putpixel((0, 0), (1, 2, 3))
    frames[0].save(tmp_path / "c.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "d.txt").write_text("a text")
    return tmp_path


def test_every_file_of_a_folder_has_a_row(folder):
    assert list(corpus.rows(folder)) == [
        ("a.png", "read", "10 × 8, 8 bits, sRGB", ""),
        ("below/星 b.png", "read", "10 × 8, 8 bits, transparency, sRGB", ""),
        ("c.tif", "read", "10 × 8, 8 bits, sRGB", "has 2 frames or pages; the first is taken."),
        (
            "d.txt",
            "refused",
            "",
            "is not a picture that impasto reads; give a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIC file.",
        ),
    ]


def test_what_was_left_out_is_a_sentence_each(folder, monkeypatch):
    path = folder / "a.png"
    left_out = (
        Picture.open(path),
        (f"{path} has 2 frames; the first is taken.", f"{path} has a gain map; it is left out."),
    )
    monkeypatch.setattr(Picture, "open", lambda *_, **__: replace(left_out[0], remarks=left_out[1]))
    row = next(corpus.rows(folder))
    assert row.message == "has 2 frames; the first is taken. It has a gain map; it is left out."


def test_the_table_ends_in_counts(folder, capsys):
    assert corpus.main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[2].split("  ")[-1] == "has 2 frames or pages; the first is taken."
    assert lines[-1] == "3 read, 1 refused, 0 failed"


def test_a_file_that_ends_in_neither_is_a_failure(folder, capsys, monkeypatch):
    monkeypatch.setattr(Picture, "open", lambda *_, **__: 1 / 0)
    assert corpus.main([str(folder)]) == 1
    assert "failed    ZeroDivisionError: division by zero" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["missing"], ["a", "b"]])
def test_without_a_folder_it_says_how_it_is_used(words, capsys):
    assert corpus.main(words) == 2
    assert capsys.readouterr().err == "usage: scripts/corpus DIR\n"


@pytest.mark.slow
def test_a_terminal_without_the_letters_gets_them_escaped(folder, fork_server):
    process = fork_server.start("-m", "impasto.cli.corpus", folder, environment={"PYTHONIOENCODING": "ascii"})
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "\\u661f b.png" in out
