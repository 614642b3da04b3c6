"""Winograd's minimal filtering in both directions, with a quarter of a 3 × 3 convolution's multiplications.

F(4 × 4, 3 × 3) computes 16 outputs of a filter from 36 products instead of 144: y = Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)] A. For all
channels at once these are 36 matrix products. It works in float32 alone: in bfloat16 the rounding errors are too large.

Lavin and Gray, *Fast Algorithms for Convolutional Neural Networks*, CVPR 2016.
"""

import math

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.convolution import convolve
from impasto.kernels.cpu.packed_filters import Filter, Zeros
from impasto.kernels.cpu.winograd.lines import F4

__all__ = ["prepare_tiles"]


def prepare_tiles(weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return a filter by Winograd's algorithm in both directions.

    Args:
        weight: The filters in float32, (out, in, 3, 3).
        bias: The bias of each output channel, (out,); zeros, if not given.
        relu: Whether a ReLU follows.

    Returns:
        A function of a signal and its padding with zeros: the function of `packed_filters.prepare`, up to rounding.

    """
    matrix = torch.tensor(F4.filters, dtype=torch.float64)  # G
    both_directions = torch.kron(matrix, matrix).to(weight.dtype)  # (36, 9)
    filters = both_directions @ weight.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)
    filters = filters.view(36, *weight.shape[1::-1])  # (36, in, out)
    bias_or_zeros = weight.new_zeros(len(weight)) if bias is None else bias
    floor = 0.0 if relu else -math.inf

    def _apply(signal: Tensor, zeros: Zeros) -> Tensor:
        signal = signal.contiguous(memory_format=torch.channels_last)
        above, below, left, right = zeros
        shape = (1, len(weight), signal.shape[2] + above + below - 2, signal.shape[3] + left + right - 2)
        output = torch.empty(shape, dtype=signal.dtype, memory_format=torch.channels_last)
        convolve(signal, filters, bias_or_zeros, output, (above, left), floor)
        return output

    return _apply
