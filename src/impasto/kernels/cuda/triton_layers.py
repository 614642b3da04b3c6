"""Triton kernels of the network's layers, forward and back: all that is not a convolution of 64 channels or more.

A program works on a block of positions × channels; positions are numbered row by row. Signals are (1, C, H, W) in
channels_last, whose rows may lie further apart than they are long. `above` to `last_column` are the numbers of a
`Frame`. Offsets are 32 bits wide, so a signal has less than 2³¹ units. Sums are in float32. A ReLU is written so that
NaN stays NaN.
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

_POSITIONS, _CHANNELS = 64, 64
"""Of a block; fewer channels where a layer has fewer."""

_MASK_POSITIONS = 32
"""Of a block that goes back through a ReLU."""

_FIRST_POSITIONS = 128
"""Of a block of the first layer, which has few channels on one side."""

_TAPS = 32
"""27 inputs of a unit of conv1_1, as a power of 2."""

_STRETCH = 512
"""Pixels of a program that works on one channel of an image."""

_REPEATS = 4
"""Blocks that a program works on one after the other, where it holds a matrix that all of them need."""


_GEOMETRY = {
    *("height", "width", "framed_height", "framed_width", "wide_height", "wide_width", "image_height", "image_width"),
    *("image_row", "plane", "count", "above", "left", "first_row", "last_row", "first_column", "last_column"),
    *("top", "bottom", "near", "far"),
}
"""Arguments for which no kernel is compiled apart, whatever number they are."""


def _kernel(function):
    """Compile a kernel once for all sizes."""
    names = [name for name in inspect.signature(function).parameters if name in _GEOMETRY]
    return triton.jit(do_not_specialize=names)(function)


@triton.jit
def _source(index, before, length, first, last):
    """Return which row or column of a signal a framed one shows at an index; -1: zeros."""
    place = tl.where(index < before, first, index - before)
    return tl.where(index - before >= length, last, place)


@triton.jit
def _folded(wide, wide_row, y, x, valid, channel, channels, above, left, height, width,
            first_row, last_row, first_column, last_column, copies: tl.constexpr):  # fmt: skip
    """Return the gradient at positions of a signal, from that by the framed one: what was copied is added."""
    offsets = channel[None, :]
    here = valid[:, None] & (offsets < channels)
    row, column = (y + above) * wide_row, (x + left) * channels
    total = tl.load(wide + (row + column)[:, None] + offsets, mask=here, other=0.0).to(tl.float32)
    if copies:
        touched = (y == first_row) | (y == last_row) | (x == first_column) | (x == last_column)
        if tl.max(touched.to(tl.int32), 0) > 0:
            up, down = here & (y == first_row)[:, None], here & (y == last_row)[:, None]
            near, far = here & (x == first_column)[:, None], here & (x == last_column)[:, None]
            top, bottom = row * 0, row * 0 + (height + above) * wide_row
            start, end = column * 0, column * 0 + (width + left) * channels
            total += tl.load(wide + (top + column)[:, None] + offsets, mask=up, other=0.0).to(tl.float32)
            total += tl.load(wide + (bottom + column)[:, None] + offsets, mask=down, other=0.0).to(tl.float32)
            total += tl.load(wide + (row + start)[:, None] + offsets, mask=near, other=0.0).to(tl.float32)
            total += tl.load(wide + (row + end)[:, None] + offsets, mask=far, other=0.0).to(tl.float32)
            total += tl.load(wide + (top + start)[:, None] + offsets, mask=up & near, other=0.0).to(tl.float32)
            total += tl.load(wide + (top + end)[:, None] + offsets, mask=up & far, other=0.0).to(tl.float32)
            total += tl.load(wide + (bottom + start)[:, None] + offsets, mask=down & near, other=0.0).to(tl.float32)
            total += tl.load(wide + (bottom + end)[:, None] + offsets, mask=down & far, other=0.0).to(tl.float32)
    return total


@_kernel
def _activate(raw, raw_row, bias, framed, bits, height, width, channels, framed_height, framed_width,
              above, left, first_row, last_row, first_column, last_column,
              positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = place // framed_width, place % framed_width
    y, x = _source(i, above, height, first_row, last_row), _source(j, left, width, first_column, last_column)
    valid = place < framed_height * framed_width
    shown = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    found = tl.load(raw + (y * raw_row + x * channels)[:, None] + channel[None, :], mask=shown, other=0.0)
    found = found.to(tl.float32) + tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    found = tl.where(shown & (found < 0), 0.0, tl.where(shown, found, 0.0))
    into = framed + place[:, None] * channels + channel[None, :]
    tl.store(into, found, mask=valid[:, None] & (channel < channels)[None, :])
    octets = (channels + 7) // 8
    octet = tl.program_id(1) * (block // 8) + tl.arange(0, block // 8)
    active = tl.reshape((found > 0).to(tl.int32), (positions, block // 8, 8))
    packed = tl.sum(active << tl.arange(0, 8)[None, None, :], 2).to(tl.uint8)
    interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    at = ((i - above) * width + j - left) * octets
    tl.store(bits + at[:, None] + octet[None, :], packed, mask=interior[:, None] & (octet < octets)[None, :])


@_kernel
def _pool(raw, raw_row, bias, framed, choices, height, width, channels, framed_height, framed_width,
          above, left, first_row, last_row, first_column, last_column, scale,
          kind: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = place // framed_width, place % framed_width
    y, x = _source(i, above, height, first_row, last_row), _source(j, left, width, first_column, last_column)
    valid = place < framed_height * framed_width
    shown = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    upper = raw + (2 * y * raw_row + 2 * x * channels)[:, None] + channel[None, :]
    shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    a = tl.load(upper, mask=shown, other=0.0).to(tl.float32) + shift
    b = tl.load(upper + channels, mask=shown, other=0.0).to(tl.float32) + shift
    c = tl.load(upper + raw_row, mask=shown, other=0.0).to(tl.float32) + shift
    d = tl.load(upper + raw_row + channels, mask=shown, other=0.0).to(tl.float32) + shift
    a, b = tl.where(a < 0, 0.0, a), tl.where(b < 0, 0.0, b)
    c, d = tl.where(c < 0, 0.0, c), tl.where(d < 0, 0.0, d)
    if kind == "max":
        left_of, right_of = tl.where(b > a, b, a), tl.where(d > c, d, c)
        found = tl.where(right_of > left_of, right_of, left_of)
        chosen = tl.where(right_of > left_of, tl.where(d > c, 3, 2), tl.where(b > a, 1, 0))
        chosen = tl.where(found > 0, chosen, 4)
    else:
        chosen = (a > 0).to(tl.int32) + 2 * (b > 0).to(tl.int32) + 4 * (c > 0).to(tl.int32) + 8 * (d > 0).to(tl.int32)
        if kind == "average":
            found = (a + b + c + d) * (scale / 4)
        else:
            found = tl.sqrt(tl.maximum(a * a + b * b + c * c + d * d, 1.1754944e-38)) * scale
    found = tl.where(shown, found, 0.0)
    into = framed + place[:, None] * channels + channel[None, :]
    tl.store(into, found, mask=valid[:, None] & (channel < channels)[None, :])
    interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    at = ((i - above) * width + j - left) * channels
    where = interior[:, None] & (channel < channels)[None, :]
    tl.store(choices + at[:, None] + channel[None, :], chosen.to(tl.uint8), mask=where)


@_kernel
def _unpool(wide, wide_row, choices, raw, raw_row, bias, gradient, gradient_row, height, width, channels,
            above, left, first_row, last_row, first_column, last_column, scale,
            kind: tl.constexpr, copies: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    y, x = place // width, place % width
    valid = place < height * width
    pulled = _folded(wide, wide_row, y, x, valid, channel, channels, above, left, height, width,
                     first_row, last_row, first_column, last_column, copies)  # fmt: skip
    here = valid[:, None] & (channel < channels)[None, :]
    chosen = tl.load(choices + place[:, None] * channels + channel[None, :], mask=here, other=4)
    chosen = chosen.to(tl.int32)
    upper = (2 * y * gradient_row + 2 * x * channels)[:, None] + channel[None, :]
    if kind == "max":
        tl.store(gradient + upper, tl.where(chosen == 0, pulled, 0.0), mask=here)
        tl.store(gradient + upper + channels, tl.where(chosen == 1, pulled, 0.0), mask=here)
        tl.store(gradient + upper + gradient_row, tl.where(chosen == 2, pulled, 0.0), mask=here)
        tl.store(gradient + upper + gradient_row + channels, tl.where(chosen == 3, pulled, 0.0), mask=here)
    elif kind == "average":
        pulled = pulled * (scale / 4)
        tl.store(gradient + upper, tl.where((chosen & 1) > 0, pulled, 0.0), mask=here)
        tl.store(gradient + upper + channels, tl.where((chosen & 2) > 0, pulled, 0.0), mask=here)
        tl.store(gradient + upper + gradient_row, tl.where((chosen & 4) > 0, pulled, 0.0), mask=here)
        tl.store(gradient + upper + gradient_row + channels, tl.where((chosen & 8) > 0, pulled, 0.0), mask=here)
    else:
        source = raw + (2 * y * raw_row + 2 * x * channels)[:, None] + channel[None, :]
        shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
        a = tl.maximum(tl.load(source, mask=here, other=0.0).to(tl.float32) + shift, 0.0)
        b = tl.maximum(tl.load(source + channels, mask=here, other=0.0).to(tl.float32) + shift, 0.0)
        c = tl.maximum(tl.load(source + raw_row, mask=here, other=0.0).to(tl.float32) + shift, 0.0)
        d = tl.maximum(tl.load(source + raw_row + channels, mask=here, other=0.0).to(tl.float32) + shift, 0.0)
        pulled = pulled * scale / tl.sqrt(tl.maximum(a * a + b * b + c * c + d * d, 1.1754944e-38))
        tl.store(gradient + upper, pulled * a, mask=here)
        tl.store(gradient + upper + channels, pulled * b, mask=here)
        tl.store(gradient + upper + gradient_row, pulled * c, mask=here)
        tl.store(gradient + upper + gradient_row + channels, pulled * d, mask=here)


@_kernel
def _relu_backward(wide, wide_row, features, features_row, bits, content, content_row, factor, gradient,
          height, width, channels, above, left, first_row, last_row, first_column, last_column,
          has_wide: tl.constexpr, has_features: tl.constexpr, has_bits: tl.constexpr, has_content: tl.constexpr,
          clears: tl.constexpr, copies: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    y, x = place // width, place % width
    valid = place < height * width
    here = valid[:, None] & (channel < channels)[None, :]
    if has_wide:
        pulled = _folded(wide, wide_row, y, x, valid, channel, channels, above, left, height, width,
                         first_row, last_row, first_column, last_column, copies)  # fmt: skip
    else:
        pulled = tl.zeros((positions, block), tl.float32)
    if has_features:
        found = (y * features_row + x * channels)[:, None] + channel[None, :]
        found = tl.load(features + found, mask=here, other=0.0).to(tl.float32)
        if has_content:
            aim = (y * content_row + x * channels)[:, None] + channel[None, :]
            aim = tl.load(content + aim, mask=here, other=0.0).to(tl.float32)
            pulled += tl.load(factor).to(tl.float32) * (found - aim)
        if clears:
            pulled = tl.where(found > 0, pulled, 0.0)
    if has_bits:
        octets = (channels + 7) // 8
        at = place[:, None] * octets + (channel // 8)[None, :]
        packed = tl.load(bits + at, mask=here, other=0).to(tl.int32)
        pulled = tl.where(((packed >> (channel % 8)[None, :]) & 1) > 0, pulled, 0.0)
    tl.store(gradient + place[:, None] * channels + channel[None, :], pulled, mask=here)


@_kernel
def _linear(wide, wide_row, features, features_row, matrix, matrix_row, offset, offset_step, weights, weights_row,
            gradient, height, width, channels,
            above, left, first_row, last_row, first_column, last_column, top, bottom, near, far,
            has_wide: tl.constexpr, has_offset: tl.constexpr, has_weights: tl.constexpr, is_part: tl.constexpr,
            clears: tl.constexpr, copies: tl.constexpr, is_small: tl.constexpr, precision: tl.constexpr,
            repeats: tl.constexpr, positions: tl.constexpr, block: tl.constexpr, depth: tl.constexpr):  # fmt: skip
    kind = features.dtype.element_ty
    channel = tl.program_id(1) * block + tl.arange(0, block)
    inner = tl.arange(0, depth)
    known = (channel < channels)[None, :]
    if is_small:
        slope = tl.load(
            matrix + inner[:, None] * matrix_row + channel[None, :], mask=(inner < channels)[:, None] & known, other=0.0
        ).to(kind)
    if has_offset:
        shift = tl.load(offset + channel * offset_step, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    for repeat in range(repeats):
        place = (tl.program_id(0) * repeats + repeat) * positions + tl.arange(0, positions)
        y, x = place // width, place % width
        valid = place < height * width
        there = (y * features_row + x * channels)[:, None]
        total = tl.zeros((positions, block), tl.float32)
        if is_small:  # the slope stays where it is
            if has_wide:  # on its way while the product is made
                base = _folded(wide, wide_row, y, x, valid, channel, channels, above, left, height, width,
                               first_row, last_row, first_column, last_column, copies)  # fmt: skip
            found = tl.load(
                features + there + inner[None, :], mask=valid[:, None] & (inner < channels)[None, :], other=0.0
            )
            total = product(found, slope, total, precision)
        else:
            for start in range(0, channels, depth):
                some = start + inner
                one = tl.load(
                    features + there + some[None, :], mask=valid[:, None] & (some < channels)[None, :], other=0.0
                )
                two = tl.load(
                    matrix + some[:, None] * matrix_row + channel[None, :],
                    mask=(some < channels)[:, None] & known,
                    other=0.0,
                )
                total = product(one, two.to(kind), total, precision)
            found = tl.load(features + there + channel[None, :], mask=valid[:, None] & known, other=0.0)
            if has_wide:
                base = _folded(wide, wide_row, y, x, valid, channel, channels, above, left, height, width,
                               first_row, last_row, first_column, last_column, copies)  # fmt: skip
        total = 2 * total
        if has_offset:
            total += shift
        if is_part:
            inside = valid & (y >= top) & (y < bottom) & (x >= near) & (x < far)
        else:
            inside = valid
        if has_weights:
            weight = tl.load(weights + (y - top) * weights_row + x - near, mask=inside, other=0.0)
            total *= weight.to(tl.float32)[:, None]
        if is_part:
            total = tl.where(inside[:, None], total, 0.0)
        if has_wide:
            total += base
        if clears:
            total = tl.where(found > 0, total, 0.0)
        tl.store(gradient + place[:, None] * channels + channel[None, :], total, mask=valid[:, None] & known)


@_kernel
def _framed_image(image, plane, image_row, framed, height, width, framed_height, framed_width,
                  above, left, first_row, last_row, first_column, last_column,
                  scale_0, scale_1, scale_2, shift_0, shift_1, shift_2, positions: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = place // framed_width, place % framed_width
    y, x = _source(i, above, height, first_row, last_row), _source(j, left, width, first_column, last_column)
    valid = place < framed_height * framed_width
    shown = valid & (y >= 0) & (x >= 0)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    shift = tl.where(color == 0, shift_0, tl.where(color == 1, shift_1, shift_2))
    found = tl.load(image + color * plane + y * image_row + x, mask=shown, other=0.0) * scale + shift
    tl.store(framed + color * framed_height * framed_width + place, tl.where(shown, found, 0.0), mask=valid)


@_kernel
def _first_forward(image, image_height, image_width, weight, bias, framed, height, width, channels: tl.constexpr,
                   framed_height, framed_width, above, left, first_row, last_row, first_column, last_column,
                   precision: tl.constexpr, positions: tl.constexpr, block: tl.constexpr,
                   taps: tl.constexpr):  # fmt: skip
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = place // framed_width, place % framed_width
    y, x = _source(i, above, height, first_row, last_row), _source(j, left, width, first_column, last_column)
    valid = place < framed_height * framed_width
    shown = valid & (y >= 0) & (x >= 0)
    tap = tl.arange(0, taps)
    near = (tap // 9 * image_height + tap % 9 // 3) * image_width + tap % 3
    pixels = tl.load(
        image + (y * image_width + x)[:, None] + near[None, :], mask=shown[:, None] & (tap < 27)[None, :], other=0.0
    )
    filters = tl.load(
        weight + channel[None, :] * 27 + tap[:, None],
        mask=(channel < channels)[None, :] & (tap < 27)[:, None],
        other=0.0,
    )
    found = product(pixels, filters.to(tl.float32), tl.zeros((positions, block), tl.float32), precision)
    found += tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    found = tl.where(found < 0, 0.0, found)
    found = tl.where(shown[:, None], found, 0.0)
    into = framed + place[:, None] * channels + channel[None, :]
    tl.store(into, found, mask=valid[:, None] & (channel < channels)[None, :])


@_kernel
def _spread(cotangent, weight, taps_of, count, channels: tl.constexpr, precision: tl.constexpr, repeats: tl.constexpr,
            positions: tl.constexpr, taps: tl.constexpr, depth: tl.constexpr):  # fmt: skip
    tap, inner = tl.arange(0, taps), tl.arange(0, depth)
    for repeat in range(repeats):
        place = (tl.program_id(0) * repeats + repeat) * positions + tl.arange(0, positions)
        valid = place < count
        total = tl.zeros((positions, taps), tl.float32)
        for start in range(0, channels, depth):
            channel = start + inner
            pulled = tl.load(
                cotangent + place[:, None] * channels + channel[None, :],
                mask=valid[:, None] & (channel < channels)[None, :],
                other=0.0,
            )
            filters = tl.load(
                weight + channel[:, None] * 27 + tap[None, :],
                mask=(channel < channels)[:, None] & (tap < 27)[None, :],
                other=0.0,
            )
            total = product(pulled, filters.to(pulled.dtype), total, precision)
        tl.store(taps_of + tap[None, :] * count + place[:, None], total, mask=valid[:, None] & (tap < 27)[None, :])


@_kernel
def _gather(taps_of, wide, height, width, wide_height, wide_width, scale_0, scale_1, scale_2, positions: tl.constexpr):
    place = tl.program_id(0) * positions + tl.arange(0, positions)
    color = tl.program_id(1)
    i, j = place // wide_width, place % wide_width
    valid = place < wide_height * wide_width
    total = tl.zeros((positions,), tl.float32)
    for tap in tl.static_range(9):
        y, x = i - tap // 3, j - tap % 3
        inside = valid & (y >= 0) & (y < height) & (x >= 0) & (x < width)
        source = taps_of + (color * 9 + tap) * height * width + y * width + x
        total += tl.load(source, mask=inside, other=0.0).to(tl.float32)
    scale = tl.where(color == 0, scale_0, tl.where(color == 1, scale_1, scale_2))
    tl.store(wide + color * wide_height * wide_width + place, total * scale, mask=valid)


def _block(channels: int, most: int = _CHANNELS, least: int = 16) -> int:
    return max(least, min(most, triton.next_power_of_2(channels)))


def _precision(like: Tensor) -> str:
    """Return the precision of products of float32, beside features of a dtype."""
    return "tf32" if like.dtype == torch.bfloat16 else "tf32x3"


def _copies(frame: Frame) -> bool:
    return any(edge >= 0 for edge in frame[4:])


def _inner(frame: Frame) -> tuple[int, ...]:
    """Return what kernels take of a frame."""
    return (frame.above, frame.left, *frame[4:])


def _signal(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    shape = (1, channels, height, width)
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)


def _octets(like: Tensor, channels: int, height: int, width: int) -> Tensor:
    return torch.empty((height, width, channels), dtype=torch.uint8, device=like.device)


def activate(raw: Tensor, bias: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
    _, channels, height, width = raw.shape
    framed = _signal(raw, channels, *frame.size(height, width))
    bits = _octets(raw, -(-channels // 8), height, width)
    block = _block(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _POSITIONS), triton.cdiv(channels, block))
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
        *_inner(frame),
        positions=_POSITIONS,
        block=block,
    )
    return framed, bits


def pool(raw: Tensor, bias: Tensor, kind: str, scale: float, frame: Frame) -> tuple[Tensor, Tensor]:
    channels, height, width = raw.shape[1], raw.shape[2] // 2, raw.shape[3] // 2
    framed = _signal(raw, channels, *frame.size(height, width))
    choices = _octets(raw, channels, height, width)
    block = _block(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _POSITIONS), triton.cdiv(channels, block))
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
        *_inner(frame),
        scale,
        kind=kind,
        positions=_POSITIONS,
        block=block,
    )
    return framed, choices


def unpool(
    wide: Tensor,
    frame: Frame,
    choices: Tensor,
    raw: Tensor | None,
    bias: Tensor | None,
    kind: str,
    scale: float,
    height: int,
    width: int,
) -> Tensor:
    channels, block = wide.shape[1], _block(wide.shape[1])
    gradient = _signal(wide, channels, height, width)
    if height % 2 or width % 2:  # what the pooling left out
        gradient.zero_()
    grid = (triton.cdiv((height // 2) * (width // 2), _POSITIONS), triton.cdiv(channels, block))
    source = wide if raw is None else raw
    _unpool[grid](
        wide,
        wide.stride(2),
        choices,
        source,
        source.stride(2),
        choices if bias is None else bias,
        gradient,
        gradient.stride(2),
        height // 2,
        width // 2,
        channels,
        *_inner(frame),
        scale,
        kind=kind,
        copies=_copies(frame),
        positions=_POSITIONS,
        block=block,
    )
    return gradient


def relu_backward(
    wide: Tensor | None,
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
    _, channels, height, width = shape
    gradient, block = _signal(like, channels, height, width), _block(channels)
    grid = (triton.cdiv(height * width, _MASK_POSITIONS), triton.cdiv(channels, block))
    base, seen = like if wide is None else wide, like if features is None else features
    aim = like if content is None else content
    _relu_backward[grid](
        base,
        base.stride(2),
        seen,
        seen.stride(2),
        like if bits is None else bits,
        aim,
        aim.stride(-2),
        like if factor is None else factor,
        gradient,
        height,
        width,
        channels,
        *_inner(frame),
        has_wide=wide is not None,
        has_features=features is not None,
        has_bits=bits is not None,
        has_content=content is not None,
        clears=clears,
        copies=_copies(frame),
        positions=_MASK_POSITIONS,
        block=block,
    )
    return gradient


def linear(
    wide: Tensor | None,
    frame: Frame,
    features: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    weights: Tensor | None,
    place: tuple[int, int, int, int] | None,
    *,
    clears: bool,
) -> Tensor:
    _, channels, height, width = features.shape
    is_short = features.dtype == torch.bfloat16
    block = _block(channels, 128 if is_short else 64)
    depth = block if channels <= block else 64
    repeats = _REPEATS if channels <= block else 1
    positions = 128 if is_short and channels > block else 64
    grid = (triton.cdiv(height * width, positions * repeats), triton.cdiv(channels, block))
    gradient = _signal(features, channels, height, width)
    base = features if wide is None else wide
    weighing, shift = features if weights is None else weights, features if offset is None else offset
    _linear[grid](
        base,
        base.stride(2),
        features,
        features.stride(2),
        matrix,
        matrix.stride(0),
        shift,
        shift.stride(0),
        weighing,
        weighing.stride(-2),
        gradient,
        height,
        width,
        channels,
        *_inner(frame),
        *(place or (0, height, 0, width)),
        has_wide=wide is not None,
        has_offset=offset is not None,
        has_weights=weights is not None,
        is_part=place is not None,
        clears=clears,
        copies=_copies(frame),
        is_small=channels <= block,
        precision="tf32x3",
        repeats=repeats,
        positions=positions,
        block=block,
        depth=depth,
        num_warps=8,
    )
    return gradient


def first_forward(
    image: Tensor,
    around: Frame,
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Frame,
) -> Tensor:
    channels, (rows, columns) = len(weight), around.size(*image.shape[1:])
    seen = torch.empty((3, rows, columns), dtype=image.dtype, device=image.device)
    _framed_image[triton.cdiv(rows * columns, _STRETCH), 3](
        image,
        image.stride(0),
        image.stride(1),
        seen,
        image.shape[1],
        image.shape[2],
        rows,
        columns,
        *_inner(around),
        *scale,
        *shift,
        positions=_STRETCH,
    )
    framed, block = _signal(weight, channels, *frame.size(rows - 2, columns - 2)), _block(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], _FIRST_POSITIONS), triton.cdiv(channels, block))
    _first_forward[grid](
        seen,
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
        *_inner(frame),
        precision=_precision(weight),
        positions=_FIRST_POSITIONS,
        block=block,
        taps=_TAPS,
    )
    return framed


def first_backward(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    _, channels, height, width = cotangent.shape
    taps_of = torch.empty((27, height, width), dtype=cotangent.dtype, device=cotangent.device)
    count, depth = height * width, _block(channels)
    _spread[triton.cdiv(count, _FIRST_POSITIONS * _REPEATS),](
        cotangent,
        weight,
        taps_of,
        count,
        channels,
        precision=_precision(cotangent),
        repeats=_REPEATS,
        positions=_FIRST_POSITIONS,
        taps=_TAPS,
        depth=depth,
    )
    wide = torch.empty((3, height + 2, width + 2), dtype=dtype, device=taps_of.device)
    _gather[triton.cdiv(wide[0].numel(), _STRETCH), 3](
        taps_of, wide, height, width, height + 2, width + 2, *scale, positions=_STRETCH
    )
    return wide
