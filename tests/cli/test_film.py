"""The command `impasto film`, on the tiny network."""

import json
import re
import signal
import sys
from pathlib import Path

import pytest

from films import heard, moving, read, write
from impasto.errors import pip_install

QUICK = (
    "--size",
    "64",
    "--first-size",
    "0",
    "--iterations",
    "4",
    "--frame-iterations",
    "2",
    "--dtype",
    "float32",
    "--winograd",
    "off",
)


@pytest.fixture
def film(command, tmp_path, picture, tiny_network, monkeypatch):
    """Run `impasto film clip.mp4 style.png` in a folder with both."""
    monkeypatch.chdir(tmp_path)
    picture(72, 60, seed=1).save("style.png")
    write("clip.mp4", moving(4), sound=True)

    def run(*words, names=("clip.mp4", "style.png")):
        return command("film", *names, *words, *QUICK)

    return run


def test_a_film_appears_beside_the_original(film):
    code, out, err = film()
    first, cost, last = out.splitlines()
    assert (code, first, last) == (
        0,
        "Painting 4 frames of clip.mp4 in the style of style.png.",
        "clip-style.mp4: 4 frames, 64 × 43",
    )
    assert re.fullmatch(r"This takes about \d+ seconds? and \d\.\d GB of memory\.", cost)
    assert "64 × 43  100%" in err
    assert len(read("clip-style.mp4")[0]) == 4
    assert heard("clip-style.mp4") == heard("clip.mp4")
    assert film("--quiet") == (0, "", "")
    assert sorted(path.name for path in Path().iterdir()) == [
        "clip-style-2.mp4",
        "clip-style.mp4",
        "clip.mp4",
        "style.png",
    ]


def test_options_choose_what_is_painted(film):
    assert (
        film(
            "--start", "0.1", "--end", "0:00.4", "--fps", "5", "--steadiness", "0.5", "--save-frames", "-o", "out.mkv"
        )[0]
        == 0
    )
    assert len(read("out.mkv")[0]) == 2
    assert sorted(path.name for path in Path("out.mkv.frames").iterdir()) == ["000001.png", "000002.png", "film.txt"]


def test_a_dry_run_tells_the_frames_the_time_and_the_memory(film):
    code, out, err = film("--dry-run")
    assert (code, err) == (0, "")
    assert out.startswith("Painting 4 frames of clip.mp4 in the style of style.png.\nThis takes about ")
    assert out.endswith(" GB of memory.\n")
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4", "style.png"]


def test_verbose_prints_the_plan_of_the_first_frame_and_the_loss(film):
    code, out, err = film("--verbose", "--dry-run")
    assert (code, err) == (0, "")
    assert re.search(r"memory\.\nstage .*\n +1 +64 × 43 +4 .*\nAbout .* GB, .* and \d:\d\d in time\.\n$", out)
    assert not Path("clip-style.mp4").exists()
    code, out, err = film("-v")
    assert code == 0
    assert "\nstage " in out
    assert re.search(r"frame 4/4, evaluation 2/2, loss \d", err)


def test_the_painted_film_is_opened_in_the_viewer_of_the_system(film, monkeypatch):
    paths = []
    monkeypatch.setattr("impasto.cli.viewer.show", paths.append)
    assert film("--open")[0] == 0
    assert paths == [Path("clip-style.mp4")]


def test_records_for_programs(film):
    code, out, err = film("--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [(each["event"], each["number"], each["count"]) for each in records] == [
        ("painted", n, 4) for n in (1, 2, 3, 4)
    ]


def test_an_interrupt_saves_the_film_so_far_and_the_same_command_continues_it(film, monkeypatch):
    from impasto.film.workload import Workload

    reports = []

    def interrupt(workload, *given):
        reports.append(progress := original(workload, *given))
        if len(reports) == 7:
            signal.raise_signal(signal.SIGINT)
        return progress

    original = Workload.progress
    monkeypatch.setattr(Workload, "progress", interrupt)
    code, _, err = film()
    assert code == 130
    assert "impasto: Interrupted after 2 of 4 frames; they are clip-style.mp4; start the same command again" in err
    assert len(read("clip-style.mp4")[0]) == 2
    code, out, _ = film()
    assert code == 0
    assert "Continuing after 2 frames, from clip-style.mp4.frames.\n" in out
    assert len(read("clip-style.mp4")[0]) == 4
    assert not Path("clip-style.mp4.frames").exists()


def test_what_cannot_be_painted_is_refused_in_a_sentence(film, picture):
    picture().save("photo.png")
    for names, words, message in (
        (("clip.mp4",), (), "there is no painting; name one: impasto film clip.mp4 painting.jpg."),
        (("no.mp4", "style.png"), (), "no.mp4 cannot be read"),
        (("photo.png", "style.png"), (), "holds no film, but one picture at most"),
        (
            ("clip.mp4", "style.png"),
            ("-o", "out.gif"),
            "out.gif cannot be written as a film; its name must end in .mp4",
        ),
        (("clip.mp4", "style.png"), ("-o", "clip.mp4", "--overwrite"), "clip.mp4 cannot be written, since it is read"),
        (("clip.mp4", "style.png"), ("-o", "no/out.mp4"), "the folder no does not exist; make it first"),
        (("clip.mp4", "style.png"), ("--steadiness", "2"), "steadiness cannot be 2; it takes a number"),
        (("clip.mp4", "style.png"), ("--start", "9"), "has no frame from 9 seconds on"),
        (("clip.mp4", "style.png"), ("--init", "photo.png"), "a film cannot start from photo.png"),
        (("clip.mp4", "missing.png"), (), "missing.png"),
    ):
        code, out, err = film(*words, names=names)
        assert (code, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["clip.mp4", "photo.png", "style.png"]


@pytest.mark.parametrize("missing", ["av", "cv2"])
def test_the_extra_is_named_where_it_is_missing(film, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    command = pip_install('"impasto[film]"')
    assert film() == (2, "", f"impasto: films need impasto's extra film; run {command}.\n")
