"""A 3 × 3 convolution with its bias and ReLU, and its transpose: by hand, without autograd.

Both are the same operation: the transpose of a convolution is one with its filters turned. Signals are (1, C, H, W) in
channels_last.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from impasto.filters import Filter, prepare, product
from impasto.tiles import Wraps
from impasto.winograd import F2, F4, Saving, Scheme, prepare_lines

__all__ = ["Border", "Convolution", "Padding", "border"]

Padding = Literal["zeros", "replicate", "reflect", "replicate-first"]

Edges = tuple[int, int]
"""Along an axis, the indices of what stands beyond the first and beyond the last."""

_EDGES: Mapping[Padding, Edges | None] = {
    "zeros": None,
    "replicate": (0, -1),
    "reflect": (1, -2),
    "replicate-first": None,
}
_AROUND: Edges = (-1, 0)

_CHANNELS: Mapping[Saving, tuple[int, int]] = {"lines": (128, 256), "tiles": (64, 64)}
"""Channels, at least, on the narrower and the wider side, for which fewer multiplications repay the transforms."""

_POSITIONS = 512
"""Positions, at least, for the same."""


class Border(NamedTuple):
    """What stands beyond the border of a signal: copies of its rows and columns, or zeros (None)."""

    rows: Edges | None = None
    columns: Edges | None = None


def border(padding: Padding, wraps: Wraps = (False, False), *, first: bool = False) -> Border:
    """Return the border that a padding makes, in the first layer or another, where an axis does not wrap around."""
    edges = _EDGES["replicate" if first and padding == "replicate-first" else padding]
    return Border(*(_AROUND if wrap else edges for wrap in wraps))


@dataclass(frozen=True, eq=False)
class Convolution:
    """One layer's filters, ready to go forward and back."""

    weight: Tensor
    """(out, in, 3, 3)."""
    bias: Tensor
    """(out,)."""
    saving: Saving = "off"
    """How to save multiplications where that pays, by Winograd's algorithm: F(4, 3), or forward in bfloat16 F(2, 3),
    since features bear less rounding than gradients (docs/notes/speed.md)."""

    def forward(self, signal: Tensor, border: Border, rows: slice = slice(None)) -> Tensor:
        """Return some rows, next to one another, of max(0, filters ∗ signal + bias), (1, out, H, W)."""
        height = signal.shape[2]
        start, stop, _ = rows.indices(height)
        above, below = min(start, 1), min(height - stop, 1)
        zeros = 0 if above and below else 1  # right for this border, and for all but the outermost of any
        output = self._ahead(signal[:, :, start - above : stop + below], (zeros, 1))
        output = output[:, :, above * zeros :][:, :, : stop - start]
        if border.rows is not None:
            for place, near in ((0, (border.rows[0], 0, 1)), (height - 1, (-2, -1, border.rows[1]))):
                if start <= place < stop:
                    strip = _beside(_picked(signal, 2, near), 3, border.columns)
                    output[:, :, place - start] = self._narrow(strip)[:, :, 0]
        if border.columns is not None:
            for place, near in ((0, (border.columns[0], 0, 1)), (-1, (-2, -1, border.columns[1]))):
                strip = _beside(_picked(signal, 3, near), 2, border.rows)[:, :, start : stop + 2]
                output[..., place] = self._narrow(strip)[..., 0]
        return output

    def pullback(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the gradient by the signal of ⟨cotangent, filters ∗ signal⟩, (1, in, H, W)."""
        if border.rows is None:
            return self._across(cotangent, 1, border.columns)
        wide = self.pullback_beyond(cotangent, border)
        gradient = wide[:, :, 1:-1]
        for place, beyond in zip(border.rows, (0, -1), strict=True):
            gradient[:, :, place] += wide[:, :, beyond]
        return gradient

    def pullback_beyond(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the gradient by the signal, and by one row beyond it above and below, (1, in, H + 2, W)."""
        return self._across(cotangent, 2, border.columns)

    def _across(self, cotangent: Tensor, zeros: int, columns: Edges | None) -> Tensor:
        """Go back with rows of zeros above and below; what goes to columns of the border is added where they are."""
        gradient = self._back(cotangent, (zeros, 1))
        if columns is not None:
            rows = slice(2 - zeros, 2 - zeros + gradient.shape[2])
            for place, side, tap in zip(columns, (0, -1), (0, 2), strict=True):
                gradient[..., place] += self._beyond(cotangent[0, ..., side], tap)[..., rows]
        return gradient

    def _narrow(self, strip: Tensor) -> Tensor:
        """Go forward through a strip with its border, of three rows or three columns."""
        return product(strip, self.weight, self.bias).clamp_min_(0)

    def _beyond(self, column: Tensor, tap: int) -> Tensor:
        """Return what a column of a cotangent, (out, H), gives to the one beside it, (1, in, H + 2), by one tap."""
        height = column.shape[1]
        wide = column.new_zeros(height + 2, self.weight.shape[1])
        for row in range(3):
            wide[row : row + height].addmm_(column.T, self.weight[:, :, row, tap])
        return wide.T[None]

    @cached_property
    def _ahead(self) -> Filter:
        scheme = F2 if self.weight.dtype == torch.bfloat16 else F4
        return self._prepared(scheme, self.weight, self.bias, relu=True)

    @cached_property
    def _back(self) -> Filter:
        return self._prepared(F4, self.weight.flip(2, 3).transpose(0, 1))

    def _prepared(self, scheme: Scheme, weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
        plain = prepare(weight, bias, relu=relu)
        narrow, wide = sorted(weight.shape[:2])
        if self.saving == "off" or narrow < _CHANNELS[self.saving][0] or wide < _CHANNELS[self.saving][1]:
            return plain
        if self.saving == "tiles":
            from impasto.winograd.tiles import prepare_tiles  # noqa: PLC0415 (not everywhere)

            fast = prepare_tiles(weight, bias, relu=relu)
        else:
            fast = prepare_lines(scheme, weight, bias, relu=relu)
        return lambda signal, padding: (fast if signal[0, 0].numel() >= _POSITIONS else plain)(signal, padding)


def _picked(signal: Tensor, axis: int, places: tuple[int, ...]) -> Tensor:
    """Return some rows or columns of a signal."""
    strip = torch.cat([signal.narrow(axis, place % signal.shape[axis], 1) for place in places], axis)
    return strip.contiguous(memory_format=torch.channels_last)


def _beside(strip: Tensor, axis: int, edges: Edges | None) -> Tensor:
    """Return a strip with its border along an axis."""
    if edges is None:
        return functional.pad(strip, (1, 1, 0, 0) if axis == 3 else (0, 0, 1, 1))
    return _picked(strip, axis, (edges[0], *range(strip.shape[axis]), edges[1]))
