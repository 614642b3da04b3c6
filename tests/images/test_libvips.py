"""What becomes of processes that are forked, in processes of their own, for pytest's has read pictures already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from impasto import images
from pictures import colors, icc

SCRIPT = """
import os, signal, sys
import torch
from impasto.errors import RunError
from impasto.images import Picture
from impasto.images.masks import Mask

path, profile = sys.argv[1], open(sys.argv[2], "rb").read()
picture = Picture(torch.rand(3, 8, 8))
USES = {
    "nothing": lambda: None,
    "open": lambda: Picture.open(path),
    "save": lambda: picture.save(path + ".tif", overwrite=True),
    "show": picture.png,
    "convert": lambda: picture.in_profile(profile),
    "mask": lambda: Mask.open(path),
    "bytes": lambda: Picture.of(open(path, "rb").read()),
}
USES[sys.argv[3]]()
child = os.fork()
if child == 0:
    signal.alarm(20)
    try:
        USES[sys.argv[4]]()
    except RunError as error:
        print(error, flush=True)
        os._exit(7)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

USES = ["open", "save", "show", "convert", "mask", "bytes"]


@pytest.fixture
def forked(tmp_path):
    """Use pictures in a process and then in a forked child: (the child's exit code, what it said)."""
    Image.fromarray(colors()).save(tmp_path / "a.png")
    (tmp_path / "p3.icc").write_bytes(icc("p3"))

    def run(parent, child):
        command = [sys.executable, "-c", SCRIPT, tmp_path / "a.png", tmp_path / "p3.icc", parent, child]
        source = {**os.environ, "PYTHONPATH": str(Path(images.__file__).parents[2])}
        done = subprocess.run(command, env=source, capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize(("parent", "child"), [*(("open", use) for use in USES), *((use, "open") for use in USES[1:])])
@pytest.mark.slow
def test_a_child_that_is_forked_after_pictures_were_used_fails_at_once(forked, parent, child):
    code, said = forked(parent, child)
    assert code == 7
    assert "the threads that read pictures do not survive a fork" in said
    assert 'multiprocessing.get_context("spawn")' in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("child", ["open", "save"])
@pytest.mark.slow
def test_a_child_that_is_forked_before_works(forked, child):
    assert forked("nothing", child) == (0, "")
