"""Triton kernels of bias, ReLU and pooling, forward and backward; `triton_blocks` says how they count."""
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# pyright: reportMissingTypeStubs=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportReturnType=false

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
)

__all__ = ["pool", "unpool"]


@kernel
def _pool(raw, raw_row, bias, framed, choices, height, width, channels, framed_height, framed_width,
          above, left, first_row, last_row, first_column, last_column, scale,
          kind: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    i, j = position // framed_width, position % framed_width
    y, x = origin(i, above, height, first_row, last_row), origin(j, left, width, first_column, last_column)
    valid = position < framed_height * framed_width
    is_signal = (valid & (y >= 0) & (x >= 0))[:, None] & (channel < channels)[None, :]
    upper_left = raw + (2 * y * raw_row + 2 * x * channels)[:, None] + channel[None, :]
    shift = tl.load(bias + channel, mask=channel < channels, other=0.0).to(tl.float32)[None, :]
    a = tl.load(upper_left, mask=is_signal, other=0.0).to(tl.float32) + shift
    b = tl.load(upper_left + channels, mask=is_signal, other=0.0).to(tl.float32) + shift
    c = tl.load(upper_left + raw_row, mask=is_signal, other=0.0).to(tl.float32) + shift
    d = tl.load(upper_left + raw_row + channels, mask=is_signal, other=0.0).to(tl.float32) + shift
    a, b = tl.where(a < 0, 0.0, a), tl.where(b < 0, 0.0, b)
    c, d = tl.where(c < 0, 0.0, c), tl.where(d < 0, 0.0, d)
    if kind == "max":
        upper_max, lower_max = tl.where(b > a, b, a), tl.where(d > c, d, c)
        output = tl.where(lower_max > upper_max, lower_max, upper_max)
        choice = tl.where(lower_max > upper_max, tl.where(d > c, 3, 2), tl.where(b > a, 1, 0))
        choice = tl.where(output > 0, choice, 4)
    else:
        choice = (a > 0).to(tl.int32) + 2 * (b > 0).to(tl.int32) + 4 * (c > 0).to(tl.int32) + 8 * (d > 0).to(tl.int32)
        if kind == "average":
            output = (a + b + c + d) * (scale / 4)
        else:
            output = tl.sqrt(tl.maximum(a * a + b * b + c * c + d * d, 1.1754944e-38)) * scale
    output = tl.where(is_signal, output, 0.0)
    output_address = framed + position[:, None] * channels + channel[None, :]
    tl.store(output_address, output, mask=valid[:, None] & (channel < channels)[None, :])
    is_interior = valid & (i >= above) & (i - above < height) & (j >= left) & (j - left < width)
    choices_start = ((i - above) * width + j - left) * channels
    is_choice = is_interior[:, None] & (channel < channels)[None, :]
    tl.store(choices + choices_start[:, None] + channel[None, :], choice.to(tl.uint8), mask=is_choice)


@kernel
def _unpool(framed, framed_row, choices, raw, raw_row, bias, gradient, gradient_row, height, width, channels,
            above, left, first_row, last_row, first_column, last_column, scale,
            kind: tl.constexpr, has_copies: tl.constexpr, positions: tl.constexpr, block: tl.constexpr):  # fmt: skip
    position = tl.program_id(0) * positions + tl.arange(0, positions)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    y, x = position // width, position % width
    valid = position < height * width
    cotangent = fold_frame(framed, framed_row, y, x, valid, channel, channels, above, left, height, width,
                           first_row, last_row, first_column, last_column, has_copies)  # fmt: skip
    is_unit = valid[:, None] & (channel < channels)[None, :]
    choice = tl.load(choices + position[:, None] * channels + channel[None, :], mask=is_unit, other=4)
    choice = choice.to(tl.int32)
    upper_left = (2 * y * gradient_row + 2 * x * channels)[:, None] + channel[None, :]
    if kind == "max":
        tl.store(gradient + upper_left, tl.where(choice == 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + channels, tl.where(choice == 1, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row, tl.where(choice == 2, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row + channels, tl.where(choice == 3, cotangent, 0.0), mask=is_unit)
    elif kind == "average":
        cotangent = cotangent * (scale / 4)
        tl.store(gradient + upper_left, tl.where((choice & 1) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + channels, tl.where((choice & 2) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(gradient + upper_left + gradient_row, tl.where((choice & 4) > 0, cotangent, 0.0), mask=is_unit)
        tl.store(
            gradient + upper_left + gradient_row + channels, tl.where((choice & 8) > 0, cotangent, 0.0), mask=is_unit
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


def pool(raw: Tensor, bias: Tensor, kind: str, scale: float, frame: Frame) -> tuple[Tensor, Tensor]:
    """Compute `layer_operators.pool` by one kernel, with the choices in any case; arguments are the operator's."""
    channels, height, width = raw.shape[1], raw.shape[2] // 2, raw.shape[3] // 2
    framed = empty_signal(raw, channels, *frame.size(height, width))
    choices = empty_bytes(raw, channels, height, width)
    block = block_channels(channels)
    grid = (triton.cdiv(framed.shape[2] * framed.shape[3], BLOCK_POSITIONS), triton.cdiv(channels, block))
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
        *frame.kernel_arguments,
        scale,
        kind=kind,
        positions=BLOCK_POSITIONS,
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
    """Compute `layer_operators.unpool` by one kernel; arguments and result are the operator's."""
    channels, block = framed.shape[1], block_channels(framed.shape[1])
    gradient = empty_signal(framed, channels, height, width)
    if height % 2 or width % 2:  # what the pooling left out
        gradient.zero_()
    grid = (triton.cdiv((height // 2) * (width // 2), BLOCK_POSITIONS), triton.cdiv(channels, block))
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
        *frame.kernel_arguments,
        scale,
        kind=kind,
        has_copies=frame.has_copies,
        positions=BLOCK_POSITIONS,
        block=block,
    )
    return gradient
