"""A 3 × 3 convolution with its bias and ReLU, and its transpose: by hand, without autograd.

Both are the same operation: the transpose of a convolution is one with its filters turned. Signals are (1, C, H, W) in
channels_last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.borders import Border
from impasto.kernels.cpu.packed_filters import Filter, convolve_by_product, prepare
from impasto.kernels.cpu.winograd import F2, F4, Scheme, prepare_lines
from impasto.settings.choices import Winograd

__all__ = ["Convolution"]

_CHANNELS: Mapping[Winograd, tuple[int, int]] = {"lines": (128, 256), "tiles": (64, 64)}
"""Channels, at least, on the narrower and the wider side, for which fewer multiplications repay the transforms."""

_POSITIONS = 512
"""Positions, at least, for the same."""

_SMALL_UNITS = 1 << 21
"""Units of a signal up to which a copy of it with its border takes less time than to compute the border apart."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """One layer's filters, ready to go forward and back."""

    weight: Tensor
    """(out, in, 3, 3)."""
    bias: Tensor
    """(out,)."""
    winograd: Winograd = "off"
    """How to save multiplications where that pays, by Winograd's algorithm: F(4, 3), or forward in bfloat16 F(2, 3),
    since features bear less rounding than gradients (docs/notes/speed.md)."""

    def forward(self, signal: Tensor, border: Border, rows: slice = slice(None)) -> Tensor:
        """Return max(0, filters ∗ signal + bias), (1, out, H, W), or some rows of it that are next to one another."""
        cuts, height = border.cuts, signal.shape[2]
        first, last, _ = rows.indices(height - cuts.above - cuts.below)
        if _is_small(signal) and (border.rows or border.columns):
            around = _beside(_beside(signal, 2, border), 3, border)
            return self._ahead(around[:, :, first : last + 2], (0, 0, 0, 0))
        start, stop = first + cuts.above, last + cuts.above  # among the signal's
        above, below = min(start, 1), min(height - stop, 1)
        zeros = (1 - above, 1 - below, 1 - cuts.left, 1 - cuts.right)
        output = self._ahead(signal[:, :, start - above : stop + below], zeros)
        for end, edge in border.copied(2):
            if end % height in range(start, stop):
                strip = _beside(_outermost(signal, 2, end, edge), 3, border)
                output[:, :, end] = self._narrow(strip)[:, :, 0]
        for end, edge in border.copied(3):
            strip = _beside(_outermost(signal, 3, end, edge), 2, border)
            output[..., end] = self._narrow(strip[:, :, first : last + 2])[..., 0]
        return output

    def pullback(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the gradient by the signal of ⟨cotangent, filters ∗ signal⟩, (1, in, H, W)."""
        above, below, *_ = border.cuts
        if border.rows is None:
            return self._across(cotangent, (1 + above, 1 + below), border)
        wide = self.pullback_with_border(cotangent, border)
        gradient = wide[:, :, 1 - above : wide.shape[2] - 1 + below]
        for end, edge in border.copied(2):
            gradient[:, :, edge] += wide[:, :, end]
        return gradient

    def pullback_with_border(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the same with a row more above and below where the signal is not cut: for what stands beyond."""
        return self._across(cotangent, (2, 2), border)

    def _across(self, cotangent: Tensor, zeros: tuple[int, int], border: Border) -> Tensor:
        """Go back with rows of zeros above and below; what goes to columns of the border is added where they are."""
        *_, left, right = border.cuts
        if _is_small(cotangent) and border.columns:
            wide = self._back(cotangent, (*zeros, 2, 2))
            gradient = wide[..., 1 - left : wide.shape[3] - 1 + right]
            for end, edge in border.copied(3):
                gradient[..., edge] += wide[..., end]
            return gradient.contiguous(memory_format=torch.channels_last)
        gradient = self._back(cotangent, (*zeros, 1 + left, 1 + right))
        rows = slice(2 - zeros[0], 2 - zeros[0] + gradient.shape[2])
        for end, edge in border.copied(3):
            gradient[..., edge] += self._beyond(cotangent[0, ..., end], end)[..., rows]
        return gradient

    def _narrow(self, strip: Tensor) -> Tensor:
        """Go forward through a strip with its border, of three rows or three columns."""
        return convolve_by_product(strip, self.weight, self.bias).clamp_min_(0)

    def _beyond(self, column: Tensor, end: int) -> Tensor:
        """Return what the column at an end of a cotangent, (out, H), gives to the one beyond, (1, in, H + 2)."""
        height = column.shape[1]
        wide = column.new_zeros(height + 2, self.weight.shape[1])
        for row in range(3):
            wide[row : row + height].addmm_(column.T, self.weight[:, :, row, end])
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
        if self.winograd == "off" or narrow < _CHANNELS[self.winograd][0] or wide < _CHANNELS[self.winograd][1]:
            return plain
        if self.winograd == "tiles":
            from impasto.kernels.cpu.winograd.tiles import prepare_tiles  # noqa: PLC0415 (not everywhere)

            fast = prepare_tiles(weight, bias, relu=relu)
        else:
            fast = prepare_lines(scheme, weight, bias, relu=relu)
        return lambda signal, zeros: (fast if signal[0, 0].numel() >= _POSITIONS else plain)(signal, zeros)


def _is_small(signal: Tensor) -> bool:
    """Tell whether to copy a signal with its border takes less time than to compute the border apart."""
    return signal.numel() <= _SMALL_UNITS


def _outermost(signal: Tensor, axis: int, end: int, edge: int) -> Tensor:
    """Return the first or the last row or column between its neighbors, one of them beyond."""
    copy = signal.narrow(axis, edge % signal.shape[axis], 1)
    inside = signal.narrow(axis, signal.shape[axis] - 2 if end else 0, 2)
    return _joined([inside, copy] if end else [copy, inside], axis)


def _beside(strip: Tensor, axis: int, border: Border) -> Tensor:
    """Return a strip with its border along an axis."""
    edges, cuts = border.along(axis)
    if edges is None:
        before, after = (int(not cut) for cut in cuts)
        return functional.pad(strip, (before, after, 0, 0) if axis == 3 else (0, 0, before, after))
    copies = {end: [strip.narrow(axis, edge % strip.shape[axis], 1)] for end, edge in border.copied(axis)}
    return _joined([*copies.get(0, []), strip, *copies.get(-1, [])], axis)


def _joined(parts: Sequence[Tensor], axis: int) -> Tensor:
    return torch.cat(list(parts), axis).contiguous(memory_format=torch.channels_last)
