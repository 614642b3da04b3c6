"""The backward pass of a ReLU: by its output where a loss retains that anyway, else by one bit per unit.

Signals are (1, C, H, W) in channels_last.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from impasto.kernels.cpu.bitmasks import Bits, as_bits, is_less
from impasto.kernels.cpu.compiled import has_loops_for

__all__ = ["RETAINED_BYTES", "Clear", "clear_by_bits", "clear_by_output"]

RETAINED_BYTES = 1 / 8
"""The number of bytes per unit that `clear_by_bits` retains; `clear_by_output` retains nothing but the output."""

Clear = Callable[[Tensor], object]
"""A function that sets a cotangent to 0 in place, where the ReLU's output is 0."""


def clear_by_output(output: Tensor) -> Clear:
    """Return the backward pass of a ReLU that retains the output."""

    def _clear(cotangent: Tensor) -> object:
        return torch.ops.aten.threshold_backward.grad_input(cotangent, output, 0, grad_input=cotangent)

    return _clear


def clear_by_bits(output: Tensor) -> Clear:
    """Return the backward pass of a ReLU that retains one bit per unit: whether the output is above 0."""
    if has_loops_for(output, torch.channels_last):
        from impasto.kernels.cpu.compiled import relu  # noqa: PLC0415 (not everywhere)

        packed = relu.pack(output)
        return lambda cotangent: relu.clear(cotangent, packed)
    bits = Bits.pack(is_less(0, as_bits(output)))
    return lambda cotangent: as_bits(cotangent).bitwise_and_(bits.unpack())
