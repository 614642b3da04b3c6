"""Triton kernels of the statistics: sums of F Fᵀ and F, and the distance of a Gram matrix with its slope."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false, reportOptionalMemberAccess=false
# ruff: noqa: ANN001, ANN202, D103

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.triton_product import product

__all__ = ["gram_distance", "moments"]

_POSITIONS = 64
"""Positions whose products are added up in one step."""

_PROGRAMS = 528
"""Programs that all together add up the products of a layer: four for each multiprocessor of an H100."""

_FEWEST = 512
"""Positions of a program, at least."""

_ELEMENTS = 1024
"""Elements of a Gram matrix in a program of its distance."""


@triton.jit
def _moments(features, features_row, weights, weights_row, partial, height, width, channels: tl.constexpr, part,
             has_weights: tl.constexpr, precision: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    tiles: tl.constexpr = (channels + block - 1) // block
    row = tl.program_id(0) // tiles * block + tl.arange(0, block)
    column = tl.program_id(0) % tiles * block + tl.arange(0, block)
    first = tl.program_id(1) * part
    last = tl.minimum(first + part, height * width)
    total = tl.zeros((block, block), tl.float32)
    sums = tl.zeros((block,), tl.float32)
    for start in range(first, last, positions):
        place = start + tl.arange(0, positions)
        y, x = place // width, place % width
        valid = place < last
        there = y.to(tl.int64) * features_row + x * channels
        one = tl.load(features + there[:, None] + row[None, :],
                      mask=valid[:, None] & (row < channels)[None, :], other=0.0)  # fmt: skip
        two = tl.load(features + there[:, None] + column[None, :],
                      mask=valid[:, None] & (column < channels)[None, :], other=0.0)  # fmt: skip
        if has_weights:
            weight = tl.load(weights + y.to(tl.int64) * weights_row + x, mask=valid, other=0.0).to(tl.float32)
            two = (two.to(tl.float32) * weight[:, None]).to(one.dtype)
        total = product(tl.trans(one), two, total, precision)
        sums += tl.sum(two.to(tl.float32), 0)
    into = partial + tl.program_id(1).to(tl.int64) * channels * (channels + 1)
    tl.store(into + row[:, None] * (channels + 1) + column[None, :], total,
             mask=(row < channels)[:, None] & (column < channels)[None, :])  # fmt: skip
    if tl.program_id(0) < tiles:
        tl.store(into + column * (channels + 1) + channels, sums, mask=column < channels)


@triton.jit
def _gram_distance(total, mass, target, value, slope, count, channels, weight, block: tl.constexpr):
    place = tl.program_id(0) * block + tl.arange(0, block)
    mine = place < count
    counts = mine & (place % (channels + 1) < channels)
    whole = tl.load(mass).to(tl.float32)
    found = tl.load(total + place, mask=counts, other=0.0) / whole - tl.load(target + place, mask=counts, other=0.0)
    by_gram = weight / (channels * channels).to(tl.float32)
    by_gram = by_gram / (channels * channels).to(tl.float32)
    tl.store(value + tl.program_id(0), tl.sum(found * found, 0) * by_gram)
    tl.store(slope + place, found * (2 * by_gram / whole), mask=mine)


def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    channels, height, width = features.shape
    block = max(16, min(128 if features.dtype == torch.bfloat16 else 64, triton.next_power_of_2(channels)))
    tiles = triton.cdiv(channels, block) ** 2
    parts = max(1, min(_PROGRAMS // tiles, height * width // _FEWEST))
    part = triton.cdiv(triton.cdiv(height * width, parts), _POSITIONS) * _POSITIONS
    parts = triton.cdiv(height * width, part)
    partial = torch.empty((parts, channels, channels + 1), dtype=torch.float32, device=features.device)
    weighing = features if weights is None else weights
    _moments[tiles, parts](features, features.stride(1), weighing, weighing.stride(-2), partial, height, width, channels,
                           part, has_weights=weights is not None, precision="tf32x3", positions=_POSITIONS,
                           block=block, num_warps=8 if block > 64 else 4)  # fmt: skip
    return partial


def gram_distance(total: Tensor, mass: Tensor, target: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    count = total.numel()
    value = torch.empty(triton.cdiv(count, _ELEMENTS), dtype=torch.float32, device=total.device)
    slope = torch.empty_like(total)
    _gram_distance[(len(value),)](total, mass, target, value, slope, count, len(total), weight, block=_ELEMENTS)
    return value, slope
