"""`--continue`: painting on from a checkpoint or from a finished picture, with other options."""

import json
import shutil
from unittest.mock import Mock

import pytest

from common import note
from impasto import Picture
from impasto.images import reading
from impasto.objective.objective import Objective

QUICK = ("--size", "64", "--first-size", "0", "--iterations", "5", "--dtype", "float32", "--quiet")


@pytest.fixture
def impasto(command, files, tiny_network, monkeypatch):
    """Run `impasto` on the tiny network in a folder with a content and a style image, and return what it says."""
    monkeypatch.chdir(files)

    def run(*words, fails=False):
        code, out, err = command(*words)
        assert fails == (code != 0), err
        return out + err

    return run


def same(*paths):
    first, *others = [Picture.open(path).samples for path in paths]
    return all((first == other).all() for other in others)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_finished_picture_is_painted_on_and_painted_again_by_its_metadata(impasto, files, suffix):
    out, again = files / f"out{suffix}", files / "again.png"
    impasto("content.png", "style.jpg", "-o", out, *QUICK)
    shutil.copy(out, files / f"first{suffix}")
    impasto(
        "content.png", "style.jpg", "-o", out, "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32"
    )
    assert not same(out, files / f"first{suffix}")
    settings = note(out)["settings"]
    assert (settings["content_weight"], settings["size"], settings["iterations"]) == (1, 64, 5)
    (change,) = note(out)["job"]["changes"]
    assert (change["after"], change["through"]) == (5, suffix)
    impasto("content.png", "style.jpg", "-o", out, "--continue", "--size", "96", "--quiet", "--dtype", "float32")
    assert [change["after"] for change in note(out)["job"]["changes"]] == [5, 10]
    assert Picture.open(out).width == 96
    if suffix == ".png":
        impasto("repaint", out, "-o", again, "--quiet", "--dtype", "float32")
        assert same(out, again)
        assert note(again)["job"]["changes"] == note(out)["job"]["changes"]


def test_the_metadata_of_a_finished_picture_are_read_once(impasto, files, monkeypatch):
    impasto("content.png", "style.jpg", "-o", "out.png", *QUICK)
    read = Mock(wraps=reading.read_note)
    monkeypatch.setattr("impasto.jobs.continuation.read_note", read)
    monkeypatch.setattr("impasto.images.read_note", read)
    impasto("content.png", "style.jpg", "-o", "out.png", "--continue", "--content-weight", "1", "--quiet")
    read.assert_called_once()


def test_a_picture_with_the_name_that_was_found_for_it_is_continued(impasto, files):
    for _ in range(2):
        impasto("content.png", "style.jpg", *QUICK)
    impasto("content.png", "style.jpg", "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32")
    assert "changes" not in note(files / "content-style.png")["job"]
    assert note(files / "content-style-2.png")["settings"]["content_weight"] == 1


@pytest.fixture
def fails_after(monkeypatch):
    """Let evaluations be interrupted after so many."""

    def set_(count):
        remaining, evaluate = [count], Objective.evaluate

        def failing(self, image):
            remaining[0] -= 1
            if remaining[0] < 0:
                raise KeyboardInterrupt
            return evaluate(self, image)

        monkeypatch.setattr(Objective, "evaluate", failing)
        return lambda: monkeypatch.setattr(Objective, "evaluate", evaluate)

    return set_


def test_a_checkpoint_is_painted_on_with_other_options_and_the_result_is_painted_again(impasto, files, fails_after):
    words = ("content.png", "style.jpg", "-o", "out.png")
    mend = fails_after(3)
    impasto(*words, *QUICK, fails=True)
    mend()
    assert (files / "out.png.checkpoint").exists()
    mend = fails_after(2)
    impasto(*words, "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32", fails=True)
    mend()
    output = impasto(*words, "--continue", "--dtype", "float32")
    assert "Continuing after 5 evaluations" in output
    (change,) = note(files / "out.png")["job"]["changes"]
    assert (change["after"], change["job"]["settings"]["content_weight"]) == (3, 1)
    assert note(files / "out.png")["evaluations"] == 8
    impasto("repaint", "out.png", "-o", "again.png", "--quiet", "--dtype", "float32")
    assert same(files / "out.png", files / "again.png")


def test_an_interrupted_continuation_of_a_picture_continues(impasto, files, fails_after):
    words = ("content.png", "style.jpg", "-o", "out.png")
    impasto(*words, *QUICK)
    mend = fails_after(2)
    impasto(*words, "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32", fails=True)
    mend()
    impasto(*words, "--continue", "--quiet", "--dtype", "float32")
    assert [change["after"] for change in note(files / "out.png")["job"]["changes"]] == [5]
    impasto("repaint", "out.png", "-o", "again.png", "--quiet", "--dtype", "float32")
    assert same(files / "out.png", files / "again.png")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("-o", "nothing.png"),
            "there is nothing to continue: neither nothing.png nor nothing.png.checkpoint is there",
        ),
        (("-o", "content.png"), "content.png does not say what it was painted from, so it cannot be continued"),
        (("-o", "style.jpg"), "style.jpg does not say what it was painted from"),
    ],
)
def test_what_cannot_be_continued_is_refused_in_a_sentence(impasto, files, words, sentence):
    output = impasto("content.png", "style.jpg", *words, "--continue", fails=True)
    assert sentence in output
    assert output.count("\n") == 1


