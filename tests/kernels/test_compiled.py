import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import impasto
from common import every_pair
from impasto import disk_cache
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


LOOPS = {"with loops": "with_loops", "without loops": "without_loops"}
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
SHAPES = {f"{c}x{h}x{w}": (c, h, w) for c, h, w in ((64, 12, 20), (1, 2, 2), (7, 9, 5), (9, 4, 7), (24, 33, 2))}


@every_pair(loops=LOOPS, dtype=DTYPES, shape=SHAPES, threads=[1, 2])
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


@every_pair(loops=LOOPS, dtype=DTYPES, shape=SHAPES, make_clear={"bits": clear_by_bits, "output": clear_by_output})
def test_the_backward_pass_of_a_relu(loops, dtype, shape, make_clear, request):
    request.getfixturevalue(loops)
    output, cotangent = signal_with_ties(shape, dtype).relu(), signal_with_ties(shape, dtype, seed=1)
    clear, expected = make_clear(output), cotangent * (output > 0)
    clear(cotangent)
    assert torch.equal(cotangent, expected)


@pytest.mark.parametrize("signal", [torch.ones(1, 4, 4, 4, dtype=torch.float64), torch.ones(1, 4, 4, 4)])
def test_double_precision_and_other_layouts_have_no_loops(signal):
    assert not has_loops_for(signal, torch.channels_last)


@every_pair(loops=LOOPS, dtype=DTYPES, length=[1, 8192, 20_001], threads=[1, 2])
def test_products_of_rows_and_weighted_sums_of_rows(loops, dtype, length, threads, request):
    request.getfixturevalue(loops)
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(0)
    matrix, vectors = torch.randn(7, length, generator=generator).to(dtype), torch.randn(3, length, generator=generator)
    expected = vectors.double() @ matrix.double().T
    for count in (1, 3):
        products = lbfgs_history._multiply(matrix, *vectors[:count]).double()
        torch.testing.assert_close(products, expected[:count], rtol=1e-4, atol=1e-3)
    weights, total = torch.randn(7, generator=generator), vectors[0].clone()
    lbfgs_history._add_rows(total, matrix, weights)
    torch.testing.assert_close(total, vectors[0] + weights @ matrix.float(), rtol=1e-4, atol=1e-4)


def test_products_of_rows_are_the_same_where_tensors_are_in_float64_by_default():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(7, 20_001, generator=generator).bfloat16()
    vector = torch.randn(20_001, generator=generator)
    expected = lbfgs_history._multiply(matrix, vector)
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(lbfgs_history._multiply(matrix, vector), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def assert_clears():
    from impasto.kernels.cpu.compiled import relu

    values = torch.tensor([-1.0, 2.0]).reshape(1, 1, 1, 2).contiguous(memory_format=torch.channels_last)
    cotangent = torch.ones_like(values)
    relu.clear(cotangent, relu.pack(values))
    assert cotangent.tolist() == [[[[0.0, 1.0]]]]


@pytest.fixture
def is_compiled(monkeypatch):
    """Run a loop as a new process does, with some cache folders, and tell whether it is compiled."""
    from impasto.kernels.cpu.compiled import machine_code

    compiled, compile_loop = [], machine_code._compile
    monkeypatch.setattr(machine_code, "_compile", lambda loop: compiled.append(loop) or compile_loop(loop))

    def run(*caches):
        monkeypatch.setattr(disk_cache, "_folders", lambda: caches)
        machine_code._address.cache_clear()
        compiled.clear()
        assert_clears()
        assert compiled in ([], ["relu.words"])
        return bool(compiled)

    return run


LOADS = f"""
import sys
from pathlib import Path
import torch
from impasto import disk_cache
disk_cache._folders = lambda: [Path(sys.argv[1])]
{inspect.getsource(assert_clears)}
assert_clears()
assert "numba" not in sys.modules
"""


@pytest.mark.slow
def test_a_loop_is_compiled_once_and_then_loaded_without_numba(is_compiled, tmp_path, monkeypatch):
    cache, work = tmp_path / "cache", tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    assert is_compiled(cache)
    assert not is_compiled(cache)
    environment = {**os.environ, "PYTHONPATH": str(Path(impasto.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, "-c", LOADS, cache], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    (stored,) = cache.rglob("*.o")
    stored.write_bytes(bytes(32) + stored.read_bytes()[32:])  # which begins with its SHA-256
    assert is_compiled(cache), "a damaged file is not loaded"
    assert list(work.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "caches", [[], [Path("/proc/nothing")]], ids=["no home folder", "a folder that cannot be written"]
)
def test_loops_are_compiled_where_nothing_can_be_cached(is_compiled, tmp_path, monkeypatch, caches):
    monkeypatch.chdir(tmp_path)
    assert is_compiled(*caches)
    assert is_compiled(*caches)
    assert list(tmp_path.iterdir()) == []
