"""Triton kernels of the statistics that losses compare, and of what is made of them.

Sums of F Fᵀ and F, the distance of a Gram matrix with its slope, the distance from the content, gray levels out of
range.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.triton_product import product

__all__ = ["add_excess", "excess", "gram_distance", "moments", "square_distance"]

_POSITIONS = 128
"""Positions whose products are added up in one step."""

_PROGRAMS = 264
"""Programs that all together add up the products of a layer: two for each multiprocessor of an H100."""

_FEWEST = 512
"""Positions of a program, at least."""

_ELEMENTS = 1024
"""Elements of a Gram matrix in a program of its distance, and pixels of one of gray levels."""

_UNITS = 4096
"""Units of features in a program of the distance from the content."""


@triton.jit(do_not_specialize=["height", "width", "part", "tiles"])
def _moments(features, features_row, weights, weights_row, partial, height, width, channels, part, tiles,
             has_weights: tl.constexpr, is_single: tl.constexpr, precision: tl.constexpr,
             positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    row = tl.program_id(0) // tiles * block + tl.arange(0, block)
    column = tl.program_id(0) % tiles * block + tl.arange(0, block)
    first = tl.program_id(1) * part
    last = tl.minimum(first + part, height * width)
    total = tl.zeros((block, block), tl.float32)
    sums = tl.zeros((positions, block), tl.float32)
    for start in range(first, last, positions):
        place = start + tl.arange(0, positions)
        y, x = place // width, place % width
        valid = place < last
        there = y * features_row + x * channels
        one = tl.load(
            features + there[:, None] + row[None, :], mask=valid[:, None] & (row < channels)[None, :], other=0.0
        )
        if is_single:
            two = one
        else:
            two = tl.load(
                features + there[:, None] + column[None, :],
                mask=valid[:, None] & (column < channels)[None, :],
                other=0.0,
            )
        if has_weights:
            weight = tl.load(weights + y * weights_row + x, mask=valid, other=0.0).to(tl.float32)
            two = (two.to(tl.float32) * weight[:, None]).to(one.dtype)
        total = product(tl.trans(one), two, total, precision)
        sums += two.to(tl.float32)
    into = partial + tl.program_id(1).to(tl.int64) * channels * (channels + 1)
    tl.store(
        into + row[:, None] * (channels + 1) + column[None, :],
        total,
        mask=(row < channels)[:, None] & (column < channels)[None, :],
    )
    if tl.program_id(0) < tiles:
        tl.store(into + column * (channels + 1) + channels, tl.sum(sums, 0), mask=column < channels)


@triton.jit(do_not_specialize=["count", "channels"])
def _gram_distance(total, mass, target, value, slope, count, channels, weight, block: tl.constexpr):
    place = tl.program_id(0) * block + tl.arange(0, block)
    mine = place < count
    row, column = place // channels, place % channels
    at = row * (channels + 1) + column
    whole = tl.load(mass).to(tl.float32)
    found = tl.load(total + at, mask=mine, other=0.0) / whole - tl.load(target + at, mask=mine, other=0.0)
    by_gram = weight / (channels * channels).to(tl.float32)
    by_gram = by_gram / (channels * channels).to(tl.float32)
    tl.store(value + tl.program_id(0), tl.sum(found * found, 0) * by_gram)
    tl.store(slope + place, found * (2 * by_gram / whole), mask=mine)


@triton.jit
def _square_distance(features, features_row, content, content_row, partial, length, block: tl.constexpr):
    place = tl.program_id(1) * block + tl.arange(0, block)
    valid = place < length
    found = tl.load(features + tl.program_id(0) * features_row + place, mask=valid, other=0.0).to(tl.float32)
    found -= tl.load(content + tl.program_id(0) * content_row + place, mask=valid, other=0.0).to(tl.float32)
    tl.store(partial + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), tl.sum(found * found, 0))


@triton.jit
def _out_of_range(gray):
    """Return how far gray levels are above 255 or below 0; what is not a number stays so."""
    return tl.where(gray > 255.0, gray - 255.0, tl.where(gray >= 0.0, 0.0, gray))


@triton.jit(do_not_specialize=["height", "width"])
def _excess(gray, gray_plane, gray_row, partial, height, width, block: tl.constexpr):
    row = tl.program_id(0)
    place = tl.program_id(1) * block + tl.arange(0, block)
    at = row // height * gray_plane + row % height * gray_row + place
    found = _out_of_range(tl.load(gray + at, mask=place < width, other=0.0))
    tl.store(partial + row * tl.num_programs(1) + tl.program_id(1), tl.sum(found * found, 0))


@triton.jit(do_not_specialize=["height", "width"])
def _add_excess(gray, gray_plane, gray_row, factor, into, into_plane, into_row, height, width, block: tl.constexpr):
    row = tl.program_id(0)
    place = tl.program_id(1) * block + tl.arange(0, block)
    at = row // height * gray_plane + row % height * gray_row + place
    found = _out_of_range(tl.load(gray + at, mask=place < width, other=0.0)) * tl.load(factor)
    there = into + row // height * into_plane + row % height * into_row + place
    tl.store(there, tl.load(there, mask=place < width, other=0.0) + found, mask=place < width)


def square_distance(features: Tensor, content: Tensor) -> Tensor:
    channels, height, width = features.shape
    grid = (height, triton.cdiv(width * channels, _UNITS))
    partial = torch.empty(grid, dtype=torch.float32, device=features.device)
    _square_distance[grid](
        features, features.stride(1), content, content.stride(1), partial, width * channels, block=_UNITS
    )
    return partial.view(-1)


def excess(gray: Tensor) -> Tensor:
    channels, height, width = gray.shape
    grid = (channels * height, triton.cdiv(width, _ELEMENTS))
    partial = torch.empty(grid, dtype=torch.float32, device=gray.device)
    _excess[grid](gray, gray.stride(0), gray.stride(1), partial, height, width, block=_ELEMENTS)
    return partial.view(-1)


def add_excess(gray: Tensor, factor: Tensor, into: Tensor) -> None:
    channels, height, width = gray.shape
    grid = (channels * height, triton.cdiv(width, _ELEMENTS))
    _add_excess[grid](
        gray,
        gray.stride(0),
        gray.stride(1),
        factor,
        into,
        into.stride(0),
        into.stride(1),
        height,
        width,
        block=_ELEMENTS,
    )


def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    channels, height, width = features.shape
    block = max(16, min(128 if features.dtype == torch.bfloat16 else 64, triton.next_power_of_2(channels)))
    tiles = triton.cdiv(channels, block)
    parts = max(1, min(_PROGRAMS // tiles**2, height * width // _FEWEST))
    part = triton.cdiv(triton.cdiv(height * width, parts), _POSITIONS) * _POSITIONS
    parts = triton.cdiv(height * width, part)
    partial = torch.empty((parts, channels, channels + 1), dtype=torch.float32, device=features.device)
    weighing = features if weights is None else weights
    _moments[tiles**2, parts](
        features,
        features.stride(1),
        weighing,
        weighing.stride(-2),
        partial,
        height,
        width,
        channels,
        part,
        tiles,
        has_weights=weights is not None,
        is_single=tiles == 1,
        precision="tf32x3",
        positions=_POSITIONS,
        block=block,
        num_warps=8,
    )
    return partial


def gram_distance(
    total: Tensor, mass: Tensor, target: Tensor, weight: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    count = len(total) ** 2
    value = torch.empty(triton.cdiv(count, _ELEMENTS), dtype=torch.float32, device=total.device)
    slope = torch.empty((len(total), len(total)), dtype=dtype, device=total.device)
    _gram_distance[(len(value),)](total, mass, target, value, slope, count, len(total), weight, block=_ELEMENTS)
    return value, slope
