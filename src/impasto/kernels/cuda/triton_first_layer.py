"""Triton kernels of conv1_1, forward from the image and backward to it; `triton_blocks` says how they count."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.frame import Frame
from impasto.kernels.cuda.triton_blocks import BLOCKS_PER_PROGRAM, block_channels, empty_signal, kernel, origin
from impasto.kernels.cuda.triton_product import product

__all__ = ["first_backward", "first_forward"]

_FIRST_POSITIONS = 128
"""The positions of a block of the first layer, which has few channels on one side."""

_PADDED_TAPS = 32
"""The 27 inputs of a unit of conv1_1, padded to a power of 2."""

_CHANNEL_PIXELS = 512
"""The pixels that a program computes in one channel of an image."""


@kernel
def _frame_image(image, plane, image_row, framed, height, width, framed_height, framed_width,
                 above, left, first_row, last_row, first_column, last_column,
                 scale_0, scale_1, scale_2, shift_0, shift_1, shift_2, positions: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = position // framed_width, position % framed_width
    y, x = origin(i, above, height, first_row, last_row), origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_signal = valid & (y >= 0) & (x >= 0)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    shift = tl.where(color == 0, shift_0, tl.where(color == 1, shift_1, shift_2))
    pixel = tl.load(image + color * plane + y * image_row + x, mask=is_signal, other=0.0) * scale + shift
    tl.store(framed + color * framed_height * framed_width + position, tl.where(is_signal, pixel, 0.0), mask=valid)


@kernel
def _first_forward(image, image_height, image_width, weight, bias, framed, height, width, channels: tl.constexpr,
                   framed_height, framed_width, above, left, first_row, last_row, first_column, last_column,
                   precision: tl.constexpr, positions: tl.constexpr, block: tl.constexpr,
                   taps: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = origin(i, above, height, first_row, last_row), origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_signal = valid & (y >= 0) & (x >= 0)
    tap = tl.arange(0, taps)
    tap_offset = (tap // 9 * image_height + tap % 9 // 3) * image_width + tap % 3
    pixels = tl.load(
        image + (y * image_width + x)[:, None] + tap_offset[None, :],
        mask=is_signal[:, None] & (tap < 27)[None, :],
        other=0.0,
    )
    filters = tl.load(
        weight + channel[None, :] * 27 + tap[:, None],
        mask=(channel < channels)[None, :] & (tap < 27)[:, None],
        other=0.0,
    )
    output = product(pixels, filters.to(tl.float32), tl.zeros((positions, block), tl.float32), precision)
    output += tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    output = tl.where(output < 0, 0.0, output)
    output = tl.where(is_signal[:, None], output, 0.0)
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])


@kernel
def _spread_to_taps(cotangent, weight, tap_products, count, channels: tl.constexpr, precision: tl.constexpr,
                    blocks: tl.constexpr, positions: tl.constexpr, taps: tl.constexpr,
                    depth: tl.constexpr):  # fmt: skip
    tap, inner = tl.arange(0, taps), tl.arange(0, depth)
    for block_index in range(blocks):
        position = (tl.program_id(0) * blocks + block_index) * positions + tl.arange(0, positions)
        valid = position < count
        total = tl.zeros((positions, taps), tl.float32)
        for start in range(0, channels, depth):
            channel = start + inner
            cotangent_block = tl.load(
                cotangent + position[:, None] * channels + channel[None, :],
                mask=valid[:, None] & (channel < channels)[None, :],
                other=0.0,
            )
            filters = tl.load(
                weight + channel[:, None] * 27 + tap[None, :],
                mask=(channel < channels)[:, None] & (tap < 27)[None, :],
                other=0.0,
            )
            total = product(cotangent_block, filters.to(cotangent_block.dtype), total, precision)
        tl.store(
            tap_products + tap[None, :] * count + position[:, None], total, mask=valid[:, None] & (tap < 27)[None, :]
        )


@kernel
def _add_taps(tap_products, framed, height, width, framed_height, framed_width, scale_0, scale_1, scale_2,
              positions: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = position // framed_width, position % framed_width
    valid = position < framed_height * framed_width
    total = tl.zeros((positions,), tl.float32)
    for tap in tl.static_range(9):
        y, x = i - tap // 3, j - tap % 3
        is_inside = valid & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        source = tap_products + (color * 9 + tap) * height * width + y * width + x
        total += tl.load(source, mask=is_inside, other=0.0).to(tl.float32)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    tl.store(framed + color * framed_height * framed_width + position, total * scale, mask=valid)


def _precision(dtype: torch.dtype) -> str:
    """Return the precision in which tensor cores multiply float32, given features of a dtype."""
    return "tf32" if dtype == torch.bfloat16 else "tf32x3"


def first_forward(
    image: Tensor,
    input_frame: Frame,
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Frame,
) -> Tensor:
    """Compute `layer_operators.first_forward` of an image in float32 by two kernels; arguments are the operator's."""
    channels, (rows, columns) = len(weight), input_frame.size(*image.shape[1:])
    framed_image = torch.empty((3, rows, columns), dtype=image.dtype, device=image.device)
    _frame_image[triton.cdiv(rows * columns, _CHANNEL_PIXELS), 3](
        image,
        image.stride(0),
        image.stride(1),
        framed_image,
        image.shape[1],
        image.shape[2],
        rows,
        columns,
        *input_frame.kernel_arguments,
        *scale,
        *shift,
        positions=_CHANNEL_PIXELS,
    )
    framed, block = empty_signal(weight, channels, *frame.size(rows - 2, columns - 2)), block_channels(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _FIRST_POSITIONS), triton.cdiv(channels, block))
    _first_forward[grid](
        framed_image,
        rows,
        columns,
        weight,
        bias,
        framed,
        rows - 2,
        columns - 2,
        channels,
        framed.shape[2],
        framed.shape[3],
        *frame.kernel_arguments,
        precision=_precision(weight.dtype),
        positions=_FIRST_POSITIONS,
        block=block,
        taps=_PADDED_TAPS,
    )
    return framed


def first_backward(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Compute `layer_operators.first_backward` by two kernels; arguments and result are the operator's."""
    _, channels, height, width = cotangent.shape
    tap_products = torch.empty((27, height, width), dtype=cotangent.dtype, device=cotangent.device)
    count, depth = height * width, block_channels(channels)
    _spread_to_taps[triton.cdiv(count, _FIRST_POSITIONS * BLOCKS_PER_PROGRAM),](
        cotangent,
        weight,
        tap_products,
        count,
        channels,
        precision=_precision(cotangent.dtype),
        blocks=BLOCKS_PER_PROGRAM,
        positions=_FIRST_POSITIONS,
        taps=_PADDED_TAPS,
        depth=depth,
    )
    framed = torch.empty((3, height + 2, width + 2), dtype=dtype, device=tap_products.device)
    _add_taps[triton.cdiv(framed[0].numel(), _CHANNEL_PIXELS), 3](
        tap_products, framed, height, width, height + 2, width + 2, *scale, positions=_CHANNEL_PIXELS
    )
    return framed