def test_an_option_for_a_repainted_picture_replaces_that_of_its_changes(impasto, files):
    words = ("content.png", "style.jpg", "-o", "out.png")
    impasto(*words, *QUICK)
    impasto(*words, "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32")
    impasto("repaint", "out.png", "-o", "again.png", "--quiet", "--size", "48")
    painted = note(files / "again.png")
    sizes = [painted["settings"], painted["job"]["settings"], painted["job"]["changes"][0]["job"]["settings"]]
    assert [settings.get("size") for settings in sizes] == [48, 48, 48]
    assert json.loads(json.dumps(painted))["settings"]["content_weight"] == 1


@pytest.mark.parametrize("name", ["content.png", "mine.pth"])
def test_a_picture_is_not_continued_with_another_file_in_the_place_of_one_that_it_was_painted_from(
    impasto, files, picture, name
):
    (files / "mine.pth").touch()  # the command that is tested has a tiny network in place of any weights
    words = ("content.png", "style.jpg", "-o", "out.png", "--weights", "mine.pth")
    impasto(*words, *QUICK)
    before = (files / "out.png").read_bytes()
    (files / name).write_bytes(picture(64, 48, seed=9).png())
    output = impasto(*words, "--continue", "--content-weight", "1", fails=True)
    assert output == (
        f"impasto: out.png was painted from another file {name} than the one that is here; put that there again, go "
        "to the folder in which it was painted, or start from the picture as it is: --init out.png without --continue.\n"
    )
    assert (files / "out.png").read_bytes() == before
    impasto(*words[:2], "-o", "new.png", "--init", "out.png", *QUICK)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_continued_picture_replaces_its_plot_and_no_file_of_the_user(impasto, files, suffix):
    ways = ("content.png", "style.jpg", "-o", "out.png")
    impasto(*ways, *QUICK, "--plot", f"losses{suffix}", "--preview", "now.png")
    before = (files / f"losses{suffix}").read_bytes()
    impasto(*ways, "--continue", "--plot", f"losses{suffix}", "--preview", "now.png", "--quiet", "--iterations", "2")
    assert (files / f"losses{suffix}").read_bytes() != before
    theirs = files / f"theirs{suffix}"
    theirs.write_bytes(b"drawn by hand")
    output = impasto(*ways, "--continue", "--plot", theirs, "--iterations", "2", fails=True)
    assert "exists already" in output
    shutil.copy("content.png", "photo.png")
    output = impasto(*ways, "--continue", "--preview", "photo.png", "--iterations", "2", fails=True)
    assert "exists already" in output
    assert theirs.read_bytes() == b"drawn by hand"
    assert same("content.png", "photo.png")
    impasto(*ways, "--continue", "--plot", theirs, "--overwrite", "--quiet", "--iterations", "2")
    assert theirs.read_bytes() != b"drawn by hand"


@pytest.mark.parametrize("flag", ["--preview", "-o"])
def test_a_continued_picture_replaces_no_file_that_it_reads_now(impasto, files, flag):
    impasto("content.png", "style.jpg", "-o", "out.png", *QUICK)
    impasto("content.png", "style.jpg", "-o", "new.png", *QUICK)
    before = (files / "new.png").read_bytes()
    out = () if flag == "-o" else ("-o", "out.png")
    output = impasto("content.png", "new.png", *out, flag, "new.png", "--continue", "--iterations", "2", fails=True)
    assert "new.png cannot be written, since it is read as new.png" in output
    assert (files / "new.png").read_bytes() == before


def test_a_continued_picture_replaces_its_pictures_so_far_and_no_file_of_the_user(impasto, files):
    ways = ("content.png", "style.jpg", "-o", "out.png", "--save-every", "2", "--quiet")
    impasto(*ways, *QUICK)
    before = (files / "out-00002.png").read_bytes()
    impasto(*ways, "--continue", "--content-weight", "1", "--dtype", "float32")
    assert (files / "out-00002.png").read_bytes() != before
    shutil.copy("content.png", "out-00004.png")
    shutil.copy("content.png", "out-00003.png")
    output = impasto(*ways, "--continue", "--content-weight", "2", fails=True)
    assert "out-00004.png exists already" in output
    assert (files / "out-00004.png").read_bytes() == (files / "content.png").read_bytes()
    impasto(*ways, "--continue", "--content-weight", "2", "--overwrite", "--dtype", "float32")
    assert (files / "out-00004.png").read_bytes() != (files / "content.png").read_bytes()
    assert (files / "out-00003.png").read_bytes() == (files / "content.png").read_bytes()


@pytest.mark.parametrize("words", [(), ("--continue",)])
def test_a_run_that_continues_from_its_checkpoint_replaces_no_file_of_the_user(impasto, files, monkeypatch, words):
    ways = ("content.png", "style.jpg", "-o", "out.png", "--save-every", "2", *QUICK)
    with monkeypatch.context() as patch:
        patch.setattr("impasto.jobs.saving.Saving.save_picture", lambda _: [])
        patch.setattr("impasto.transfer.run.Run.delete_checkpoint", lambda run: run.save_checkpoint())
        impasto(*ways)
    assert (files / "out.png.checkpoint").exists()
    for name in ("out-00004.png", "out.png"):
        shutil.copy("content.png", name)
        output = impasto(*ways, *words, fails=True)
        assert f"{name} exists already" in output
        assert (files / name).read_bytes() == (files / "content.png").read_bytes()
        (files / name).unlink()
    impasto(*ways, *words)
    assert (files / "out.png").exists()


def test_a_repainted_picture_shows_the_progress_of_each_of_its_changes(impasto, files):
    words = ("content.png", "style.jpg", "-o", "out.png")
    impasto(*words, *QUICK)
    impasto(*words, "--continue", "--content-weight", "1", "--quiet", "--dtype", "float32")
    output = impasto("repaint", "out.png", "-o", "again.png", "--dtype", "float32")
    assert output.count(" 20%") == output.count("100%") == 2
