"""The way back through a ReLU: by its output where that is kept anyway, else by a bit a unit.

Signals are (1, C, H, W) in channels_last.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.kernels.cpu.bitmasks import Bits, as_bits, is_less
from impasto.kernels.cpu.compiled import has_loops_for

__all__ = ["RETAINED_BYTES", "Clear", "clear_by_bits", "clear_by_output"]

RETAINED_BYTES = 1 / 8
"""Bytes a unit that `by_bits` retains; `by_output` retains nothing but the output."""

Clear = Callable[[Tensor], object]
"""Set a cotangent to 0, in place, where the ReLU let nothing pass."""


def clear_by_output(output: Tensor) -> Clear:
    """Remember the output itself."""

    def clear(cotangent: Tensor) -> object:
        return torch.ops.aten.threshold_backward.grad_input(cotangent, output, 0, grad_input=cotangent)

    return clear


def clear_by_bits(output: Tensor) -> Clear:
    """Remember where the output is above 0, a bit a unit."""
    if has_loops_for(output, torch.channels_last):
        from impasto.kernels.cpu.compiled import relu  # noqa: PLC0415 (not everywhere)

        packed = relu.pack(output)
        return lambda cotangent: relu.clear(cotangent, packed)
    bits = Bits.pack(is_less(0, as_bits(output)))
    return lambda cotangent: as_bits(cotangent).bitwise_and_(bits.unpack())
