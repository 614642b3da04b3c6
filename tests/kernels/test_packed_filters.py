"""Fixed filters against torch's own convolution in double precision."""

import pytest
import torch
from torch.nn import functional

from impasto.kernels.cpu.packed_filters import convolve_by_product, prepare


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


@pytest.mark.parametrize("relu", [False, True])
def test_a_prepared_filter_takes_signals_of_any_shape_in_turn(relu):
    weight, bias = random(64, 32, 3, 3), random(64)
    convolve = prepare(weight, bias, relu=relu)
    for shape, zeros in [
        ((9, 40), (1, 1, 1, 1)),
        ((40, 9), (1, 1, 1, 1)),
        ((3, 66), (0, 0, 0, 0)),
        ((66, 3), (0, 0, 2, 2)),
        ((9, 40), (1, 0, 1, 2)),
        ((9, 40), (0, 2, 0, 1)),
        ((9, 40), (1, 1, 1, 1)),
    ]:
        signal = random(1, 32, *shape).contiguous(memory_format=torch.channels_last)
        above, below, left, right = zeros
        padded = functional.pad(signal.double(), (left, right, above, below))
        expected = functional.conv2d(padded, weight.double(), bias.double())
        expected = expected.clamp_min(0) if relu else expected
        output = convolve(signal, zeros)
        assert output.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(output.double(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 20), (20, 3), (5, 6)])
def test_a_product_of_matrices_is_the_convolution(shape):
    signal, weight, bias = random(1, 8, *shape).double(), random(16, 8, 3, 3).double(), random(16).double()
    output = convolve_by_product(signal, weight.contiguous(memory_format=torch.channels_last), bias)
    torch.testing.assert_close(output, functional.conv2d(signal, weight, bias))
    assert output.is_contiguous(memory_format=torch.channels_last)
