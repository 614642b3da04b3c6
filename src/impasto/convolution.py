"""A 3 × 3 convolution with its bias and ReLU, and its transpose: by hand, without autograd.

Both are the same operation: the transpose of a convolution is one with its filters turned. Signals are (1, C, H, W) in
channels_last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from impasto.filters import Filter, prepare
from impasto.winograd import F2, F4, Scheme, prepare_winograd

__all__ = ["Convolution", "Padding"]

Padding = Literal["zeros", "replicate", "reflect"]

_MIRROR = {"replicate": 0, "reflect": 1}
"""The row of which a copy stands beyond row 0."""

_CHANNELS = (128, 256)
"""Channels, at least, on the narrower and the wider side, for which fewer multiplications repay the transforms."""

_POSITIONS = 512
"""Positions, at least, for the same."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """One layer's filters, ready to go forward and back."""

    weight: Tensor
    """(out, in, 3, 3)."""
    bias: Tensor
    """(out,)."""
    padding: Padding = "zeros"
    winograd: bool = False
    """Whether to save multiplications where that pays: by F(4, 3), or forward in bfloat16 by F(2, 3), since features
    bear less rounding than gradients (docs/notes/speed.md)."""

    def forward(self, signal: Tensor) -> Tensor:
        """Return max(0, filters ∗ signal + bias), (1, out, H, W)."""
        output = self._ahead(signal, 1)
        if self.padding != "zeros":  # they are right for all outputs but the outermost
            output[:, :, :1] = self._bordered(signal[:, :, :2], (1, 1, 1, 0))
            output[:, :, -1:] = self._bordered(signal[:, :, -2:], (1, 1, 0, 1))
            output[..., :1] = self._bordered(signal[..., :2], (1, 0, 1, 1))
            output[..., -1:] = self._bordered(signal[..., -2:], (0, 1, 1, 1))
        return output

    def pullback(self, cotangent: Tensor) -> Tensor:
        """Return the gradient by the signal of ⟨cotangent, filters ∗ signal⟩, (1, in, H, W)."""
        gradient = self._back(cotangent, 1)
        if self.padding == "zeros":
            return gradient
        near, far = _MIRROR[self.padding], -1 - _MIRROR[self.padding]
        # What goes to the border is a row or column of the gradient by the bordered signal; the corners are in both.
        gradient[:, :, near] += self._back(cotangent[:, :, :1], 2)[:, :, 0, 1:-1]
        gradient[:, :, far] += self._back(cotangent[:, :, -1:], 2)[:, :, 2, 1:-1]
        left, right = self._back(cotangent[..., :1], 2)[..., 0], self._back(cotangent[..., -1:], 2)[..., 2]
        for column, place in ((left, near), (right, far)):  # (1, in, H + 2)
            column[..., 1 + near] += column[..., 0]
            column[..., -1 + far] += column[..., -1]
            gradient[..., place] += column[..., 1:-1]
        return gradient

    def _bordered(self, edge: Tensor, border: Sequence[int]) -> Tensor:
        """Return the outputs along an edge of the signal, two units wide, with a border: left, right, top, bottom."""
        return self._ahead(functional.pad(edge, tuple(border), mode=self.padding), 0)

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
        if not self.winograd or narrow < _CHANNELS[0] or wide < _CHANNELS[1]:
            return plain
        fast = prepare_winograd(scheme, weight, bias, relu=relu)
        return lambda signal, padding: (fast if signal[0, 0].numel() >= _POSITIONS else plain)(signal, padding)
