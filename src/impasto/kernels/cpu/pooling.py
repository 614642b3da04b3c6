"""2 × 2 pooling and its way back: by hand, without autograd.

Signals are (1, C, H, W) and not negative; a last row or column beyond an even number is left out.
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
"""From the cotangent of an output, which it uses up, to that of the input."""


class Pool(NamedTuple):
    """The largest, `scale` times the mean, or `scale` times the root of the sum of squares of each four."""

    kind: Pooling
    scale: float = 1.0

    @property
    def includes_relu(self) -> bool:
        """Whether its way back is that through a ReLU before it as well."""
        return self.kind == "max"

    def forward(self, signal: Tensor) -> Tensor:
        """Return what each four become."""
        if self.kind == "max":
            return _largest(signal)
        return (functional.avg_pool2d(signal, 2) if self.kind == "average" else _norm(signal)) * self.scale

    def make_pullback(self, signal: Tensor, pooled: Tensor) -> Pullback:
        """Return the way back from `pooled` to `signal`, which holds no more of them than it needs."""
        if self.kind == "max":
            return _max_pullback(signal, pooled)
        shape, scale = signal.shape, self.scale
        if self.kind == "average":
            return lambda cotangent: _spread(cotangent * (scale / 4), shape)
        return lambda cotangent: _spread(cotangent * scale / _norm(signal), shape).mul_(signal)


def retained_bytes(kind: Pooling, feature: int) -> float:
    """Return the bytes that `Pool.way_back` retains for each unit of its output.

    Args:
        kind: How four units become one.
        feature: Bytes of one feature.

    Returns:
        Four bits for max, which of four was the largest and whether it is above 0; for l2 the four units themselves.

    """
    return {"max": 0.5, "average": 0.0, "l2": 4.0 * feature}[kind]


def _largest(signal: Tensor) -> Tensor:
    if has_loops_for(signal, torch.channels_last):
        from impasto.kernels.cpu.compiled.pooling import max_pool  # noqa: PLC0415 (not everywhere)

        return max_pool(signal)
    upper_left, upper_right, lower_left, lower_right = _quarters(signal)
    return upper_left.maximum(upper_right).maximum(lower_left.maximum(lower_right))


def _max_pullback(signal: Tensor, pooled: Tensor) -> Pullback:
    """Remember which of four was the largest, the first of equal ones, in two bits; in a third whether it is above 0.

    So this is the way back through the ReLU before the pooling as well.
    """
    if has_loops_for(signal, torch.channels_last):
        return _compiled_pullback(signal)
    upper_left, upper_right, lower_left, lower_right = _quarters(as_bits(signal))
    lower = is_less(upper_left.maximum(upper_right), as_bits(pooled))
    right = is_less(upper_left, upper_right)
    right ^= (right ^ is_less(lower_left, lower_right)) & lower
    row, column, active = (Bits.pack(mask) for mask in (lower, right, is_less(0, as_bits(pooled))))
    shape = signal.shape

    def pullback(cotangent: Tensor) -> Tensor:
        gradient = _room(cotangent, shape)
        passing = as_bits(cotangent).bitwise_and_(active.unpack())
        quarters = _quarters(as_bits(gradient))
        below = row.unpack().bitwise_and_(passing)
        above = passing.bitwise_xor_(below)
        on_right = column.unpack()
        for half, left, right in zip((above, below), quarters[::2], quarters[1::2], strict=True):
            torch.bitwise_and(half, on_right, out=right)
            torch.bitwise_xor(half, right, out=left)
        return gradient

    return pullback


def _compiled_pullback(signal: Tensor) -> Pullback:
    """Do the same by compiled loops, with four bits for three."""
    from impasto.kernels.cpu.compiled import pooling  # noqa: PLC0415 (not everywhere)

    chosen, shape = pooling.choices(signal), signal.shape

    def pullback(cotangent: Tensor) -> Tensor:
        gradient = _room(cotangent, shape)
        pooling.unpool(cotangent.contiguous(memory_format=torch.channels_last), chosen, gradient)
        return gradient

    return pullback


def _norm(signal: Tensor) -> Tensor:
    """Return the root of the sum of squares of each four, above 0."""
    squares = functional.avg_pool2d(signal.square(), 2) * 4
    return squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt()


def _spread(cotangent: Tensor, shape: torch.Size) -> Tensor:
    """Give each four the cotangent of their output."""
    gradient = _room(cotangent, shape)
    for quarter in _quarters(gradient):
        quarter.copy_(cotangent)
    return gradient


def _room(cotangent: Tensor, shape: torch.Size) -> Tensor:
    """Return a tensor for a gradient; what pooling leaves out is 0."""
    gradient = torch.empty(shape, dtype=cotangent.dtype, device=cotangent.device, memory_format=torch.channels_last)
    gradient[:, :, shape[2] // 2 * 2 :] = 0
    gradient[:, :, :, shape[3] // 2 * 2 :] = 0
    return gradient


def _quarters(signal: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """View each four by place, from the upper left to the lower right, each (1, C, H // 2, W // 2)."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    upper, lower = (signal[:, :, row:height:2] for row in (0, 1))
    return tuple(half[..., column:width:2] for half in (upper, lower) for column in (0, 1))  # pyright: ignore[reportReturnType]
