"""What the Triton kernels of the network's layers have in common: blocks, frames, and one compilation for all sizes.

A program computes a block of positions × channels; positions are numbered row by row. Signals are (1, C, H, W) in
channels_last, and may be views of a framed signal, so kernels take the stride of their rows. `above` to `last_column`
are the numbers of a `Frame`. Offsets have 32 bits, so a signal has fewer than 2³¹ units. Sums are in float32. ReLUs
are written so that NaN stays NaN.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

import inspect

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = [
    "BLOCKS_PER_PROGRAM",
    "BLOCK_POSITIONS",
    "block_channels",
    "empty_bytes",
    "empty_signal",
    "fold_frame",
    "kernel",
    "origin",
    "row_stride",
]

BLOCK_POSITIONS, _BLOCK_CHANNELS = 64, 64
"""The positions and channels of a block; a layer with fewer channels has smaller blocks."""

_MIN_BLOCK_CHANNELS = 16
"""The least channels of a block: a side of the smallest product on tensor cores."""

BLOCKS_PER_PROGRAM = 4
"""The blocks that a program computes one after the other if all need the same matrix, which it loads once."""

_GEOMETRY = {
    *("height", "width", "framed_height", "framed_width", "image_height", "image_width"),
    *("image_row", "plane", "count", "above", "left", "first_row", "last_row", "first_column", "last_column"),
    *("box_top", "box_bottom", "box_left", "box_right"),
}
"""The arguments of kernels whose values do not specialize a kernel, so that each is compiled once for all sizes."""


def kernel(function):
    """Compile a kernel once for all sizes."""
    names = [name for name in inspect.signature(function).parameters if name in _GEOMETRY]
    return triton.jit(do_not_specialize=names)(function)


@triton.jit
def origin(index, before, length, first, last):
    """Return the row or column of a signal that a framed signal contains at an index.

    Args:
        index: Rows or columns of the framed signal.
        before: The number of rows or columns that the frame adds before the signal, 0 or 1.
        length: The number of rows or columns of the signal.
        first: The row or column that the frame copies before the signal; -1 for zeros.
        last: The row or column that the frame copies after the signal; -1 for zeros.

    Returns:
        Rows or columns of the signal; -1 for zeros.

    """
    inner_index = tl.where(index < before, first, index - before)
    return tl.where(index - before >= length, last, inner_index)


@triton.jit
def fold_frame(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
               first_row, last_row, first_column, last_column, has_copies: tl.constexpr):  # fmt: skip
    """Return the gradient by positions of a signal, from that by the framed signal, with its copies added.

    Args:
        framed: The address of the gradient by the framed signal.
        framed_row: The stride of its rows.
        y: The rows of the positions.
        x: The columns of the positions.
        valid: Which positions are in the signal.
        channel: The channels of the block.
        channels: The number of channels of the signal.
        above: The number of rows that the frame adds above, 0 or 1.
        left: The number of columns that the frame adds on the left, 0 or 1.
        height: The height of the signal, in units.
        width: The width of the signal, in units.
        first_row: The row that the frame copies above; -1 for none.
        last_row: The row that the frame copies below; -1 for none.
        first_column: The column that the frame copies on the left; -1 for none.
        last_column: The column that the frame copies on the right; -1 for none.
        has_copies: Whether the frame copies any row or column.

    Returns:
        The gradient, positions × channels, in float32.

    """
    offsets = channel[None, :]
    is_unit = valid[:, None] & (offsets < channels)
    row, column = (y + above) * framed_row, (x + left) * channels
    total = tl.load(framed + (row + column)[:, None] + offsets, mask=is_unit, other=0.0).to(tl.float32)
    if has_copies:
        is_copied = (y == first_row) | (y == last_row) | (x == first_column) | (x == last_column)
        if tl.max(is_copied.to(tl.int32), 0) > 0:
            is_top, is_bottom = is_unit & (y == first_row)[:, None], is_unit & (y == last_row)[:, None]
            is_left, is_right = is_unit & (x == first_column)[:, None], is_unit & (x == last_column)[:, None]
            top, bottom = row * 0, row * 0 + (height + above) * framed_row
            start, end = column * 0, column * 0 + (width + left) * channels
            total += tl.load(framed + (top + column)[:, None] + offsets, mask=is_top, other=0.0).to(tl.float32)
            total += tl.load(framed + (bottom + column)[:, None] + offsets, mask=is_bottom, other=0.0).to(tl.float32)
            total += tl.load(framed + (row + start)[:, None] + offsets, mask=is_left, other=0.0).to(tl.float32)
            total += tl.load(framed + (row + end)[:, None] + offsets, mask=is_right, other=0.0).to(tl.float32)
            total += tl.load(framed + (top + start)[:, None] + offsets, mask=is_top & is_left, other=0.0).to(tl.float32)
            total += tl.load(framed + (top + end)[:, None] + offsets, mask=is_top & is_right, other=0.0).to(tl.float32)
            total += tl.load(framed + (bottom + start)[:, None] + offsets, mask=is_bottom & is_left, other=0.0).to(
                tl.float32
            )
            total += tl.load(framed + (bottom + end)[:, None] + offsets, mask=is_bottom & is_right, other=0.0).to(
                tl.float32
            )
    return total


def block_channels(channels: int, maximum: int = _BLOCK_CHANNELS) -> int:
    """Return the channels of a block: a power of 2.

    Args:
        channels: The number of channels of the layer.
        maximum: The most channels of a block.

    Returns:
        The number of channels.

    """
    return max(_MIN_BLOCK_CHANNELS, min(maximum, triton.next_power_of_2(channels)))


def row_stride(signal: Tensor | None) -> int:
    """Return the stride of the rows of a signal, (..., H, W); 0 for None, whose kernel is compiled without it."""
    return 0 if signal is None else signal.stride(-2)


def empty_signal(template: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return a signal whose values are not set, in channels_last.

    Args:
        template: A tensor with its dtype and device.
        channels: The number of its channels.
        height: Its height, in units.
        width: Its width, in units.

    Returns:
        The signal, (1, C, H, W).

    """
    shape = (1, channels, height, width)
    return torch.empty(shape, dtype=template.dtype, device=template.device, memory_format=torch.channels_last)


def empty_bytes(template: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return bytes whose values are not set.

    Args:
        template: A tensor on their device.
        channels: The number of bytes at each position.
        height: The number of rows.
        width: The number of columns.

    Returns:
        The bytes, (H, W, channels) of uint8.

    """
    return torch.empty((height, width, channels), dtype=torch.uint8, device=template.device)
