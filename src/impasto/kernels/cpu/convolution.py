"""A 3 × 3 convolution with its bias and ReLU, and its transpose, without autograd.

The transpose of a convolution is a convolution with the filters flipped and their channels swapped. Signals are
(1, C, H, W) in channels_last.
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

_MIN_CHANNELS: Mapping[Winograd, tuple[int, int]] = {"lines": (128, 256), "tiles": (64, 64)}
"""The least channels on the narrower and on the wider side of a convolution for which Winograd's algorithm is faster,
by timing (docs/notes/speed.md)."""

_MIN_POSITIONS = 512
"""The least positions of a signal for which Winograd's algorithm is faster than a plain convolution."""

_SMALL_UNITS = 1 << 21
"""The most units of a signal that is copied with its border; for larger ones it is faster to compute the border
separately."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """One layer's filters, prepared for the forward and the backward pass."""

    weight: Tensor
    """The filters, (out, in, 3, 3)."""
    bias: Tensor
    """The bias of each output channel, (out,)."""
    winograd: Winograd = "off"
    """How wide convolutions save multiplications by Winograd's algorithm. They use F(4, 3), but F(2, 3) for a forward
    pass in bfloat16, since features tolerate less rounding than gradients (docs/notes/speed.md)."""

    def forward(self, signal: Tensor, border: Border, rows: slice = slice(None)) -> Tensor:
        """Return max(0, filters ∗ signal + bias), or consecutive rows of it.

        Args:
            signal: The input, (1, in, H, W).
            border: The padding of the signal, and the sides without padding.
            rows: The rows of the output to compute; all of them, if not given.

        Returns:
            The output, (1, out, rows, W), one unit smaller on each cut side.

        """
        cuts, height = border.cuts, signal.shape[2]
        first, last, _ = rows.indices(height - cuts.above - cuts.below)
        if _is_small(signal) and (border.rows or border.columns):
            padded = _with_border(_with_border(signal, 2, border), 3, border)
            return self._forward_filter(padded[:, :, first : last + 2], (0, 0, 0, 0))
        start, stop = first + cuts.above, last + cuts.above  # rows of the signal
        above, below = min(start, 1), min(height - stop, 1)
        zeros = (1 - above, 1 - below, 1 - cuts.left, 1 - cuts.right)
        output = self._forward_filter(signal[:, :, start - above : stop + below], zeros)
        for end, source in border.copied_edges(2):
            if end % height in range(start, stop):
                strip = _with_border(_edge_strip(signal, 2, end, source), 3, border)
                output[:, :, end] = self._convolve_strip(strip)[:, :, 0]
        for end, source in border.copied_edges(3):
            strip = _with_border(_edge_strip(signal, 3, end, source), 2, border)
            output[..., end] = self._convolve_strip(strip[:, :, first : last + 2])[..., 0]
        return output

    def pullback(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the gradient by the signal of ⟨cotangent, filters ∗ signal⟩.

        Args:
            cotangent: The gradient by the convolution's output before the ReLU, (1, out, H, W).
            border: The border that the forward pass used.

        Returns:
            The gradient, (1, in, H, W), one unit larger on each cut side.

        """
        above, below, *_ = border.cuts
        if border.rows is None:
            return self._pullback_with_rows(cotangent, (1 + above, 1 + below), border)
        wide = self.pullback_with_border(cotangent, border)
        gradient = wide[:, :, 1 - above : wide.shape[2] - 1 + below]
        for end, source in border.copied_edges(2):
            gradient[:, :, source] += wide[:, :, end]
        return gradient

    def pullback_with_border(self, cotangent: Tensor, border: Border) -> Tensor:
        """Return the gradient by the signal with the rows of its border.

        Args:
            cotangent: The gradient by the convolution's output before the ReLU, (1, out, H, W).
            border: The border that the forward pass used.

        Returns:
            The gradient, (1, in, H + 2, W), whose first and last rows belong to the border, or to the signal on a
            side that is cut.

        """
        return self._pullback_with_rows(cotangent, (2, 2), border)

    def _pullback_with_rows(self, cotangent: Tensor, zeros: tuple[int, int], border: Border) -> Tensor:
        """Return the gradient for rows of zeros above and below; the border's columns are added to their sources."""
        *_, left, right = border.cuts
        if _is_small(cotangent) and border.columns:
            wide = self._backward_filter(cotangent, (*zeros, 2, 2))
            gradient = wide[..., 1 - left : wide.shape[3] - 1 + right]
            for end, source in border.copied_edges(3):
                gradient[..., source] += wide[..., end]
            return gradient.contiguous(memory_format=torch.channels_last)
        gradient = self._backward_filter(cotangent, (*zeros, 1 + left, 1 + right))
        rows = slice(2 - zeros[0], 2 - zeros[0] + gradient.shape[2])
        for end, source in border.copied_edges(3):
            gradient[..., source] += self._column_pullback(cotangent[0, ..., end], end)[..., rows]
        return gradient

    def _convolve_strip(self, strip: Tensor) -> Tensor:
        """Return the output for a strip of three rows or three columns that contains its border."""
        return convolve_by_product(strip, self.weight, self.bias).clamp_min_(0)

    def _column_pullback(self, column: Tensor, end: int) -> Tensor:
        """Return the gradient by a column of the border, (1, in, H + 2), from a cotangent's outer column, (out, H)."""
        height = column.shape[1]
        wide = column.new_zeros(height + 2, self.weight.shape[1])
        for row in range(3):
            wide[row : row + height].addmm_(column.T, self.weight[:, :, row, end])
        return wide.T[None]

    @cached_property
    def _forward_filter(self) -> Filter:
        """The convolution with bias and ReLU."""
        scheme = F2 if self.weight.dtype == torch.bfloat16 else F4
        return self._prepare(scheme, self.weight, self.bias, relu=True)

    @cached_property
    def _backward_filter(self) -> Filter:
        """The transposed convolution."""
        return self._prepare(F4, self.weight.flip(2, 3).transpose(0, 1))

    def _prepare(self, scheme: Scheme, weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
        """Return a filter that uses Winograd's algorithm for signals for which it is faster."""
        plain = prepare(weight, bias, relu=relu)
        narrow, wide = sorted(weight.shape[:2])
        if self.winograd == "off" or narrow < _MIN_CHANNELS[self.winograd][0] or wide < _MIN_CHANNELS[self.winograd][1]:
            return plain
        if self.winograd == "tiles":
            from impasto.kernels.cpu.winograd.tiles import prepare_tiles  # noqa: PLC0415 (not everywhere)

            fast = prepare_tiles(weight, bias, relu=relu)
        else:
            fast = prepare_lines(scheme, weight, bias, relu=relu)
        return lambda signal, zeros: (fast if signal[0, 0].numel() >= _MIN_POSITIONS else plain)(signal, zeros)


def _is_small(signal: Tensor) -> bool:
    """Tell whether it is faster to copy a signal with its border than to compute the border separately."""
    return signal.numel() <= _SMALL_UNITS


def _edge_strip(signal: Tensor, axis: int, end: int, source: int) -> Tensor:
    """Return the first or the last row or column of a signal between its inner neighbor and the border's copy."""
    copy = signal.narrow(axis, source % signal.shape[axis], 1)
    inside = signal.narrow(axis, signal.shape[axis] - 2 if end else 0, 2)
    return _concatenate([inside, copy] if end else [copy, inside], axis)


def _with_border(signal: Tensor, axis: int, border: Border) -> Tensor:
    """Return a signal with its border along an axis."""
    edges, cuts = border.along(axis)
    if edges is None:
        before, after = (int(not cut) for cut in cuts)
        return functional.pad(signal, (before, after, 0, 0) if axis == 3 else (0, 0, before, after))
    copies = {end: [signal.narrow(axis, source % signal.shape[axis], 1)] for end, source in border.copied_edges(axis)}
    return _concatenate([*copies.get(0, []), signal, *copies.get(-1, [])], axis)


def _concatenate(signals: Sequence[Tensor], axis: int) -> Tensor:
    """Concatenate signals along an axis, in channels_last."""
    return torch.cat(list(signals), axis).contiguous(memory_format=torch.channels_last)
