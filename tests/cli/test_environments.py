"""The command where the terminal, the streams, the names and the folders are not as usual."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from forked import CLOSED
from impasto import Picture

SCRIPT = Path(__file__).parents[1] / "tiny_command.py"
QUICK = (
    *("--size", "64", "--first-size", "0", "--iterations", "2"),
    *("--dtype", "float32", "--winograd", "off", "--threads", "1"),
)


@pytest.fixture
def paint(command, files, tiny_network):
    """Run `impasto paint` in this process, with an output of its own."""

    def run(output, *words, content="content.png", style="style.jpg"):
        return command("paint", files / content, f"{files / style}", "-o", output, *QUICK, *words)

    return run


WORDS = ("paint", "content.png", "style.jpg", "-o", "out.png", *QUICK)


@pytest.fixture
def fork(files, fork_server):
    """Start painting in a process of its own that is forked."""

    def start(*more, environment=None, **streams):
        environment = {**os.environ, **(environment or {})}
        return fork_server.start(SCRIPT, *WORDS, *more, folder=files, environment=environment, **streams)

    return start


def assert_painted(folder, stderr):
    assert Picture.open(folder / "out.png").width == 64
    assert "Traceback" not in stderr


@pytest.mark.slow
def test_a_picture_is_painted_where_a_shell_has_closed_what_is_printed(files):
    painting = shlex.join((sys.executable, str(SCRIPT), *WORDS))
    done = subprocess.run(
        ["bash", "-c", f"{painting} >&- 2>&-"], cwd=files, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0
    assert_painted(files, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "streams"),
    [
        ((), {"environment": {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "1"}}),
        (("--json",), {"stdout": CLOSED}),
        ((), {"stderr": CLOSED}),
    ],
    ids=["ascii", "no output", "no errors"],
)
def test_a_picture_is_painted_whatever_becomes_of_what_is_printed(files, fork, words, streams):
    process = fork(*words, **streams)
    stderr = "".join(process.communicate(timeout=120))
    assert process.returncode == 0, stderr
    assert_painted(files, stderr)


@pytest.mark.slow
def test_a_picture_is_painted_though_nobody_reads_its_numbers_to_the_end(files, fork):
    process = fork("--json")
    process.stdout.read(5)
    process.stdout.close()
    stderr = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=120) == 0, stderr
    assert_painted(files, stderr)


@pytest.mark.slow
def test_a_picture_is_painted_where_what_is_printed_finds_the_disk_full(files, fork):
    with Path("/dev/full").open("wb") as full:
        _, stderr = fork(stdout=full).communicate(timeout=120)
    assert_painted(files, stderr)


@pytest.mark.slow
def test_help_says_why_it_is_short_where_python_removed_it():
    done = subprocess.run(
        [sys.executable, "-OO", "-m", "impasto", "--help"], capture_output=True, text=True, check=True
    )
    assert "Python removed the help" in done.stdout


def test_of_a_flag_that_is_given_twice_the_last_one_counts(paint, files):
    assert paint(files / "out.png", "--size", "48", "--quiet")[0] == 0
    assert Picture.open(files / "out.png").width == 48


NAMES = ["星" * 81 + ".png", "-out.png", "a b.png", "%s{}.png", "a\nb.png", "[0].png", "~.png", "é,weight=2.png"]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_serves_as_any_of_the_files_of_a_command(paint, files, monkeypatch, name):
    monkeypatch.setattr("impasto.transfer.loss_chart._draw", lambda *_: None)  # its labels take most time
    plot, checkpoint = files / f"{name[:-4][:60]}.svg", files / f"{name[:-4][:60]}.x"
    content = (files / "content.png").rename(files / f"c{name[-20:]}").name
    words = ("--plot", plot, "--checkpoint", checkpoint, "--checkpoint-every", "0.001", "--quiet")
    assert paint(files / name, *words, content=content) == (0, "", "")
    assert Picture.open(files / name).width == 64
    assert plot.exists()


BAD_NAMES = ["", ".", "/", "a" * 300 + ".png", "missing/a.png", "content.png/a.png", "x/" * 3000 + "a.png"]


@pytest.mark.parametrize("flag", ["-o", "--plot", "--checkpoint"])
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_be_is_refused_by_every_flag_in_a_sentence(paint, files, monkeypatch, flag, name):
    monkeypatch.chdir(files)
    before = sorted(files.iterdir())
    output = name if flag == "-o" else files / "out.png"
    code, out, err = paint(output, *(() if flag == "-o" else (flag, name)))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("flag", ["--init", "--keep", "--settings"])
@pytest.mark.parametrize(
    "name", ["a" * 300 + ".png", "a" * 300 + "#ff0000", "missing.png", "missing/a.json", "x/" * 3000 + "a.png"]
)
def test_a_file_that_cannot_be_read_is_refused_by_every_flag_in_a_sentence(paint, files, flag, name):
    code, out, err = paint(files / "out.png", flag, name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("flag", ["-o", "--plot", "--checkpoint"])
def test_no_file_that_is_read_is_replaced(paint, files, flag):
    (files / "link.png").symlink_to("content.png")
    before = (files / "content.png").read_bytes()
    for name in ("content.png", "link.png"):
        output = files / name if flag == "-o" else files / "out.png"
        code, _, err = paint(output, "--overwrite", *(() if flag == "-o" else (flag, files / name)))
        assert code == 2
        assert "since it is read as" in err
    assert (files / "content.png").read_bytes() == before
