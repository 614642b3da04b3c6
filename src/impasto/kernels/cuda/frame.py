"""A signal with a frame of one row or column on each side: what a convolution sees beyond the border.

A frame shows copies of rows and columns of the signal (replicate, reflect, wrap around), or zeros. On a side that is
cut there is no frame. A valid 3 × 3 convolution of a framed signal has the size of the signal, less a unit on each cut
side. Signals are (1, C, H, W) in channels_last.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from impasto.kernels.borders import Border

__all__ = ["NO_FRAME", "Frame"]


class Frame(NamedTuple):
    """Rows and columns that are added to a signal, and which of its rows and columns they copy; -1: zeros."""

    above: int = 0
    """Rows added above: 0 or 1."""
    below: int = 0
    left: int = 0
    right: int = 0
    first_row: int = -1
    """Row of the signal that is copied above it."""
    last_row: int = -1
    first_column: int = -1
    last_column: int = -1

    @classmethod
    def of(cls, border: Border, height: int, width: int) -> "Frame":
        """Return the frame that a border makes around a signal of a height and width."""
        added: list[int] = []
        copied: list[int] = []
        for axis, length in ((2, height), (3, width)):
            _, cuts = border.along(axis)
            added += [int(not cut) for cut in cuts]
            ends = dict(border.copied_edges(axis))
            copied += [ends[end] % length if end in ends else -1 for end in (0, -1)]
        return cls(*added, *copied)

    @property
    def is_zeros(self) -> bool:
        """Whether there are zeros on all sides."""
        return self == Frame(1, 1, 1, 1)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of a framed signal."""
        return height + self.above + self.below, width + self.left + self.right

    def valid_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width of what a valid 3 × 3 convolution makes of a framed signal."""
        rows, columns = self.size(height, width)
        return rows - 2, columns - 2

    def interior(self, framed: Tensor) -> Tensor:
        """View the signal in a framed one."""
        height, width = framed.shape[2:]
        return framed[:, :, self.above : height - self.below, self.left : width - self.right]

    def pad(self, signal: Tensor) -> Tensor:
        """Return a framed copy of a signal."""
        batch, channels, height, width = signal.shape
        framed = torch.zeros(
            (batch, channels, *self.size(height, width)), dtype=signal.dtype, device=signal.device
        ).contiguous(memory_format=torch.channels_last)
        self.interior(framed).copy_(signal)
        for edge, beyond in self._columns(width):
            framed[..., beyond] = framed[..., edge]
        for edge, beyond in self._rows(height):
            framed[:, :, beyond] = framed[:, :, edge]
        return framed

    def fold(self, wide: Tensor) -> Tensor:
        """Return the gradient by a signal from the gradient by the framed one: the transpose of `put`.

        The rows and columns of the frame are added in place to those that they copy.
        """
        height, width = wide.shape[2] - self.above - self.below, wide.shape[3] - self.left - self.right
        for edge, beyond in self._rows(height):
            wide[:, :, edge] += wide[:, :, beyond]
        for edge, beyond in self._columns(width):
            wide[..., edge] += wide[..., beyond]
        return self.interior(wide)

    def _rows(self, height: int) -> list[tuple[int, int]]:
        """List which row is copied to which, among those of a framed signal."""
        listed = ((self.first_row, 0), (self.last_row, height + self.above))
        return [(self.above + edge, beyond) for edge, beyond in listed if edge >= 0]

    def _columns(self, width: int) -> list[tuple[int, int]]:
        listed = ((self.first_column, 0), (self.last_column, width + self.left))
        return [(self.left + edge, beyond) for edge, beyond in listed if edge >= 0]


NO_FRAME = Frame()
