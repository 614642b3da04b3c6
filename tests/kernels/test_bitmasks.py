import pytest
import torch

from impasto.kernels.cpu.bitmasks import Bits, as_bits, is_less

FLOATS = [torch.bfloat16, torch.float32, torch.float64]


def not_negative(shape, dtype, layout=torch.contiguous_format, seed=0):
    values = torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 0.4
    return values.clamp_min(0).to(dtype).contiguous(memory_format=layout)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1, 8, 4, 4), (1, 3, 5, 7), (1, 1, 1, 1), (1, 64, 3, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_mask_comes_back_as_it_was(shape, dtype, layout):
    mask = is_less(0, as_bits(not_negative(shape, dtype, layout)))
    back = Bits.pack(mask).unpack()
    assert torch.equal(back, mask)
    assert back.stride() == mask.stride()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_mask_leaves_or_clears_floats(dtype):
    values, gradient = not_negative((1, 8, 5, 5), dtype), torch.randn(1, 8, 5, 5).to(dtype)
    masked = (as_bits(gradient) & is_less(0, as_bits(values))).view(dtype)
    assert torch.equal(masked, torch.where(values > 0, gradient, torch.zeros_like(gradient)))


@pytest.mark.parametrize("dtype", FLOATS)
def test_bits_are_ordered_like_their_floats(dtype):
    first, second = not_negative((1000,), dtype), not_negative((1000,), dtype, seed=1)
    first[:200] = second[:200]
    assert torch.equal(is_less(as_bits(first), as_bits(second)) == -1, first < second)


@pytest.mark.parametrize("dtype", FLOATS)
def test_an_element_takes_a_bit(dtype):
    packed = Bits.pack(is_less(0, as_bits(not_negative((1, 64, 10, 10), dtype)))).packed
    assert packed.numel() * packed.element_size() * 8 == 6400
