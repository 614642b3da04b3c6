"""Triton kernels of the network's layers, forward and backward: everything but convolutions of 64 channels or more.

A program computes a block of positions × channels; positions are numbered row by row. Signals are (1, C, H, W) in
channels_last, and may be views of a framed signal, so kernels take the stride of their rows. `above` to `last_column`
are the numbers of a `Frame`. Offsets have 32 bits, so a signal has fewer than 2³¹ units. Sums are in float32. ReLUs
are written so that NaN stays NaN.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

import inspect
from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.frame import Frame
from impasto.kernels.cuda.triton_product import product

__all__ = ["activate", "first_backward", "first_forward", "linear", "pool", "relu_backward", "unpool"]

_BLOCK_POSITIONS, _BLOCK_CHANNELS = 64, 64
"""The positions and channels of a block; a layer with fewer channels has smaller blocks."""

_RELU_POSITIONS = 32
"""The positions of a block in the backward pass of a ReLU."""

_FIRST_POSITIONS = 128
"""The positions of a block of the first layer, which has few channels on one side."""

_PADDED_TAPS = 32
"""The 27 inputs of a unit of conv1_1, padded to a power of 2."""

_CHANNEL_PIXELS = 512
"""The pixels that a program computes in one channel of an image."""

_BLOCKS_PER_PROGRAM = 4
"""The blocks that a program computes one after the other if all need the same matrix, which it loads once."""


_GEOMETRY = {
    *("height", "width", "framed_height", "framed_width", "image_height", "image_width"),
    *("image_row", "plane", "count", "above", "left", "first_row", "last_row", "first_column", "last_column"),
    *("box_top", "box_bottom", "box_left", "box_right"),
}
"""The arguments of kernels whose values do not specialize a kernel, so that each is compiled once for all sizes."""


def _kernel(function):
    """Compile a kernel once for all sizes."""
    names = [name for name in inspect.signature(function).parameters if name in _GEOMETRY]
    return triton.jit(do_not_specialize=names)(function)


@triton.jit
def _origin(index, before, length, first, last):
    """Return the row or column of a signal that a framed signal contains at an index; -1 for zeros."""
    inner_index = tl.where(index < before, first, index - before)
    return tl.where(index - before >= length, last, inner_index)


@triton.jit
def _folded(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
            first_row, last_row, first_column, last_column, has_copies: tl.constexpr):  # fmt: skip
    """Return the gradient by positions of a signal, from that by the framed signal, with its copies added."""
    offsets = channel[None, :]
    is_unit = valid[:, None] & (offsets < channels)
    row, column = (y + above) * framed_row, (x + left) * channels
    total = tl.load(framed + (row + column)[:, None] + offsets, mask=is_unit, other=0.0).to(tl.float32)
    if has_copies:
        is_copied = (y == first_row) | (y == last_row) | (x == first_column) | (x == last_column)
        if tl.max(is_copied.to(tl.int32), 0) > 0:
            over, under = is_unit & (y == first_row)[:, None], is_unit & (y == last_row)[:, None]
            left_of, right_of = is_unit & (x == first_column)[:, None], is_unit & (x == last_column)[:, None]
            top, bottom = row * 0, row * 0 + (height + above) * framed_row
            start, end = column * 0, column * 0 + (width + left) * channels
            total += tl.load(framed + (top + column)[:, None] + offsets, mask=over, other=0.0).to(tl.float32)
            total += tl.load(framed + (bottom + column)[:, None] + offsets, mask=under, other=0.0).to(tl.float32)
            total += tl.load(framed + (row + start)[:, None] + offsets, mask=left_of, other=0.0).to(tl.float32)
            total += tl.load(framed + (row + end)[:, None] + offsets, mask=right_of, other=0.0).to(tl.float32)
            total += tl.load(framed + (top + start)[:, None] + offsets, mask=over & left_of, other=0.0).to(tl.float32)
            total += tl.load(framed + (top + end)[:, None] + offsets, mask=over & right_of, other=0.0).to(tl.float32)
            total += tl.load(framed + (bottom + start)[:, None] + offsets, mask=under & left_of, other=0.0).to(
                tl.float32
            )
            total += tl.load(framed + (bottom + end)[:, None] + offsets, mask=under & right_of, other=0.0).to(
                tl.float32
            )
    return total


@_kernel
def _activate(raw, raw_row, bias, framed, bits, height, width, channels, framed_height, framed_width,
              above, left, first_row, last_row, first_column, last_column,
              positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = _origin(i, above, height, first_row, last_row), _origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_shown = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    output = tl.load(raw + (y * raw_row + x * channels)[:, None] + channel[None, :], mask=is_shown, other=0.0)
    output = output.to(tl.float32) + tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    output = tl.where(is_shown & (output < 0), 0.0, tl.where(is_shown, output, 0.0))
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])
    octets = (channels + 7) // 8
    octet = tl.program_id(1) * (block // 8) + tl.arange(0, block // 8)
    active = tl.reshape((output > 0).to(tl.int32), (positions, block // 8, 8))
    packed = tl.sum(active << tl.arange(0, 8)[None, None, :], 2).to(tl.uint8)
    is_interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    bits_start = ((i - above) * width + j - left) * octets
    tl.store(bits + bits_start[:, None] + octet[None, :], packed, mask=is_interior[:, None] & (octet < octets)[None, :])


@_kernel
def _pool(raw, raw_row, bias, framed, choices, height, width, channels, framed_height, framed_width,
          above, left, first_row, last_row, first_column, last_column, scale,
          kind: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = _origin(i, above, height, first_row, last_row), _origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_shown = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    upper_left = raw + (2 * y * raw_row + 2 * x * channels)[:, None] + channel[None, :]
    shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    a = tl.load(upper_left, mask=is_shown, other=0.0).to(tl.float32) + shift
    b = tl.load(upper_left + channels, mask=is_shown, other=0.0).to(tl.float32) + shift
    c = tl.load(upper_left + raw_row, mask=is_shown, other=0.0).to(tl.float32) + shift
    d = tl.load(upper_left + raw_row + channels, mask=is_shown, other=0.0).to(tl.float32) + shift
    a, b = tl.where(a < 0, 0.0, a), tl.where(b < 0, 0.0, b)
    c, d = tl.where(c < 0, 0.0, c), tl.where(d < 0, 0.0, d)
    if kind == "max":
        upper_max, lower_max = tl.where(b > a, b, a), tl.where(d > c, d, c)
        output = tl.where(lower_max > upper_max, lower_max, upper_max)
        chosen = tl.where(lower_max > upper_max, tl.where(d > c, 3, 2), tl.where(b > a, 1, 0))
        chosen = tl.where(output > 0, chosen, 4)
    else:
        chosen = (a > 0).to(tl.int32) + 2 * (b > 0).to(tl.int32) + 4 * (c > 0).to(tl.int32) + 8 * (d > 0).to(tl.int32)
        if kind == "average":
            output = (a + b + c + d) * (scale / 4)
        else:
            output = tl.sqrt(tl.maximum(a * a + b * b + c * c + d * d, 1.1754944e-38)) * scale
    output = tl.where(is_shown, output, 0.0)
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])
    is_interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    choices_start = ((i - above) * width + j - left) * channels
    is_choice = is_interior[:, None] & (channel < channels)[None, :]
    tl.store(choices + choices_start[:, None] + channel[None, :], chosen.to(tl.uint8), mask=is_choice)


@_kernel
def _unpool(framed, framed_row, choices, raw, raw_row, bias, gradient, gradient_row, height, width, channels,
            above, left, first_row, last_row, first_column, last_column, scale,
            kind: tl.constexpr, has_copies: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    y, x = position // width, position % width
    valid = position < height * width
    cotangent = _folded(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                        first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
    is_unit = valid[:, None] & (channel < channels)[None, :]
    chosen = tl.load(choices + position[:, None] * channels + channel[None, :], mask=is_unit, other=4)
    chosen = chosen.to(tl.int32)
    upper_left = (2 * y * gradient_row + 2 * x * channels)[:, None] + channel[None, :]
    if kind == "max":
        tl.store(gradient + upper_left, tl.where(chosen == 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + channels, tl.where(chosen == 1, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row, tl.where(chosen == 2, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row + channels, tl.where(chosen == 3, cotangent, 0.0), mask=is_unit)
    elif kind == "average":
        cotangent = cotangent * (scale / 4)
        tl.store(gradient + upper_left, tl.where((chosen & 1) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + channels, tl.where((chosen & 2) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row, tl.where((chosen & 4) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(
            gradient + upper_left + gradient_row + channels, tl.where((chosen & 8) > 0, cotangent, 0.0), mask=is_unit
        )
    else:
        source = raw + (2 * y * raw_row + 2 * x * channels)[:, None] + channel[None, :]
        shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
        a = tl.maximum(tl.load(source, mask=is_unit, other=0.0).to(tl.float32) + shift, 0.0)
        b = tl.maximum(tl.load(source + channels, mask=is_unit, other=0.0).to(tl.float32) + shift, 0.0)
        c = tl.maximum(tl.load(source + raw_row, mask=is_unit, other=0.0).to(tl.float32) + shift, 0.0)
        d = tl.maximum(tl.load(source + raw_row + channels, mask=is_unit, other=0.0).to(tl.float32) + shift, 0.0)
        cotangent = cotangent * scale / tl.sqrt(tl.maximum(a * a + b * b + c * c + d * d, 1.1754944e-38))
        tl.store(gradient + upper_left, cotangent * a, mask=is_unit)
        tl.store(gradient + upper_left + channels, cotangent * b, mask=is_unit)
        tl.store(gradient + upper_left + gradient_row, cotangent * c, mask=is_unit)
        tl.store(gradient + upper_left + gradient_row + channels, cotangent * d, mask=is_unit)


@_kernel
def _relu_backward(framed, framed_row, features, features_row, bits, content, content_row, factor, gradient,
                   height, width, channels, above, left, first_row, last_row, first_column, last_column,
                   has_framed: tl.constexpr, has_features: tl.constexpr, has_bits: tl.constexpr,
                   has_content: tl.constexpr, clears: tl.constexpr, has_copies: tl.constexpr,
                   positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    y, x = position // width, position % width
    valid = position < height * width
    is_unit = valid[:, None] & (channel < channels)[None, :]
    if has_framed:
        cotangent = _folded(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                            first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
    else:
        cotangent = tl.zeros((positions, block), tl.float32)
    if has_features:
        features_here = (y * features_row + x * channels)[:, None] + channel[None, :]
        features_here = tl.load(features + features_here, mask=is_unit, other=0.0).to(tl.float32)
        if has_content:
            content_here = (y * content_row + x * channels)[:, None] + channel[None, :]
            content_here = tl.load(content + content_here, mask=is_unit, other=0.0).to(tl.float32)
            cotangent += tl.load(factor).to(tl.float32) * (features_here - content_here)
        if clears:
            cotangent = tl.where(features_here > 0, cotangent, 0.0)
    if has_bits:
        octets = (channels + 7) // 8
        bits_offset = position[:, None] * octets + (channel // 8)[None, :]
        packed = tl.load(bits + bits_offset, mask=is_unit, other=0).to(tl.int32)
        cotangent = tl.where(((packed >> (channel % 8)[None, :]) & 1) > 0, cotangent, 0.0)
    tl.store(gradient + position[:, None] * channels + channel[None, :], cotangent, mask=is_unit)


@_kernel
def _linear(framed, framed_row, features, features_row, matrix, matrix_row, offset, offset_step, weights, weights_row,
            gradient, height, width, channels,
            above, left, first_row, last_row, first_column, last_column, box_top, box_bottom, box_left, box_right,
            has_framed: tl.constexpr, has_offset: tl.constexpr, has_weights: tl.constexpr, has_bounds: tl.constexpr,
            clears: tl.constexpr, has_copies: tl.constexpr, is_small: tl.constexpr, precision: tl.constexpr,
            blocks: tl.constexpr, positions: tl.constexpr, block: tl.constexpr, depth: tl.constexpr):  # fmt: skip
    kind = features.dtype.element_ty
    channel = tl.program_id(1) * block + tl.arange(0, block)
    inner = tl.arange(0, depth)
    is_output = (channel < channels)[None, :]
    if is_small:
        matrix_block = tl.load(
            matrix + inner[:, None] * matrix_row + channel[None, :],
            mask=(inner < channels)[:, None] & is_output,
            other=0.0,
        ).to(kind)
    if has_offset:
        shift = tl.load(offset + channel * offset_step, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    for block_index in range(blocks):
        position = (tl.program_id(0) * blocks + block_index) * positions + tl.arange(0, positions)
        y, x = position // width, position % width
        valid = position < height * width
        feature_start = (y * features_row + x * channels)[:, None]
        total = tl.zeros((positions, block), tl.float32)
        if is_small:  # the block of the matrix stays in registers
            if has_framed:  # loaded while the product is computed
                base = _folded(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                               first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
            features_here = tl.load(
                features + feature_start + inner[None, :], mask=valid[:, None] & (inner < channels)[None, :], other=0.0
            )
            total = product(features_here, matrix_block, total, precision)
        else:
            for start in range(0, channels, depth):
                inner_channel = start + inner
                inner_features = tl.load(
                    features + feature_start + inner_channel[None, :],
                    mask=valid[:, None] & (inner_channel < channels)[None, :],
                    other=0.0,
                )
                inner_matrix = tl.load(
                    matrix + inner_channel[:, None] * matrix_row + channel[None, :],
                    mask=(inner_channel < channels)[:, None] & is_output,
                    other=0.0,
                )
                total = product(inner_features, inner_matrix.to(kind), total, precision)
            features_here = tl.load(
                features + feature_start + channel[None, :], mask=valid[:, None] & is_output, other=0.0
            )
            if has_framed:
                base = _folded(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                               first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
        total = 2 * total
        if has_offset:
            total += shift
        if has_bounds:
            is_inside = valid & (y >= box_top) & (y < box_bottom) & (x >= box_left) & (x < box_right)
        else:
            is_inside = valid
        if has_weights:
            weight = tl.load(weights + (y - box_top) * weights_row + x - box_left, mask=is_inside, other=0.0)
            total *= weight.to(tl.float32)[:, None]
        if has_bounds:
            total = tl.where(is_inside[:, None], total, 0.0)
        if has_framed:
            total += base
        if clears:
            total = tl.where(features_here > 0, total, 0.0)
        tl.store(gradient + position[:, None] * channels + channel[None, :], total, mask=valid[:, None] & is_output)


@_kernel
def _frame_image(image, plane, image_row, framed, height, width, framed_height, framed_width,
                 above, left, first_row, last_row, first_column, last_column,
                 scale_0, scale_1, scale_2, shift_0, shift_1, shift_2, positions: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = position // framed_width, position % framed_width
    y, x = _origin(i, above, height, first_row, last_row), _origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_shown = valid & (y >= 0) & (x >= 0)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    shift = tl.where(color == 0, shift_0, tl.where(color == 1, shift_1, shift_2))
    pixel = tl.load(image + color * plane + y * image_row + x, mask=is_shown, other=0.0) * scale + shift
    tl.store(framed + color * framed_height * framed_width + position, tl.where(is_shown, pixel, 0.0), mask=valid)


@_kernel
def _first_forward(image, image_height, image_width, weight, bias, framed, height, width, channels: tl.constexpr,
                   framed_height, framed_width, above, left, first_row, last_row, first_column, last_column,
                   precision: tl.constexpr, positions: tl.constexpr, block: tl.constexpr,
                   taps: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = _origin(i, above, height, first_row, last_row), _origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_shown = valid & (y >= 0) & (x >= 0)
    tap = tl.arange(0, taps)
    tap_offset = (tap // 9 * image_height + tap % 9 // 3) * image_width + tap % 3
    pixels = tl.load(
        image + (y * image_width + x)[:, None] + tap_offset[None, :],
        mask=is_shown[:, None] & (tap < 27)[None, :],
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
    output = tl.where(is_shown[:, None], output, 0.0)
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])


@_kernel
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


@_kernel
def _add_taps(tap_products, framed, height, width, framed_height, framed_width, scale_0, scale_1, scale_2,
              positions: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = position // framed_width, position % framed_width
    valid = position < framed_height * framed_width
    total = tl.zeros((positions,), tl.float32)
    for tap in tl.static_range(9):
        y, x = i - tap // 3, j - tap % 3
        inside = valid & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        source = tap_products + (color * 9 + tap) * height * width + y * width + x
        total += tl.load(source, mask=inside, other=0.0).to(tl.float32)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    tl.store(framed + color * framed_height * framed_width + position, total * scale, mask=valid)


def _block_channels(channels: int, most: int = _BLOCK_CHANNELS, least: int = 16) -> int:
    """Return the channels of a block: a power of 2 within limits."""
    return max(least, min(most, triton.next_power_of_2(channels)))


def _precision(like: Tensor) -> str:
    """Return the precision in which tensor cores multiply float32, given features in the dtype of `like`."""
    return "tf32" if like.dtype == torch.bfloat16 else "tf32x3"


def _has_copies(frame: Frame) -> bool:
    """Tell whether a frame copies rows or columns of the signal."""
    return any(edge >= 0 for edge in frame[4:])


def _frame_arguments(frame: Frame) -> tuple[int, ...]:
    """Return the numbers of a frame that kernels take: `above`, `left`, and the rows and columns that are copied."""
    return (frame.above, frame.left, *frame[4:])


def _empty_signal(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return a tensor in channels_last, with the dtype and device of `like`."""
    shape = (1, channels, height, width)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _empty_bytes(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    """Return a tensor of uint8, (H, W, C), on the device of `like`."""
    return torch.empty((height, width, channels), dtype=torch.uint8, device=like.device)


def activate(raw: Tensor, bias: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
    """Compute `layer_operators.activate` by one kernel.

    Args:
        raw: The output of a convolution without bias, (1, C, H, W).
        bias: The bias of each channel, (C,).
        frame: The frame of the output.

    Returns:
        The framed signal, and one bit per unit that is above 0, (H, W, ceil(C / 8)) of uint8.

    """
    _, channels, height, width = raw.shape
    framed = _empty_signal(raw, channels, *frame.size(height, width))
    bits = _empty_bytes(raw, -(-channels // 8), height, width)
    block = _block_channels(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _BLOCK_POSITIONS), triton.cdiv(channels, block))
    _activate[grid](
        raw,
        raw.stride(2),
        bias,
        framed,
        bits,
        height,
        width,
        channels,
        framed.shape[2],
        framed.shape[3],
        *_frame_arguments(frame),
        positions=_BLOCK_POSITIONS,
        block=block,
    )
    return framed, bits


def pool(raw: Tensor, bias: Tensor, kind: str, scale: float, frame: Frame) -> tuple[Tensor, Tensor]:
    """Compute `layer_operators.pool` by one kernel.

    Args:
        raw: The output of a convolution without bias, (1, C, H, W).
        bias: The bias of each channel, (C,).
        kind: The kind of pooling: max, average or l2.
        scale: The factor of average and L2 pooling.
        frame: The frame of the output.

    Returns:
        The framed signal, and the choices that `unpool` needs, (H // 2, W // 2, C) of uint8.

    """
    channels, height, width = raw.shape[1], raw.shape[2] // 2, raw.shape[3] // 2
    framed = _empty_signal(raw, channels, *frame.size(height, width))
    choices = _empty_bytes(raw, channels, height, width)
    block = _block_channels(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _BLOCK_POSITIONS), triton.cdiv(channels, block))
    _pool[grid](
        raw,
        raw.stride(2),
        bias,
        framed,
        choices,
        height,
        width,
        channels,
        framed.shape[2],
        framed.shape[3],
        *_frame_arguments(frame),
        scale,
        kind=kind,
        positions=_BLOCK_POSITIONS,
        block=block,
    )
    return framed, choices


def unpool(
    framed: Tensor,
    frame: Frame,
    choices: Tensor,
    raw: Tensor | None,
    bias: Tensor | None,
    kind: str,
    scale: float,
    height: int,
    width: int,
) -> Tensor:
    """Compute `layer_operators.unpool` by one kernel.

    Args:
        framed: The gradient by the framed output of `pool`.
        frame: The frame of the output.
        choices: The choices that `pool` returned, (H // 2, W // 2, C).
        raw: The input of `pool`, (1, C, H, W), which L2 pooling needs.
        bias: The bias of each channel, (C,), which L2 pooling needs.
        kind: The kind of pooling: max, average or l2.
        scale: The factor of average and L2 pooling.
        height: The height H of the input, in units.
        width: The width W of the input, in units.

    Returns:
        The gradient by `raw`, (1, C, H, W).

    """
    channels, block = framed.shape[1], _block_channels(framed.shape[1])
    gradient = _empty_signal(framed, channels, height, width)
    if height % 2 or width % 2:  # what the pooling left out
        gradient.zero_()
    grid = (triton.cdiv((height // 2) * (width // 2), _BLOCK_POSITIONS), triton.cdiv(channels, block))
    source = framed if raw is None else raw
    _unpool[grid](
        framed,
        framed.stride(2),
        choices,
        source,
        source.stride(2),
        choices if bias is None else bias,
        gradient,
        gradient.stride(2),
        height // 2,
        width // 2,
        channels,
        *_frame_arguments(frame),
        scale,
        kind=kind,
        has_copies=_has_copies(frame),
        positions=_BLOCK_POSITIONS,
        block=block,
    )
    return gradient


def relu_backward(
    framed: Tensor | None,
    frame: Frame,
    features: Tensor | None,
    bits: Tensor | None,
    factor: Tensor | None,
    content: Tensor | None,
    *,
    clears: bool,
    shape: Sequence[int],
    like: Tensor,
) -> Tensor:
    """Compute `layer_operators.relu_backward` by one kernel.

    Args:
        framed: The gradient by the framed output of the ReLU; None for zeros.
        frame: The frame of the output.
        features: The output of the ReLU, (1, C, H, W), if it was retained.
        bits: The bits that `activate` returned, if the output was not retained.
        factor: The factor of features - content, a scalar; None to add nothing.
        content: The content image's features, (C, H, W); None to add nothing.
        clears: Whether to set the gradient to 0 where the features are not above 0.
        shape: The shape of the output, (1, C, H, W).
        like: A tensor with the dtype and device of the gradient.

    Returns:
        The gradient by the input of the ReLU, (1, C, H, W).

    """
    _, channels, height, width = shape
    gradient, block = _empty_signal(like, channels, height, width), _block_channels(channels)
    grid = (triton.cdiv(height * width, _RELU_POSITIONS), triton.cdiv(channels, block))
    framed_or_like, features_or_like = like if framed is None else framed, like if features is None else features
    content_or_like = like if content is None else content
    _relu_backward[grid](
        framed_or_like,
        framed_or_like.stride(2),
        features_or_like,
        features_or_like.stride(2),
        like if bits is None else bits,
        content_or_like,
        content_or_like.stride(-2),
        like if factor is None else factor,
        gradient,
        height,
        width,
        channels,
        *_frame_arguments(frame),
        has_framed=framed is not None,
        has_features=features is not None,
        has_bits=bits is not None,
        has_content=content is not None,
        clears=clears,
        has_copies=_has_copies(frame),
        positions=_RELU_POSITIONS,
        block=block,
    )
    return gradient


def linear(
    framed: Tensor | None,
    frame: Frame,
    features: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    weights: Tensor | None,
    bounds: tuple[int, int, int, int] | None,
    *,
    clears: bool,
) -> Tensor:
    """Compute `layer_operators.linear` by one kernel.

    Args:
        framed: The gradient by the framed output of the ReLU; None for zeros.
        frame: The frame of the output.
        features: F, the output of the ReLU, (1, C, H, W).
        matrix: S, symmetric, (C, C).
        offset: s, (C,); None for zeros.
        weights: w, (rows, columns) of the box; None for ones.
        bounds: The box of units to which w ∘ (2 S F + s) is added: first row, row after the last, first column, column
            after the last. None for all units.
        clears: Whether to set the gradient to 0 where the features are not above 0.

    Returns:
        The gradient by the input of the ReLU, (1, C, H, W).

    """
    _, channels, height, width = features.shape
    is_short = features.dtype == torch.bfloat16
    block = _block_channels(channels, 128 if is_short else 64)
    depth = block if channels <= block else 64
    blocks = _BLOCKS_PER_PROGRAM if channels <= block else 1
    positions = 128 if is_short and channels > block else 64
    grid = (triton.cdiv(height * width, positions * blocks), triton.cdiv(channels, block))
    gradient = _empty_signal(features, channels, height, width)
    framed_or_features = features if framed is None else framed
    weights_or_features, offset_or_features = (
        features if weights is None else weights,
        features if offset is None else offset,
    )
    _linear[grid](
        framed_or_features,
        framed_or_features.stride(2),
        features,
        features.stride(2),
        matrix,
        matrix.stride(0),
        offset_or_features,
        offset_or_features.stride(0),
        weights_or_features,
        weights_or_features.stride(-2),
        gradient,
        height,
        width,
        channels,
        *_frame_arguments(frame),
        *(bounds or (0, height, 0, width)),
        has_framed=framed is not None,
        has_offset=offset is not None,
        has_weights=weights is not None,
        has_bounds=bounds is not None,
        clears=clears,
        has_copies=_has_copies(frame),
        is_small=channels <= block,
        precision="tf32x3",
        blocks=blocks,
        positions=positions,
        block=block,
        depth=depth,
        num_warps=8,
    )
    return gradient


def first_forward(
    image: Tensor,
    input_frame: Frame,
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Frame,
) -> Tensor:
    """Compute `layer_operators.first_forward` by two kernels.

    Args:
        image: RGB in [0, 1], (3, H, W), in float32.
        input_frame: The frame of the image; its zeros are added after `scale` and `shift`.
        scale: The factor of each channel, 3 numbers.
        shift: The summand of each channel, 3 numbers.
        weight: The filters of conv1_1, (C, 3, 3, 3), contiguous.
        bias: The bias of conv1_1, (C,).
        frame: The frame of the output.

    Returns:
        The framed signal, (1, C, height, width), in the dtype of `weight`.

    """
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
        *_frame_arguments(input_frame),
        *scale,
        *shift,
        positions=_CHANNEL_PIXELS,
    )
    framed, block = _empty_signal(weight, channels, *frame.size(rows - 2, columns - 2)), _block_channels(channels)
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
        *_frame_arguments(frame),
        precision=_precision(weight),
        positions=_FIRST_POSITIONS,
        block=block,
        taps=_PADDED_TAPS,
    )
    return framed


def first_backward(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Compute `layer_operators.first_backward` by two kernels.

    Args:
        cotangent: The gradient by the output of conv1_1 before its bias and ReLU, (1, C, H, W).
        weight: The filters of conv1_1, (C, 3, 3, 3), contiguous.
        scale: The factor of each channel of the image, 3 numbers.
        dtype: The precision of the gradient.

    Returns:
        The gradient by the framed image, (3, H + 2, W + 2).

    """
    _, channels, height, width = cotangent.shape
    tap_products = torch.empty((27, height, width), dtype=cotangent.dtype, device=cotangent.device)
    count, depth = height * width, _block_channels(channels)
    _spread_to_taps[triton.cdiv(count, _FIRST_POSITIONS * _BLOCKS_PER_PROGRAM),](
        cotangent,
        weight,
        tap_products,
        count,
        channels,
        precision=_precision(cotangent),
        blocks=_BLOCKS_PER_PROGRAM,
        positions=_FIRST_POSITIONS,
        taps=_PADDED_TAPS,
        depth=depth,
    )
    framed = torch.empty((3, height + 2, width + 2), dtype=dtype, device=tap_products.device)
    _add_taps[triton.cdiv(framed[0].numel(), _CHANNEL_PIXELS), 3](
        tap_products, framed, height, width, height + 2, width + 2, *scale, positions=_CHANNEL_PIXELS
    )
    return framed
