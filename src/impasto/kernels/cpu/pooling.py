"""2 × 2 pooling and its pullback, without autograd.

Signals are (1, C, H, W) and not negative. A block is a square of 2 × 2 units, which becomes one unit; the last row or
column of an odd side belongs to no block.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.cpu.bitmasks import Bits, as_bits, is_less
from impasto.kernels.cpu.compiled import has_loops_for
from impasto.settings.choices import Pooling

__all__ = ["Pool", "Pullback", "retained_bytes"]

Pullback = Callable[[Tensor], Tensor]
"""A function that returns the cotangent of an input, given the cotangent of the output, which it may overwrite."""


class Pool(NamedTuple):
    """A pooling: the maximum, or `scale` times the mean or the L2 norm of each block of 2 × 2 units."""

    kind: Pooling
    """Max, average or L2 pooling."""
    scale: float = 1.0
    """The factor of average and L2 pooling."""

    @property
    def includes_relu(self) -> bool:
        """Whether the pullback contains that of a ReLU before the pooling."""
        return self.kind == "max"

    def forward(self, signal: Tensor) -> Tensor:
        """Return the pooled signal, (1, C, H // 2, W // 2)."""
        if self.kind == "max":
            return _max(signal)
        return (functional.avg_pool2d(signal, 2) if self.kind == "average" else _norm(signal)) * self.scale

    def make_pullback(self, signal: Tensor, pooled: Tensor) -> Pullback:
        """Return the pullback, which retains no more than it needs.

        Args:
            signal: The input of the pooling, (1, C, H, W).
            pooled: The output of the pooling, (1, C, H // 2, W // 2).

        Returns:
            A function from the cotangent of `pooled` to the cotangent of `signal`.

        """
        if self.kind == "max":
            return _max_pullback(signal, pooled)
        shape, scale = signal.shape, self.scale
        if self.kind == "average":
            return lambda cotangent: _to_each_block(cotangent * (scale / 4), shape)
        return lambda cotangent: _to_each_block(cotangent * scale / _norm(signal), shape).mul_(signal)


def retained_bytes(kind: Pooling, feature: int) -> float:
    """Return the number of bytes that `Pool.make_pullback` retains for each unit of the pooling's output.

    Args:
        kind: The kind of pooling.
        feature: The size of one feature, in bytes.

    Returns:
        For max pooling four bits: which of four units is the largest, and whether it is above 0; for L2 pooling the
        four units themselves.

    """
    return {"max": 0.5, "average": 0.0, "l2": 4.0 * feature}[kind]


def _max(signal: Tensor) -> Tensor:
    """Return the largest unit of each block."""
    if has_loops_for(signal, torch.channels_last):
        from impasto.kernels.cpu.compiled.pooling import max_pool  # noqa: PLC0415 (not everywhere)

        return max_pool(signal)
    upper_left, upper_right, lower_left, lower_right = _quarters(signal)
    return upper_left.maximum(upper_right).maximum(lower_left.maximum(lower_right))


def _max_pullback(signal: Tensor, pooled: Tensor) -> Pullback:
    """Return the pullback of max pooling and of a ReLU before it.

    Two bits of each block retain which unit is the largest, the first of equal ones; a third bit retains whether it is
    above 0.
    """
    if has_loops_for(signal, torch.channels_last):
        return _compiled_pullback(signal)
    upper_left, upper_right, lower_left, lower_right = _quarters(as_bits(signal))
    is_lower = is_less(upper_left.maximum(upper_right), as_bits(pooled))
    is_right = is_less(upper_left, upper_right)
    is_right ^= (is_right ^ is_less(lower_left, lower_right)) & is_lower
    masks = is_lower, is_right, is_less(0, as_bits(pooled))
    lower_bits, right_bits, active_bits = (Bits.pack(mask) for mask in masks)
    shape = signal.shape

    def _pullback(cotangent: Tensor) -> Tensor:
        gradient = _empty_gradient(cotangent, shape)
        passing = as_bits(cotangent).bitwise_and_(active_bits.unpack())
        quarters = _quarters(as_bits(gradient))
        lower = lower_bits.unpack().bitwise_and_(passing)
        upper = passing.bitwise_xor_(lower)
        is_right = right_bits.unpack()
        for half, left, right in zip((upper, lower), quarters[::2], quarters[1::2], strict=True):
            torch.bitwise_and(half, is_right, out=right)
            torch.bitwise_xor(half, right, out=left)
        return gradient

    return _pullback


def _compiled_pullback(signal: Tensor) -> Pullback:
    """Return the pullback of max pooling and of a ReLU before it, by compiled loops that retain four bits per block."""
    from impasto.kernels.cpu.compiled import pooling  # noqa: PLC0415 (not everywhere)

    choices, shape = pooling.choices(signal), signal.shape

    def _pullback(cotangent: Tensor) -> Tensor:
        gradient = _empty_gradient(cotangent, shape)
        pooling.unpool(cotangent.contiguous(memory_format=torch.channels_last), choices, gradient)
        return gradient

    return _pullback


def _norm(signal: Tensor) -> Tensor:
    """Return the L2 norm of each block, above 0."""
    squares = functional.avg_pool2d(signal.square(), 2) * 4
    return squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()


def _to_each_block(cotangent: Tensor, shape: torch.Size) -> Tensor:
    """Return a gradient in which each unit has the cotangent of its block."""
    gradient = _empty_gradient(cotangent, shape)
    for quarter in _quarters(gradient):
        quarter.copy_(cotangent)
    return gradient


def _empty_gradient(cotangent: Tensor, shape: torch.Size) -> Tensor:
    """Return a tensor to write a gradient to; units that belong to no block are 0."""
    gradient = torch.empty(shape, dtype=cotangent.dtype, device=cotangent.device, memory_format=torch.channels_last)
    gradient[:, :, shape[2] // 2 * 2 :] = 0
    gradient[:, :, :, shape[3] // 2 * 2 :] = 0
    return gradient


def _quarters(signal: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """View the upper left, upper right, lower left and lower right units of all blocks, each (1, C, H // 2, W // 2)."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    upper, lower = (signal[:, :, row:height:2] for row in (0, 1))
    return tuple(half[..., column:width:2] for half in (upper, lower) for column in (0, 1))  # pyright: ignore[reportReturnType]
