import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from impasto import Picture
from impasto.cli.signals import Interrupted, graceful
from impasto.transfer.run import Run

SCRIPT = Path(__file__).parents[1] / "tiny_command.py"
EVALUATIONS = 20
"""Of a run that nothing disturbs, in two stages."""


def words(folder, *more, output="out.png", size=256, iterations=12, every=0.01):
    """Return the words of a command that saves a checkpoint at nearly every evaluation."""
    paths = [folder / "content.png", folder / "style.jpg", "-o", folder / output]
    stages = f"--size {size} --first-size {size // 2} --iterations {iterations}"
    quick = f"{stages} --tolerance 0 --checkpoint-every {every} --history 20"
    alike = "--dtype float32 --winograd off --threads 1"  # chosen by a timing, two runs could differ
    return ["paint", *paths, *quick.split(), *alike.split(), *more]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for all tests: a picture notes its folder, so only in one are the bytes always those of `expected`."""
    return tmp_path_factory.mktemp("signals")


@pytest.fixture
def files(folder, picture):
    """The content and the style, and nothing that a test before this one has painted but `expected`."""
    if not any(folder.iterdir()):
        picture().save(folder / "content.png")
        picture(72, 60, seed=1).save(folder / "style.jpg")
    yield folder
    for left in folder.glob("*out.png*"):
        left.unlink()


@pytest.fixture
def fork(files, fork_server):
    """Start painting, in a process of its own that is forked."""
    return lambda *more, **changes: fork_server.start(SCRIPT, *words(files, *more, **changes))


@pytest.fixture
def paint(command, files, tiny_network):
    """Paint in this process, to the end: (exit code, standard output, standard error)."""
    return lambda *more, **changes: command(*words(files, *more, **changes))


def end(process, code=0):
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err
    return out, err


@pytest.fixture
def expected(paint, files):
    """The picture of a run that nothing disturbs, which the first test that needs it paints."""
    if not (files / "whole.png").exists():
        code, out, _ = paint(output="whole.png")
        assert code == 0
        assert f", {EVALUATIONS} evaluations" in out
    return (files / "whole.png").read_bytes()


def after(process, count):
    """Wait for some evaluations."""
    for _ in range(count):
        assert json.loads(process.stdout.readline())["loss"] > 0


@pytest.mark.slow
def test_killed_at_any_moment_a_run_continues_to_the_same_bytes(fork, paint, files, expected, pytestconfig):
    chance = random.Random(0)
    for _ in range(pytestconfig.getoption("--kills")):
        process = fork("--json", "--overwrite")
        after(process, chance.randrange(1, EVALUATIONS - 2))
        time.sleep(chance.random() / 20)
        process.kill()
        process.communicate(timeout=300)
        assert not (files / "out.png").exists()
        assert paint()[0] == 0
        assert (files / "out.png").read_bytes() == expected
        (files / "out.png").unlink()
        assert not (files / "out.png.checkpoint").exists()
        assert not list(files.glob(".*"))  # of what the killed process was writing


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_the_first_signal_saves_the_picture_and_what_it_takes_to_continue(
    fork, paint, files, expected, number, pytestconfig
):
    chance = random.Random(int(number))
    for _ in range(pytestconfig.getoption("--kills") // 2):
        process = fork("--json")
        after(process, chance.randrange(1, EVALUATIONS - 5))
        process.send_signal(number)
        _, err = end(process, 128 + number)
        assert re.search(r"the picture so far \(\d+ × \d+, stage \d of 2\) is ", err)
        assert f"{files / 'out.png'}; start the same command again to continue" in err
        assert err.count("\n") == 1
        assert Picture.open(files / "out.png").width in {171, 256}
        code, out, _ = paint()
        assert code == 0
        assert out.startswith("Continuing after ")
        assert (files / "out.png").read_bytes() == expected
        (files / "out.png").unlink()
        assert not list(files.glob("*.checkpoint"))


@pytest.mark.slow
def test_another_command_starts_a_new_run_and_sets_the_checkpoint_aside(fork, paint, files, expected):
    process = fork("--json")
    after(process, 3)
    process.send_signal(signal.SIGINT)
    end(process, 130)
    before = (files / "out.png.checkpoint").read_bytes()
    code, out, err = paint("--style-weight", "7")
    assert code == 0
    assert f"this is a new run, and that checkpoint is now {files / 'out.png.checkpoint.old'}.\n" in err
    assert "Continuing" not in out
    assert (files / "out.png.checkpoint.old").read_bytes() == before
    (files / "out.png").unlink()
    assert paint("--checkpoint", files / "out.png.checkpoint.old")[0] == 0
    assert (files / "out.png").read_bytes() == expected


@pytest.mark.slow
def test_a_lost_terminal_does_not_end_a_run(fork, files, expected):
    process = fork("--json")
    after(process, 3)
    process.send_signal(signal.SIGHUP)
    process.stdout.close()
    process.stderr.close()
    process.wait(timeout=300)
    assert (files / "out.png").read_bytes() == expected


def test_a_second_signal_ends_at_once():
    before = signal.getsignal(signal.SIGINT)
    with graceful() as ended:
        assert ended() == 0
        os.kill(os.getpid(), signal.SIGTERM)
        assert ended() == signal.SIGTERM
        with pytest.raises(Interrupted) as found:
            os.kill(os.getpid(), signal.SIGINT)
        assert found.value.code == 130
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_break_of_windows_and_no_lost_terminal_ends_a_command(monkeypatch):
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR2, raising=False)
    monkeypatch.delattr(signal, "SIGHUP")
    try:
        with graceful() as ended:
            os.kill(os.getpid(), signal.SIGUSR2)
            assert ended() == signal.SIGUSR2
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("ends_early", [False, True])
def test_a_second_signal_while_files_are_saved_waits_until_one_is_whole(paint, files, monkeypatch, ends_early):
    """A run of less than a minute has saved no checkpoint before."""
    name, progress, write = ("save_checkpoint", "save")[not ends_early], Run.__next__, Path.replace

    def signal_and_go_on(run):
        if ends_early and len(run.history) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return progress(run)

    def twice(path, target):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        return write(path, target)

    save = getattr(Run, name)

    def saving(*given, **options):
        monkeypatch.setattr(Path, "replace", twice)
        save(*given, **options)
        monkeypatch.setattr(Path, "replace", write)

    monkeypatch.setattr(Run, name, saving)
    monkeypatch.setattr(Run, "__next__", signal_and_go_on)
    code, _, err = paint(every=0, size=64)
    assert code == 130
    assert err.splitlines()[-1] == "impasto: Ended at once."
    remaining_file = "out.png.checkpoint" if ends_early else "out.png"
    assert [path.name for path in files.glob("*out.png*")] == [remaining_file]


def test_ctrl_c_while_python_ends_prints_no_traceback():
    script = "import atexit, os, signal, sys; from impasto.__main__ import main; sys.argv[1:] = ['--version']"
    script += "; atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); main()"
    reader = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    assert (reader.returncode, reader.stderr) == (-signal.SIGINT, "")


@pytest.mark.slow
def test_no_checkpoint_is_left_where_none_is_wanted(fork, files):
    process = fork("--json", every=0)
    after(process, EVALUATIONS // 2)
    process.kill()
    process.communicate(timeout=300)
    assert not list(files.glob("*checkpoint*"))


@pytest.mark.slow
def test_several_processes_paint_one_picture_and_continue_together(paint_in_several, files):
    together = {"size": 96, "iterations": 8}
    code, *outputs, others = paint_in_several(
        SCRIPT, *words(files, "--processes", "2", output="together.png", **together)
    )
    assert (code, outputs) == (0, ["", ""])
    assert ["finished" in out for out, _ in others] == [True, False]
    assert Picture.open(files / "together.png").width == 96
    started = [sys.executable, SCRIPT, *words(files, "--json", "--processes", "2", **together)]
    process = subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    after(process, 4)
    process.send_signal(signal.SIGTERM)
    _, err = end(process, 143)
    assert "the picture so far (96 × 72, stage 1 of 1) is" in err
    assert len(list(files.glob("out.png.checkpoint*"))) == 2
    code, *_, others = paint_in_several(SCRIPT, *words(files, "--processes", "2", **together))
    assert (code, others[0][0].startswith("Continuing after ")) == (0, True)
    assert (files / "out.png").read_bytes() == (files / "together.png").read_bytes()
    assert not list(files.glob("*.checkpoint*"))
