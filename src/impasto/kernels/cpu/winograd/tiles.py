"""Winograd's minimal filtering in both directions: a quarter of a 3 × 3 convolution's multiplications.

F(4 × 4, 3 × 3) makes 16 outputs of a filter from 36 products instead of 144: y = Aᵀ[(G g Gᵀ) ∘ (Bᵀ d B)] A. For all
channels at once the products are 36 products of matrices. In float32 only: in bfloat16 it would round features beyond
use.

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
    """Return the cross-correlation with weight (out, in, 3, 3), plus bias (out,), after a ReLU if `relu`."""
    once = torch.tensor(F4.filters, dtype=torch.float64)  # G
    twice = torch.kron(once, once).to(weight.dtype)  # (36, 9)
    filters = (twice @ weight.permute(2, 3, 1, 0).flatten(0, 1).flatten(1)).view(
        36, *weight.shape[1::-1]
    )  # (36, in, out)
    added = weight.new_zeros(len(weight)) if bias is None else bias
    floor = 0.0 if relu else -math.inf

    def apply(signal: Tensor, zeros: Zeros) -> Tensor:
        signal = signal.contiguous(memory_format=torch.channels_last)
        above, below, left, right = zeros
        shape = (1, len(weight), signal.shape[2] + above + below - 2, signal.shape[3] + left + right - 2)
        output = torch.empty(shape, dtype=signal.dtype, memory_format=torch.channels_last)
        convolve(signal, filters, added, output, (above, left), floor)
        return output

    return apply
