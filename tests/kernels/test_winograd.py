import pytest
import torch
from torch.nn import functional

from impasto.kernels.cpu.packed_filters import prepare
from impasto.kernels.cpu.winograd import F2, F4, prepare_lines, winograd_choices

DOUBLE = torch.float64


def random_tensor(*shape, dtype=DOUBLE, seed=0):
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed)).to(dtype)


def padded(signal, zeros):
    above, below, left, right = zeros
    return functional.pad(signal, (left, right, above, below))


@pytest.mark.parametrize("scheme", [F2, F4], ids=["F2", "F4"])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (6, 9), (4, 10), (3, 3)])
@pytest.mark.parametrize("zeros", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (1, 0, 2, 1), (0, 2, 0, 1)])
@pytest.mark.parametrize("relu", [False, True])
def test_filtering_by_lines_is_the_convolution(scheme, size, zeros, relu):
    signal, weight, bias = random_tensor(1, 6, *size), random_tensor(5, 6, 3, 3, seed=1), random_tensor(5, seed=2)
    output = prepare_lines(scheme, weight, bias, relu=relu)(signal, zeros)
    expected = functional.conv2d(padded(signal, zeros), weight, bias)
    torch.testing.assert_close(output, expected.relu() if relu else expected, rtol=1e-12, atol=1e-12)
    assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("scheme", [F2, F4], ids=["F2", "F4"])
def test_a_convolution_without_bias_has_none(scheme):
    signal, weight = random_tensor(1, 4, 6, 6), random_tensor(3, 4, 3, 3, seed=1)
    torch.testing.assert_close(
        prepare_lines(scheme, weight)(signal, (1, 1, 1, 1)),
        functional.conv2d(signal, weight, padding=1),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize(("scheme", "min_ratio", "max_ratio"), [(F2, 1.2, 3.0), (F4, 3.0, 8.0)], ids=["F2", "F4"])
def test_the_rounding_of_lines_in_bfloat16_is_as_documented(scheme, min_ratio, max_ratio):
    signal, weight = (
        random_tensor(1, 64, 24, 24, dtype=torch.bfloat16).relu(),
        random_tensor(64, 64, 3, 3, dtype=torch.bfloat16, seed=1),
    )
    exact = functional.conv2d(signal.double(), weight.double(), padding=1)
    plain, winograd = (
        (convolve(signal, (1, 1, 1, 1)).double() - exact).norm()
        for convolve in (prepare(weight), prepare_lines(scheme, weight))
    )
    assert min_ratio < float(winograd / plain) < max_ratio


needs_tiles = pytest.mark.skipif(
    "tiles" not in winograd_choices(torch.device("cpu"), torch.float32), reason="no numba, or another OpenMP than GNU's"
)


@needs_tiles
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (6, 9), (4, 10), (3, 3), (61, 90)])
@pytest.mark.parametrize("channels", [(6, 5), (64, 80)])
@pytest.mark.parametrize("zeros", [(0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (1, 0, 2, 1), (0, 2, 0, 1)])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_filtering_by_tiles_is_the_convolution(size, channels, zeros, relu, threads):
    from impasto.kernels.cpu.winograd.tiles import prepare_tiles

    torch.set_num_threads(threads)
    inputs, outputs = channels
    signal, weight = (
        random_tensor(1, inputs, *size, dtype=torch.float32),
        random_tensor(outputs, inputs, 3, 3, dtype=torch.float32, seed=1),
    )
    bias = random_tensor(outputs, dtype=torch.float32, seed=2)
    expected = functional.conv2d(padded(signal, zeros).double(), weight.double(), bias.double())
    output = prepare_tiles(weight, bias, relu=relu)(signal, zeros)
    assert output.is_contiguous(memory_format=torch.channels_last)
    expected = expected.relu() if relu else expected
    assert float((output - expected).norm() / expected.norm()) < 5e-6
    torch.testing.assert_close(
        prepare_tiles(weight)(signal, zeros) + bias[:, None, None],
        prepare_tiles(weight, bias)(signal, zeros),
        rtol=1e-4,
        atol=1e-4,
    )


def test_the_choices_of_winograd_depend_on_device_and_precision():
    cpu = torch.device("cpu")
    assert winograd_choices(torch.device("cuda"), torch.float32) == winograd_choices(cpu, torch.float64) == ("off",)
    assert winograd_choices(cpu, torch.bfloat16) == ("off", "lines")
    assert winograd_choices(cpu, torch.float32)[:2] == ("off", "lines")
