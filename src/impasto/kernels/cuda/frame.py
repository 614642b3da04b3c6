"""The padding of a signal as a frame: one row or column on each side.

A frame holds copies of rows and columns of the signal (replicate, reflect, wrap around), or zeros. A cut side has no
frame. A valid 3 × 3 convolution of a framed signal has the size of the signal, minus one unit on each cut side. Signals
are (1, C, H, W) in channels_last.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from impasto.kernels.borders import Border

__all__ = ["NO_FRAME", "Frame"]


class Frame(NamedTuple):
    """The rows and columns that are added to a signal, and the rows and columns of the signal that they copy."""

    above: int = 0
    """The number of rows added above, 0 or 1."""
    below: int = 0
    """The number of rows added below, 0 or 1."""
    left: int = 0
    """The number of columns added on the left, 0 or 1."""
    right: int = 0
    """The number of columns added on the right, 0 or 1."""
    first_row: int = -1
    """The row of the signal that the frame's row above copies; -1 for zeros."""
    last_row: int = -1
    """The row of the signal that the frame's row below copies; -1 for zeros."""
    first_column: int = -1
    """The column of the signal that the frame's left column copies; -1 for zeros."""
    last_column: int = -1
    """The column of the signal that the frame's right column copies; -1 for zeros."""

    @classmethod
    def of(cls, border: Border, height: int, width: int) -> "Frame":
        """Return the frame of a signal.

        Args:
            border: The padding of the signal, and the sides without padding.
            height: The height of the signal, in units.
            width: The width of the signal, in units.

        Returns:
            The frame.

        """
        thickness: list[int] = []
        copied: list[int] = []
        for axis, length in ((2, height), (3, width)):
            _, cuts = border.along(axis)
            thickness += [int(not cut) for cut in cuts]
            ends = dict(border.copied_edges(axis))
            copied += [ends[end] % length if end in ends else -1 for end in (0, -1)]
        return cls(*thickness, *copied)

    @property
    def is_zeros(self) -> bool:
        """Whether the frame holds zeros on all sides."""
        return self == Frame(1, 1, 1, 1)

    @property
    def has_copies(self) -> bool:
        """Whether the frame copies rows or columns of the signal."""
        return any(edge >= 0 for edge in self[4:])

    @property
    def kernel_arguments(self) -> tuple[int, ...]:
        """The numbers that kernels take: `above`, `left`, and the rows and columns that are copied."""
        return (self.above, self.left, *self[4:])

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of a framed signal.

        Args:
            height: The height of the signal without the frame, in units.
            width: The width of the signal without the frame, in units.

        Returns:
            The height and width with the frame.

        """
        return height + self.above + self.below, width + self.left + self.right

    def valid_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the size of a valid 3 × 3 convolution of a framed signal.

        Args:
            height: The height of the signal without the frame, in units.
            width: The width of the signal without the frame, in units.

        Returns:
            The height and width of the convolution's output.

        """
        rows, columns = self.size(height, width)
        return rows - 2, columns - 2

    def interior(self, framed: Tensor) -> Tensor:
        """View the signal inside a framed signal, without its frame."""
        height, width = framed.shape[2:]
        return framed[:, :, self.above : height - self.below, self.left : width - self.right]

    def pad(self, signal: Tensor) -> Tensor:
        """Return a framed copy of a signal."""
        batch, channels, height, width = signal.shape
        framed = torch.zeros(
            (batch, channels, *self.size(height, width)), dtype=signal.dtype, device=signal.device
        ).contiguous(memory_format=torch.channels_last)
        self.interior(framed).copy_(signal)
        for axis, length in ((3, width), (2, height)):
            for source, target in self._copies(axis, length):
                framed.select(axis, target).copy_(framed.select(axis, source))
        return framed

    def fold(self, gradient: Tensor) -> Tensor:
        """Return the gradient by a signal, from the gradient by the framed signal: the transpose of `pad`.

        Args:
            gradient: The gradient by the framed signal, (N, C, height, width); the rows and columns of the frame are
                added in place to the rows and columns that they copy.

        Returns:
            The gradient by the signal, (N, C, H, W), a view of `gradient`.

        """
        signal = self.interior(gradient)
        for axis in (2, 3):
            for source, target in self._copies(axis, signal.shape[axis]):
                gradient.select(axis, source).add_(gradient.select(axis, target))
        return signal

    def _copies(self, axis: int, length: int) -> list[tuple[int, int]]:
        """List pairs of rows (axis 2) or columns (axis 3) of a framed signal; the second is a copy of the first."""
        is_row = axis == 2
        offset = self.above if is_row else self.left
        first, last = (self.first_row, self.last_row) if is_row else (self.first_column, self.last_column)
        return [(offset + source, target) for source, target in ((first, 0), (last, length + offset)) if source >= 0]


NO_FRAME = Frame()
"""The frame of a signal without padding."""
