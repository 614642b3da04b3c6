"""Triton kernels of bias and ReLU, forward and backward; `triton_blocks` says how they count."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

from collections.abc import Sequence

import triton
import triton.language as tl
from torch import Tensor

from impasto.kernels.cuda.frame import Frame
from impasto.kernels.cuda.triton_blocks import (
    BLOCK_POSITIONS,
    block_channels,
    empty_bytes,
    empty_signal,
    fold_frame,
    kernel,
    origin,
    row_stride,
)

__all__ = ["activate", "relu_backward"]

_RELU_POSITIONS = 32
"""The positions of a block in the backward pass of a ReLU."""


@kernel
def _activate(raw, raw_row, bias, framed, bits, height, width, channels, framed_height, framed_width,
              above, left, first_row, last_row, first_column, last_column,
              positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = origin(i, above, height, first_row, last_row), origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_signal = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    output = tl.load(raw + (y * raw_row + x * channels)[:, None] + channel[None, :], mask=is_signal, other=0.0)
    output = output.to(tl.float32) + tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    output = tl.where(is_signal & (output < 0), 0.0, tl.where(is_signal, output, 0.0))
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])
    octets = (channels + 7) // 8
    octet = tl.program_id(1) * (block // 8) + tl.arange(0, block // 8)
    active = tl.reshape((output > 0).to(tl.int32), (positions, block // 8, 8))
    packed = tl.sum(active << tl.arange(0, 8)[None, None, :], 2).to(tl.uint8)
    is_interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    bits_start = ((i - above) * width + j - left) * octets
    tl.store(bits + bits_start[:, None] + octet[None, :], packed, mask=is_interior[:, None] & (octet < octets)[None, :])


@kernel
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
        cotangent = fold_frame(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                               first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
    else:
        cotangent = tl.zeros((positions, block), tl.float32)
    if has_features:
        feature_index = (y * features_row + x * channels)[:, None] + channel[None, :]
        block_features = tl.load(features + feature_index, mask=is_unit, other=0.0).to(tl.float32)
        if has_content:
            content_index = (y * content_row + x * channels)[:, None] + channel[None, :]
            block_content = tl.load(content + content_index, mask=is_unit, other=0.0).to(tl.float32)
            cotangent += tl.load(factor).to(tl.float32) * (block_features - block_content)
        if clears:
            cotangent = tl.where(block_features > 0, cotangent, 0.0)
    if has_bits:
        octets = (channels + 7) // 8
        bits_offset = position[:, None] * octets + (channel // 8)[None, :]
        packed = tl.load(bits + bits_offset, mask=is_unit, other=0).to(tl.int32)
        cotangent = tl.where(((packed >> (channel % 8)[None, :]) & 1) > 0, cotangent, 0.0)
    tl.store(gradient + position[:, None] * channels + channel[None, :], cotangent, mask=is_unit)


def activate(raw: Tensor, bias: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
    """Compute `layer_operators.activate` by one kernel, with the bits in any case; arguments are the operator's."""
    _, channels, height, width = raw.shape
    framed = empty_signal(raw, channels, *frame.size(height, width))
    bits = empty_bytes(raw, -(-channels // 8), height, width)
    block = block_channels(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], BLOCK_POSITIONS), triton.cdiv(channels, block))
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
        *frame.kernel_arguments,
        positions=BLOCK_POSITIONS,
        block=block,
    )
    return framed, bits


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
    template: Tensor,
) -> Tensor:
    """Compute `layer_operators.relu_backward` by one kernel; arguments and result are the operator's."""
    _, channels, height, width = shape
    gradient, block = empty_signal(template, channels, height, width), block_channels(channels)
    grid = (triton.cdiv(height * width, _RELU_POSITIONS), triton.cdiv(channels, block))
    _relu_backward[grid](
        template if framed is None else framed,
        row_stride(framed),
        template if features is None else features,
        row_stride(features),
        template if bits is None else bits,
        template if content is None else content,
        row_stride(content),
        template if factor is None else factor,
        gradient,
        height,
        width,
        channels,
        *frame.kernel_arguments,
        has_framed=framed is not None,
        has_features=features is not None,
        has_bits=bits is not None,
        has_content=content is not None,
        clears=clears,
        has_copies=frame.has_copies,
        positions=_RELU_POSITIONS,
        block=block,
    )
    return gradient
