import pytest
import torch
from torch.nn import functional

from impasto.kernels.cpu.packed_filters import prepare
from impasto.kernels.cpu.winograd import F2, F4, prepare_lines, winograd_choices

DOUBLE = torch.float64


def some(*shape, dtype=DOUBLE, seed=0):
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed)).to(dtype)


def padded(signal, zeros):
    above, below, left, right = zeros
    return functional.pad(signal, (left, right, above, below))


@pytest.mark.parametrize("scheme", [F2, F4], ids=["F2", "F4"])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (6, 9), (4, 10), (3, 3)])
@pytest.mark.parametrize("zeros", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (1, 0, 2, 1), (0, 2, 0, 1)])
@pytest.mark.parametrize("relu", [False, True])
def test_it_is_the_convolution(scheme, size, zeros, relu):
    signal, weight, bias = some(1, 6, *size), some(5, 6, 3, 3, seed=1), some(5, seed=2)
    found = prepare_lines(scheme, weight, bias, relu=relu)(signal, zeros)
    expected = functional.conv2d(padded(signal, zeros), weight, bias)
    torch.testing.assert_close(found, expected.relu() if relu else expected, rtol=1e-12, atol=1e-12)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("scheme", [F2, F4], ids=["F2", "F4"])
def test_a_convolution_without_bias_has_none(scheme):
    signal, weight = some(1, 4, 6, 6), some(3, 4, 3, 3, seed=1)
    torch.testing.assert_close(
        prepare_lines(scheme, weight)(signal, (1, 1, 1, 1)),
        functional.conv2d(signal, weight, padding=1),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize(("scheme", "least", "most"), [(F2, 1.2, 3.0), (F4, 3.0, 8.0)], ids=["F2", "F4"])
def test_its_rounding_in_bfloat16_is_as_documented(scheme, least, most):
    signal, weight = some(1, 64, 24, 24, dtype=torch.bfloat16).relu(), some(64, 64, 3, 3, dtype=torch.bfloat16, seed=1)
    exact = functional.conv2d(signal.double(), weight.double(), padding=1)
    plain, fast = (
        (run(signal, (1, 1, 1, 1)).double() - exact).norm() for run in (prepare(weight), prepare_lines(scheme, weight))
    )
    assert least < float(fast / plain) < most


tiles = pytest.mark.skipif(
    "tiles" not in winograd_choices(torch.device("cpu"), torch.float32), reason="no numba, or another OpenMP than GNU's"
)


@tiles
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (6, 9), (4, 10), (3, 3), (61, 90)])
@pytest.mark.parametrize("channels", [(6, 5), (64, 80)])
@pytest.mark.parametrize("zeros", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (1, 0, 2, 1), (0, 2, 0, 1)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_in_tiles_it_is_the_convolution(size, channels, zeros, relu, threads):
    from impasto.kernels.cpu.winograd.tiles import prepare_tiles

    torch.set_num_threads(threads)
    inputs, outputs = channels
    signal, weight = (
        some(1, inputs, *size, dtype=torch.float32),
        some(outputs, inputs, 3, 3, dtype=torch.float32, seed=1),
    )
    bias = some(outputs, dtype=torch.float32, seed=2)
    expected = functional.conv2d(padded(signal, zeros).double(), weight.double(), bias.double())
    found = prepare_tiles(weight, bias, relu=relu)(signal, zeros)
    assert found.is_contiguous(memory_format=torch.channels_last)
    expected = expected.relu() if relu else expected
    assert float((found - expected).norm() / expected.norm()) < 5e-6
    torch.testing.assert_close(
        prepare_tiles(weight)(signal, zeros) + bias[:, None, None],
        prepare_tiles(weight, bias)(signal, zeros),
        rtol=1e-4,
        atol=1e-4,
    )


def test_ways_to_save_depend_on_device_and_precision():
    cpu = torch.device("cpu")
    assert winograd_choices(torch.device("cuda"), torch.float32) == winograd_choices(cpu, torch.float64) == ("off",)
    assert winograd_choices(cpu, torch.bfloat16) == ("off", "lines")
    assert winograd_choices(cpu, torch.float32)[:2] == ("off", "lines")
