"""The Triton kernel of a ReLU's backward pass with 2 S F + s, which Gram matrices add; see `triton_blocks`."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

import torch
import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.frame import Frame
from impasto.kernels.cuda.triton_blocks import (
    BLOCKS_PER_PROGRAM,
    block_channels,
    empty_signal,
    fold_frame,
    kernel,
    row_stride,
)
from impasto.kernels.cuda.triton_product import product

__all__ = ["linear"]


@kernel
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
                base = fold_frame(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                                  first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
            block_features = tl.load(
                features + feature_start + inner[None, :], mask=valid[:, None] & (inner < channels)[None, :], other=0.0
            )
            total = product(block_features, matrix_block, total, precision)
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
            block_features = tl.load(
                features + feature_start + channel[None, :], mask=valid[:, None] & is_output, other=0.0
            )
            if has_framed:
                base = fold_frame(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
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
            total = tl.where(block_features > 0, total, 0.0)
        tl.store(gradient + position[:, None] * channels + channel[None, :], total, mask=valid[:, None] & is_output)


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
    """Compute `layer_operators.linear` by one kernel; arguments and result are the operator's."""
    _, channels, height, width = features.shape
    is_short = features.dtype == torch.bfloat16
    block = block_channels(channels, 128 if is_short else 64)
    depth = block if channels <= block else 64
    blocks = BLOCKS_PER_PROGRAM if channels <= block else 1
    positions = 128 if is_short and channels > block else 64
    grid = (triton.cdiv(height * width, positions * blocks), triton.cdiv(channels, block))
    gradient = empty_signal(features, channels, height, width)
    _linear[grid](
        features if framed is None else framed,
        row_stride(framed),
        features,
        row_stride(features),
        matrix,
        matrix.stride(0),
        features if offset is None else offset,
        0 if offset is None else offset.stride(0),
        features if weights is None else weights,
        row_stride(weights),
        gradient,
        height,
        width,
        channels,
        *frame.kernel_arguments,
        *(bounds or (0, height, 0, width)),
        has_framed=framed is not None,
        has_offset=offset is not None,
        has_weights=weights is not None,
        has_bounds=bounds is not None,
        clears=clears,
        has_copies=frame.has_copies,
        is_small=channels <= block,
        precision="tf32x3",
        blocks=blocks,
        positions=positions,
        block=block,
        depth=depth,
        num_warps=8,
    )
    return gradient
