"""The Triton kernels are compiled for GPUs that need not be there; `--gpus` compiles all of them for many GPUs."""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto.kernels.cuda import dispatch

pytest.importorskip("triton")

FOLDER = Path(__file__).parent
DTYPES = ("float32", "bfloat16", "float64")
NVIDIA = {"sm_75": 64, "sm_80": 163, "sm_86": 99, "sm_89": 99, "sm_90": 227, "sm_100": 227, "sm_120": 99}
AMD = dict.fromkeys(("gfx90a", "gfx942", "gfx1100", "gfx1201"), 64)
KILOBYTES = NVIDIA | AMD
"""The shared memory that a program may take, by GPU: CUDA C++ Programming Guide, Compute Capabilities; AMD's manuals."""

CASES = {
    ("bfloat16", "sm_90"): (),
    **dict.fromkeys((("float32", "sm_86"), ("bfloat16", "gfx942")), ("_linear", "_moments")),
}
"""What is compiled without `--gpus`: all kernels, or those with these names, in a precision for a GPU."""


def pytest_generate_tests(metafunc):
    if "gpu" in metafunc.fixturenames:
        every = {pair: () for pair in product(("float32", "bfloat16"), KILOBYTES) if pair != ("bfloat16", "sm_75")}
        cases = every if metafunc.config.getoption("--gpus") else CASES
        metafunc.parametrize(("dtype", "gpu", "kernels"), [(*pair, names) for pair, names in cases.items()])


def compiled(dtype, gpu, kernels):
    command = [sys.executable, FOLDER / "compile_for_gpus.py", dtype, gpu, *kernels]
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    paths = [str(FOLDER.parent), *sys.path]
    process = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**environment, "PYTHONPATH": os.pathsep.join(paths)}
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.slow
def test_all_kernels_are_compiled_before_a_run_and_fit_the_gpu(dtype, gpu, kernels):
    results = compiled(dtype, gpu, kernels)
    assert not results["errors"]
    assert {kernel["name"] for kernel in results["kernels"]} >= set(kernels or {"_solve", "_pool", "_moments"})
    assert not [kernel for kernel in results["kernels"] if kernel["late"]]
    assert not [kernel for kernel in results["kernels"] if kernel["shared"] > 1024 * KILOBYTES[gpu]]


@pytest.mark.parametrize(
    ("capability", "dtypes"),
    [((6, 1), []), ((7, 5), ["float32"]), ((8, 0), ["float32", "bfloat16"]), ((12, 0), ["float32", "bfloat16"])],
)
def test_kernels_are_used_where_triton_and_the_units_of_the_gpu_allow_it(capability, dtypes, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    dispatch._triton_dtypes.cache_clear()
    tensors = {name: SimpleNamespace(device=torch.device("cuda"), dtype=getattr(torch, name)) for name in DTYPES}
    names = [name for name, tensor in tensors.items() if dispatch.uses_triton(tensor)]
    dispatch._triton_dtypes.cache_clear()
    assert names == dtypes
