import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import impasto
from impasto.kernels.cpu.compiled import has_loops_for
from impasto.kernels.cpu.pooling import Pool
from impasto.kernels.cpu.relu import clear_by_bits, clear_by_output
from impasto.optimizers import lbfgs_history


def signal_with_ties(shape, dtype, seed=0):
    """Return a signal with many equal values and many zeros, (1, C, H, W) in channels_last."""
    values = torch.randint(-3, 5, (1, *shape), generator=torch.Generator().manual_seed(seed))
    return values.to(dtype).contiguous(memory_format=torch.channels_last)


@pytest.fixture
def without_loops(monkeypatch):
    for module in ("kernels.cpu.pooling", "kernels.cpu.relu", "optimizers.lbfgs_history"):
        monkeypatch.setattr(f"impasto.{module}.has_loops_for", lambda *_: False)


@pytest.fixture
def with_loops():
    if not has_loops_for(torch.ones(1)):
        pytest.skip("no numba, or another OpenMP than GNU's")


with_and_without_loops = pytest.mark.parametrize("loops", ["with_loops", "without_loops"])
dtypes = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
shapes = pytest.mark.parametrize("shape", [(64, 12, 20), (1, 2, 2), (7, 9, 5), (9, 4, 7), (24, 33, 2)], ids=str)


@with_and_without_loops
@dtypes
@shapes
@pytest.mark.parametrize("threads", [1, 2])
def test_max_pooling_and_its_pullback_are_those_of_torch(loops, dtype, shape, threads, request):
    request.getfixturevalue(loops)
    torch.set_num_threads(threads)
    input_signal = signal_with_ties(shape, dtype)
    signal = input_signal.relu()
    leaf = signal.float().requires_grad_()
    expected = torch.nn.functional.max_pool2d(leaf, 2)
    pooled = Pool("max").forward(signal)
    assert torch.equal(pooled.float(), expected)
    cotangent = signal_with_ties(expected.shape[1:], dtype, seed=1)
    expected.backward(cotangent.float())
    gradient = Pool("max").make_pullback(signal, pooled)(cotangent.clone())
    assert gradient.dtype == dtype
    assert torch.equal(gradient.float(), leaf.grad * (signal > 0))


@with_and_without_loops
@dtypes
@shapes
@pytest.mark.parametrize("make_clear", [clear_by_bits, clear_by_output])
def test_the_backward_pass_of_a_relu(loops, dtype, shape, make_clear, request):
    request.getfixturevalue(loops)
    output, cotangent = signal_with_ties(shape, dtype).relu(), signal_with_ties(shape, dtype, seed=1)
    clear, expected = make_clear(output), cotangent * (output > 0)
    clear(cotangent)
    assert torch.equal(cotangent, expected)


@pytest.mark.parametrize("signal", [torch.ones(1, 4, 4, 4, dtype=torch.float64), torch.ones(1, 4, 4, 4)])
def test_double_precision_and_other_layouts_have_no_loops(signal):
    assert not has_loops_for(signal, torch.channels_last)


@with_and_without_loops
@dtypes
@pytest.mark.parametrize("length", [1, 8192, 20_001])
@pytest.mark.parametrize("threads", [1, 2])
def test_products_of_rows_and_weighted_sums_of_rows(loops, dtype, length, threads, request):
    request.getfixturevalue(loops)
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    matrix, vectors = torch.randn(7, length, generator=generator).to(dtype), torch.randn(3, length, generator=generator)
    expected = vectors.double() @ matrix.double().T
    for count in (1, 3):
        products = lbfgs_history._times(matrix, *vectors[:count]).double()
        torch.testing.assert_close(products, expected[:count], rtol=1e-4, atol=1e-3)
    weights, total = torch.randn(7, generator=generator), vectors[0].clone()
    lbfgs_history._add_rows(total, matrix, weights)
    torch.testing.assert_close(total, vectors[0] + weights @ matrix.float(), rtol=1e-4, atol=1e-4)


COMPUTES = """
import sys
import torch
from impasto import files
from impasto.kernels.cpu.compiled import relu
values = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2).contiguous(memory_format=torch.channels_last)
cotangent = torch.ones_like(values)
relu.clear(cotangent, relu.pack(values))
assert cotangent.tolist() == [[[[0.0, 1.0]]]]
print("numba" in sys.modules)
"""


def compute(caches, working_folder):
    """Run a loop in a process of its own with these cache folders, and tell whether it was compiled there."""
    script = COMPUTES.replace("import files", f"import files; files._caches = lambda: [*map(files.Path, {caches})]", 1)
    environment = {**os.environ, "PYTHONPATH": str(Path(impasto.__file__).parents[1])}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=working_folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout == "True\n"


@pytest.mark.slow
def test_a_loop_is_compiled_once_and_then_loaded_without_numba(tmp_path):
    (tmp_path / "work").mkdir()
    caches = [str(tmp_path / "cache")]
    assert compute(caches, tmp_path / "work")
    assert not compute(caches, tmp_path / "work")
    (stored,) = (tmp_path / "cache").rglob("*.o")
    stored.write_bytes(stored.read_bytes()[:-1])
    assert compute(caches, tmp_path / "work"), "a damaged file is not loaded"
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("caches", [[], ["/proc/nothing"]], ids=["no home folder", "a folder that cannot be written"])
def test_loops_are_compiled_where_nothing_can_be_cached(tmp_path, caches):
    assert compute(caches, tmp_path)
    assert list(tmp_path.iterdir()) == []
