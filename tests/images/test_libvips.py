"""What becomes of processes that are forked, in processes of their own, for pytest's has read pictures already."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image

from impasto import images
from impasto.errors import PictureError
from impasto.images import Picture, read_note
from impasto.images.masks import Mask
from pictures import colors, icc

SCRIPT = """
import json, os, signal, sys
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

def forked(work):
    '''Do work in a forked process and return its exit code.'''
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        work()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def use(name, pipe):
    try:
        USES[name]()
    except RunError as error:
        os.write(pipe, str(error).encode())
        os._exit(7)

def use_and_fork(before, after, pipe):
    USES[before]()
    os._exit(forked(lambda: use(after, pipe)))

outcomes = []
for before, after in json.loads(sys.argv[3]):
    output, pipe = os.pipe()
    code = forked(lambda: use_and_fork(before, after, pipe))
    os.close(pipe)
    outcomes.append((before, after, code, open(output, "rb").read().decode()))
print(json.dumps(outcomes))
"""

USES = ["open", "save", "show", "convert", "mask", "bytes"]
AFTER_USE = [*(("open", use) for use in USES), *((use, "open") for use in USES[1:])]
BEFORE_USE = [("nothing", "open"), ("nothing", "save")]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """By the use in a process and in its forked child: (the child's exit code, its message).

    Each process of a pair is itself forked from one that has imported everything and used no picture.
    """
    folder = tmp_path_factory.mktemp("forks")
    Image.fromarray(colors()).save(folder / "a.png")
    (folder / "p3.icc").write_bytes(icc("p3"))
    command = [sys.executable, "-c", SCRIPT, folder / "a.png", folder / "p3.icc", json.dumps(AFTER_USE + BEFORE_USE)]
    source = {**os.environ, "PYTHONPATH": str(Path(images.__file__).parents[2])}
    done = subprocess.run(command, env=source, capture_output=True, text=True, timeout=60, check=True)
    return {(parent, child): (code, message) for parent, child, code, message in json.loads(done.stdout)}


@pytest.mark.parametrize("uses", AFTER_USE, ids="-".join)
@pytest.mark.slow
def test_a_child_that_is_forked_after_pictures_were_used_fails_at_once(outcomes, uses):
    code, message = outcomes[uses]
    assert code == 7
    assert "the threads that read pictures do not survive a fork" in message
    assert 'multiprocessing.get_context("spawn")' in message
    assert "\n" not in message


@pytest.mark.parametrize("uses", BEFORE_USE, ids="-".join)
@pytest.mark.slow
def test_a_child_that_is_forked_before_works(outcomes, uses):
    assert outcomes[uses] == (0, "")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif"])
def test_a_file_that_was_read_is_open_no_longer_so_that_windows_can_replace_it(tmp_path, suffix):
    path, damaged = (tmp_path / f"{name}{suffix}" for name in ("whole", "damaged"))
    Image.fromarray(colors()).save(path)
    damaged.write_bytes(path.read_bytes()[:-40])
    for read in (Picture.open, read_note, Mask.open):
        read(path)
        with contextlib.suppress(PictureError):
            read(damaged)
    process = psutil.Process()
    held = {file.path for file in process.open_files()}
    if hasattr(process, "memory_maps"):
        held |= {mapped.path for mapped in process.memory_maps()}
    assert not held & {str(path), str(damaged)}
