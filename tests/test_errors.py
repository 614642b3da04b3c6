"""A lack of memory is told in one sentence, wherever it is met."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from impasto.errors import OutOfMemoryError, PictureError, is_out_of_memory, out_of_memory_as

TESTS = Path(__file__).parent


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1000 bytes."),
        OSError("[WinError 1455] The paging file is too small for this operation to complete"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.90 GB, max allowed: 9.07 GB)."),
        RuntimeError("could not create a primitive"),
        RuntimeError("std::bad_alloc"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
    ids=str,
)
def test_every_message_about_a_lack_of_memory_is_understood(error):
    sentence = "^the memory did not suffice to paint; close other programs"
    with pytest.raises(OutOfMemoryError, match=sentence), out_of_memory_as("paint"):
        raise error


@pytest.mark.parametrize(
    "error",
    [RuntimeError("could not create a primitive descriptor"), ValueError("3"), KeyboardInterrupt(), PictureError("x")],
)
def test_other_errors_stay_as_they_are(error):
    with pytest.raises(type(error)) as caught, out_of_memory_as("paint"):
        raise error
    assert caught.value is error


def test_a_lack_of_memory_that_was_taken_for_something_else_is_found():
    """As where any error of a decoder counts as a damaged file."""

    def open_picture():
        try:
            [0] * 2**60
        except MemoryError:
            raise PictureError("a.png is damaged.") from None

    with pytest.raises(OutOfMemoryError), out_of_memory_as("open a.png"):
        open_picture()
    assert not is_out_of_memory(PictureError("a picture that is out of memory"))


STEPS = {
    "load the weights": "load_weights()",
    "load the network": "StyleTransfer(Settings(size=64), runtime)",
    "pack the filters": "transfer.network.prepare(['conv4_2', 'conv5_1'])",
    "plan": "transfer.plan(photograph, [painting])",
    "begin": "transfer.start(photograph, painting)",
    "continue": "next(run)",
    "open": "Picture.open(sys.argv[1])",
    "finish": "run.preview()",
    "measure": "measure(photograph, painting, photograph, runtime=runtime, weights=weights)",
}

SCRIPT = f"""
import resource, sys, traceback
import psutil, torch
from impasto import ImpastoError, Picture, Runtime, Settings, StyleTransfer, load_weights
from impasto.errors import out_of_memory_as
from impasto.reports.metrics import measure

runtime = Runtime(device="cpu", dtype="float32", winograd="lines", threads=1)
weights = load_weights()
photograph, painting = (Picture(torch.rand(3, 800, 1000)) for _ in range(2))
photograph.resized(2500, 2000).save(sys.argv[1])
transfer = StyleTransfer(Settings(size=512, first_size=0), runtime, weights=weights)
run = transfer.start(photograph, painting)
_, hard = resource.getrlimit(resource.RLIMIT_AS)
for name, step in {STEPS!r}.items():
    transfer._cache._networks.clear()
    for megabytes in (0, 16, 100):
        resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (megabytes << 20), hard))
        try:
            with out_of_memory_as(name):
                eval(step)
            outcome = "done"
        except ImpastoError as error:
            outcome = type(error).__name__
        except BaseException as error:
            outcome = "".join(traceback.format_exception(error))
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
        print(name, megabytes, outcome, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="no limit of the address space")
@pytest.mark.slow
def test_under_a_limit_of_memory_every_step_ends_or_says_in_a_sentence_that_memory_did_not_suffice(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "photograph.png")]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TESTS)
    assert process.returncode == 0, process.stderr
    lines = [line.rsplit(" ", 2) for line in process.stdout.splitlines()]
    assert len(lines) == 3 * len(STEPS), process.stdout
    assert {outcome for *_, outcome in lines} <= {"done", "OutOfMemoryError", "SpaceError"}, process.stdout
    for name in STEPS.keys() - {"load the network", "finish"}:  # which may find what a step before has freed
        assert any(line[0] == name and line[2] != "done" for line in lines), f"{name} met no limit:\n{process.stdout}"
