"""Triton kernels of the statistics that losses measure and compare.

They compute the sums of F Fᵀ and F, the distance of Gram matrices and its derivative, the distance from the content
image's features, and the excess of gray levels out of range.
"""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.triton_blocks import row_stride
from impasto.kernels.cuda.triton_product import has_wide_products, product

__all__ = ["add_excess", "excess", "gram_distance", "moments", "square_distance"]

_BLOCK_POSITIONS, _MAX_BLOCK_POSITIONS = 32, 128
"""The positions whose products a program adds up in one step; the most are for bfloat16 on Hopper and its successors.

Elsewhere 128 positions do not fit into registers, and those of float32 not into the shared memory of consumer cards
(docs/notes/gpu.md).
"""

_MOMENT_PROGRAMS = 264
"""The most programs that add up the products of a layer: two for each multiprocessor of an H100."""

_MIN_PROGRAM_POSITIONS = 512
"""The least positions of a program that adds up products."""

_BLOCK_ELEMENTS = 1024
"""The elements of a Gram matrix, or pixels of a row, that one program computes with."""

_BLOCK_UNITS = 4096
"""The units of features that one program compares with the content image's."""


@triton.jit(do_not_specialize=["height", "width", "program_positions", "tiles"])
def _moments(features, features_row, weights, weights_row, partial, height, width, channels, program_positions, tiles,
             has_weights: tl.constexpr, is_single: tl.constexpr, precision: tl.constexpr,
             positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    row = tl.program_id(0) // tiles * block + tl.arange(0, block)
    column = tl.program_id(0) % tiles * block + tl.arange(0, block)
    first = tl.program_id(1) * program_positions
    stop = tl.minimum(first + program_positions, height * width)
    total = tl.zeros((block, block), tl.float32)
    sums = tl.zeros((positions, block), tl.float32)
    for start in range(first, stop, positions):
        position = start + tl.arange(0, positions)
        y, x = position // width, position % width
        valid = position < stop
        feature_start = y * features_row + x * channels
        row_features = tl.load(
            features + feature_start[:, None] + row[None, :], mask=valid[:, None] & (row < channels)[None, :], other=0.0
        )
        if is_single:
            column_features = row_features
        else:
            column_features = tl.load(
                features + feature_start[:, None] + column[None, :],
                mask=valid[:, None] & (column < channels)[None, :],
                other=0.0,
            )
        if has_weights:
            weight = tl.load(weights + y * weights_row + x, mask=valid, other=0.0).to(tl.float32)
            column_features = (column_features.to(tl.float32) * weight[:, None]).to(row_features.dtype)
        total = product(tl.trans(row_features), column_features, total, precision)
        sums += column_features.to(tl.float32)
    partial_start = partial + tl.program_id(1).to(tl.int64) * channels * (channels + 1)
    tl.store(
        partial_start + row[:, None] * (channels + 1) + column[None, :],
        total,
        mask=(row < channels)[:, None] & (column < channels)[None, :],
    )
    if tl.program_id(0) < tiles:
        tl.store(partial_start + column * (channels + 1) + channels, tl.sum(sums, 0), mask=column < channels)


@triton.jit(do_not_specialize=["count", "channels"])
def _gram_distance(total, mass, target, value, slope, count, channels, weight, block: tl.constexpr):
    element = tl.program_id(0) * block + tl.arange(0, block)
    is_element = element < count
    row, column = element // channels, element % channels
    index = row * (channels + 1) + column
    divisor = tl.load(mass).to(tl.float32)
    difference = tl.load(total + index, mask=is_element, other=0.0) / divisor - tl.load(
        target + index, mask=is_element, other=0.0
    )
    by_gram = weight / (channels * channels).to(tl.float32)
    by_gram = by_gram / (channels * channels).to(tl.float32)
    tl.store(value + tl.program_id(0), tl.sum(difference * difference, 0) * by_gram)
    tl.store(slope + element, difference * (2 * by_gram / divisor), mask=is_element)


@triton.jit
def _square_distance(features, features_row, content, content_row, partial, length, block: tl.constexpr):
    unit = tl.program_id(1) * block + tl.arange(0, block)
    valid = unit < length
    difference = tl.load(features + tl.program_id(0) * features_row + unit, mask=valid, other=0.0).to(tl.float32)
    difference -= tl.load(content + tl.program_id(0) * content_row + unit, mask=valid, other=0.0).to(tl.float32)
    tl.store(partial + tl.program_id(0) * tl.num_programs(1) + tl.program_id(1), tl.sum(difference * difference, 0))


@triton.jit
def _out_of_range(gray):
    """Return how far gray levels are above 255, or below 0 as negative numbers; NaN stays NaN."""
    return tl.where(gray > 255.0, gray - 255.0, tl.where(gray >= 0.0, 0.0, gray))


@triton.jit(do_not_specialize=["gray_plane", "gray_row", "height", "width"])
def _excess(gray, gray_plane, gray_row, partial, height, width, block: tl.constexpr):
    row = tl.program_id(0)
    column = tl.program_id(1) * block + tl.arange(0, block)
    gray_index = row // height * gray_plane + row % height * gray_row + column
    excess = _out_of_range(tl.load(gray + gray_index, mask=column < width, other=0.0))
    tl.store(partial + row * tl.num_programs(1) + tl.program_id(1), tl.sum(excess * excess, 0))


@triton.jit(do_not_specialize=["gray_plane", "gray_row", "gradient_plane", "gradient_row", "height", "width"])
def _add_excess(gray, gray_plane, gray_row, factor, gradient, gradient_plane, gradient_row, height, width,
                block: tl.constexpr):  # fmt: skip
    row = tl.program_id(0)
    column = tl.program_id(1) * block + tl.arange(0, block)
    gray_index = row // height * gray_plane + row % height * gray_row + column
    summand = _out_of_range(tl.load(gray + gray_index, mask=column < width, other=0.0)) * tl.load(factor)
    target = gradient + row // height * gradient_plane + row % height * gradient_row + column
    tl.store(target, tl.load(target, mask=column < width, other=0.0) + summand, mask=column < width)


def square_distance(features: Tensor, content: Tensor) -> Tensor:
    """Compute `statistic_operators.square_distance` by one kernel; arguments and result are the operator's."""
    channels, height, width = features.shape
    grid = (height, triton.cdiv(width * channels, _BLOCK_UNITS))
    partial = torch.empty(grid, dtype=torch.float32, device=features.device)
    _square_distance[grid](
        features, features.stride(1), content, content.stride(1), partial, width * channels, block=_BLOCK_UNITS
    )
    return partial.view(-1)


def excess(gray: Tensor) -> Tensor:
    """Return Σ max(0, x - 255)² + max(0, -x)² of gray levels, (3, H, W), as partial sums, (parts,)."""
    channels, height, width = gray.shape
    grid = (channels * height, triton.cdiv(width, _BLOCK_ELEMENTS))
    partial = torch.empty(grid, dtype=torch.float32, device=gray.device)
    _excess[grid](gray, gray.stride(0), gray.stride(1), partial, height, width, block=_BLOCK_ELEMENTS)
    return partial.view(-1)


def add_excess(gray: Tensor, factor: Tensor, gradient: Tensor) -> None:
    """Compute `statistic_operators.add_excess` by one kernel; arguments and result are the operator's."""
    channels, height, width = gray.shape
    grid = (channels * height, triton.cdiv(width, _BLOCK_ELEMENTS))
    _add_excess[grid](
        gray,
        gray.stride(0),
        gray.stride(1),
        factor,
        gradient,
        gradient.stride(0),
        gradient.stride(1),
        height,
        width,
        block=_BLOCK_ELEMENTS,
    )


def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    """Compute `statistic_operators.moments` by one kernel; arguments and result are the operator's."""
    channels, height, width = features.shape
    block = max(16, min(128 if features.dtype == torch.bfloat16 else 64, triton.next_power_of_2(channels)))
    tiles = triton.cdiv(channels, block)
    positions = _MAX_BLOCK_POSITIONS if features.dtype == torch.bfloat16 and has_wide_products() else _BLOCK_POSITIONS
    programs = max(1, min(_MOMENT_PROGRAMS // tiles**2, height * width // _MIN_PROGRAM_POSITIONS))
    program_positions = triton.cdiv(triton.cdiv(height * width, programs), positions) * positions
    programs = triton.cdiv(height * width, program_positions)
    partial = torch.empty((programs, channels, channels + 1), dtype=torch.float32, device=features.device)
    _moments[tiles**2, programs](
        features,
        features.stride(1),
        features if weights is None else weights,
        row_stride(weights),
        partial,
        height,
        width,
        channels,
        program_positions,
        tiles,
        has_weights=weights is not None,
        is_single=tiles == 1,
        precision="tf32x3",
        positions=positions,
        block=block,
        num_warps=8,
    )
    return partial


def gram_distance(
    total: Tensor, mass: Tensor, target: Tensor, weight: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Compute `statistic_operators.gram_distance` by one kernel; arguments and result are the operator's."""
    count = len(total) ** 2
    value = torch.empty(triton.cdiv(count, _BLOCK_ELEMENTS), dtype=torch.float32, device=total.device)
    slope = torch.empty((len(total), len(total)), dtype=dtype, device=total.device)
    _gram_distance[(len(value),)](total, mass, target, value, slope, count, len(total), weight, block=_BLOCK_ELEMENTS)
    return value, slope
