"""Operators of the network's layers, forward and backward: everything but the convolutions of 64 channels or more.

Signals are (1, C, H, W) in channels_last, and may be views of a framed signal. A frame is passed as the numbers of a
`Frame`. A block is a square of 2 × 2 units, which a pooling makes one unit. Each operator is one pass over memory.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.cotangents import Difference, Linear
from impasto.kernels.cuda import dispatch
from impasto.kernels.cuda.frame import Frame
from impasto.kernels.cuda.operator import operator

__all__ = [
    "CHOICE_BYTES",
    "FIRST_LAYER_TAPS",
    "RELU_BYTES",
    "activate",
    "first_backward",
    "first_forward",
    "linear",
    "pool",
    "relu_backward",
    "unpool",
]

CHOICE_BYTES = 1
"""The number of bytes that `pool` retains for each unit of its output."""

RELU_BYTES = 1 / 8
"""The number of bytes that `activate` retains for each unit of a ReLU."""

FIRST_LAYER_TAPS = 3 * 3 * 3
"""The inputs of a unit of conv1_1: `first_backward` writes one number per pixel for each, before it adds them up."""


@operator
def first_forward(
    image: Tensor,
    input_frame: Sequence[int],
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Sequence[int],
) -> Tensor:
    """Return max(0, conv1_1(scale · image + shift)) in a frame.

    Args:
        image: RGB in [0, 1], (3, H, W).
        input_frame: The frame of the image; its zeros are added after `scale` and `shift`.
        scale: The factor of each channel, 3 numbers.
        shift: The summand of each channel, 3 numbers.
        weight: The filters of conv1_1, (C, 3, 3, 3), contiguous.
        bias: The bias of conv1_1, (C,).
        frame: The frame of the output.

    Returns:
        The framed signal, (1, C, height, width), in the dtype of `weight`.

    """
    if dispatch.uses_triton(weight) and image.dtype == torch.float32:
        from impasto.kernels.cuda import triton_first_layer  # noqa: PLC0415 (a GPU)

        return triton_first_layer.first_forward(image, Frame(*input_frame), scale, shift, weight, bias, Frame(*frame))
    factor, summand = (
        torch.tensor(numbers, dtype=image.dtype)[:, None, None].to(image.device) for numbers in (scale, shift)
    )
    signal = (image * factor + summand).to(weight.dtype)[None]
    output = functional.conv2d(Frame(*input_frame).pad(signal), weight, bias).relu_()
    return Frame(*frame).pad(output)


@operator
def first_backward(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Return the gradient by the framed image.

    Args:
        cotangent: The gradient by the output of conv1_1 before its bias and ReLU, (1, C, H, W).
        weight: The filters of conv1_1, (C, 3, 3, 3), contiguous.
        scale: The factor of each channel of the image, 3 numbers.
        dtype: The precision of the gradient.

    Returns:
        The gradient, (3, H + 2, W + 2).

    """
    if dispatch.uses_triton(cotangent) and dtype == torch.float32:
        from impasto.kernels.cuda import triton_first_layer  # noqa: PLC0415 (a GPU)

        return triton_first_layer.first_backward(cotangent, weight, scale, dtype)
    framed = functional.conv_transpose2d(cotangent, weight)[0].to(dtype)
    return (framed * torch.tensor(scale, dtype=dtype)[:, None, None].to(framed.device)).contiguous()


@operator
def activate(raw: Tensor, bias: Tensor, frame: Sequence[int], retain: bool) -> tuple[Tensor, Tensor]:
    """Return max(0, raw + bias) in a frame.

    Args:
        raw: The output of a convolution without bias, (1, C, H, W).
        bias: The bias of each channel, (C,).
        frame: The frame of the output.
        retain: Whether the bits are needed.

    Returns:
        The framed signal, and one bit per unit that is above 0, (H, W, ceil(C / 8)) of uint8; without `retain` possibly
        no bits.

    """
    if dispatch.uses_triton(raw):
        from impasto.kernels.cuda import triton_relu  # noqa: PLC0415 (a GPU)

        return triton_relu.activate(raw, bias, Frame(*frame))
    output = _biased_relu(raw, bias)
    bits = _pack(output[0].permute(1, 2, 0) > 0) if retain else output.new_empty(0, dtype=torch.uint8)
    return Frame(*frame).pad(output), bits


@operator
def pool(
    raw: Tensor,
    bias: Tensor,
    kind: str,
    scale: float,
    frame: Sequence[int],
    retain: bool,
) -> tuple[Tensor, Tensor]:
    """Return the 2 × 2 pooling of max(0, raw + bias) in a frame.

    Args:
        raw: The output of a convolution without bias, (1, C, H, W).
        bias: The bias of each channel, (C,).
        kind: The kind of pooling: max, average or l2.
        scale: The factor of average and L2 pooling.
        frame: The frame of the output.
        retain: Whether the choices are needed.

    Returns:
        The framed signal, and the choices that `unpool` needs, (H // 2, W // 2, C) of uint8; without `retain` possibly
        none. For max pooling a choice is the index of the largest unit in its block, the first of equal ones, or 4 if
        none is above 0; for other poolings it has one bit for each unit of the block, set if the unit is above 0.

    """
    if dispatch.uses_triton(raw):
        from impasto.kernels.cuda import triton_pooling  # noqa: PLC0415 (a GPU)

        return triton_pooling.pool(raw, bias, kind, scale, Frame(*frame))
    quarters = _quarters(_biased_relu(raw, bias))  # (4, 1, C, H // 2, W // 2)
    if kind == "max":
        pooled = quarters.amax(0)
        choice = torch.where(pooled > 0, (quarters == pooled).to(torch.uint8).argmax(0), 4)
    else:
        pooled = quarters.mean(0) * scale if kind == "average" else _norm(quarters) * scale
        bit_indices = torch.arange(4, dtype=torch.uint8, device=raw.device).view(4, 1, 1, 1, 1)
        choice = ((quarters > 0).to(torch.uint8) << bit_indices).sum(0)
    choices = choice.to(torch.uint8)[0].permute(1, 2, 0).contiguous() if retain else raw.new_empty(0, dtype=torch.uint8)
    return Frame(*frame).pad(pooled), choices


@operator
def unpool(
    framed: Tensor,
    frame: Sequence[int],
    choices: Tensor,
    raw: Tensor | None,
    bias: Tensor | None,
    kind: str,
    scale: float,
    height: int,
    width: int,
) -> Tensor:
    """Return the gradient by the input of `pool`.

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
    if dispatch.uses_triton(framed):
        from impasto.kernels.cuda import triton_pooling  # noqa: PLC0415 (a GPU)

        return triton_pooling.unpool(framed, Frame(*frame), choices, raw, bias, kind, scale, height, width)
    gradient_by_pooled = Frame(*frame).fold(framed.clone()) * (1.0 if kind == "max" else scale)
    choice = choices.permute(2, 0, 1)[None].int()
    gradient = torch.zeros((1, *framed.shape[1:2], height, width), dtype=framed.dtype, device=framed.device)
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    if kind == "l2" and raw is not None and bias is not None:
        quarters = _quarters(_biased_relu(raw, bias))
        quarter_gradients = list(gradient_by_pooled / _norm(quarters) * quarters)
    elif kind == "max":
        quarter_gradients = [torch.where(choice == index, gradient_by_pooled, 0) for index in range(4)]
    else:
        quarter_gradients = [torch.where((choice >> index & 1) > 0, gradient_by_pooled / 4, 0) for index in range(4)]
    for index, quarter in enumerate(quarter_gradients):
        gradient[:, :, index // 2 : height // 2 * 2 : 2, index % 2 : width // 2 * 2 : 2] = quarter
    return gradient


@operator
def relu_backward(
    framed: Tensor | None,
    frame: Sequence[int],
    features: Tensor | None,
    bits: Tensor | None,
    factor: Tensor | None,
    content: Tensor | None,
    clears: bool,
    shape: Sequence[int],
    template: Tensor,
) -> Tensor:
    """Return the gradient by a ReLU's input, after adding factor · (features - content) to that by its output.

    Args:
        framed: The gradient by the framed output of the ReLU; None for zeros.
        frame: The frame of the output.
        features: The output of the ReLU, (1, C, H, W), if it was retained.
        bits: The bits that `activate` returned, if the output was not retained.
        factor: The factor, a scalar; None to add nothing.
        content: The content image's features, (C, H, W); None to add nothing.
        clears: Whether to set the gradient to 0 where the features are not above 0.
        shape: The shape of the output, (1, C, H, W).
        template: A tensor with the dtype and device of the gradient.

    Returns:
        The gradient by the input of the ReLU, (1, C, H, W).

    """
    if dispatch.uses_triton(template):
        from impasto.kernels.cuda import triton_relu  # noqa: PLC0415 (a GPU)

        return triton_relu.relu_backward(
            framed, Frame(*frame), features, bits, factor, content, clears=clears, shape=shape, template=template
        )
    gradient = _fold_or_zeros(framed, frame, shape, template)
    if features is not None and factor is not None and content is not None:
        Difference(factor, content)(features[0], gradient[0])
    if features is not None and clears:
        gradient *= features > 0
    if bits is not None:
        gradient *= _unpack(bits, shape[1]).permute(2, 0, 1)
    return gradient


@operator
def linear(
    framed: Tensor | None,
    frame: Sequence[int],
    features: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    weights: Tensor | None,
    bounds: Sequence[int] | None,
    clears: bool,
) -> Tensor:
    """Return the gradient by a ReLU's input, after adding w ∘ (2 S F + s) to that by its output.

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
    if dispatch.uses_triton(features):
        from impasto.kernels.cuda import triton_linear  # noqa: PLC0415 (a GPU)

        box = None if bounds is None else (bounds[0], bounds[1], bounds[2], bounds[3])
        return triton_linear.linear(framed, Frame(*frame), features, matrix, offset, weights, box, clears=clears)
    gradient = _fold_or_zeros(framed, frame, features.shape, features)
    first_row, last_row, first_column, last_column = bounds or (0, features.shape[2], 0, features.shape[3])
    units = slice(None), slice(first_row, last_row), slice(first_column, last_column)
    Linear(matrix, offset, weights)(features[0][units], gradient[0][units])
    if clears:
        gradient *= features > 0
    return gradient


def _biased_relu(raw: Tensor, bias: Tensor) -> Tensor:
    """Return max(0, raw + bias)."""
    return (raw + bias[:, None, None]).relu_()


def _fold_or_zeros(framed: Tensor | None, frame: Sequence[int], shape: Sequence[int], template: Tensor) -> Tensor:
    """Return the gradient by a signal, from the gradient by the framed signal, or zeros."""
    if framed is not None:
        return Frame(*frame).fold(framed.clone()).contiguous(memory_format=torch.channels_last)
    zeros = torch.zeros(*shape, dtype=template.dtype, device=template.device)
    return zeros.contiguous(memory_format=torch.channels_last)


def _quarters(signal: Tensor) -> Tensor:
    """Stack the upper left, upper right, lower left and lower right units of all blocks, (4, 1, C, H // 2, W // 2)."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    return torch.stack([signal[:, :, row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)])


def _norm(quarters: Tensor) -> Tensor:
    """Return the L2 norm of each block, above 0."""
    return quarters.square().sum(0).clamp_min(torch.finfo(torch.float32).tiny).sqrt()


def _pack(active: Tensor) -> Tensor:
    """Pack booleans, (H, W, C), to one bit each, (H, W, ceil(C / 8))."""
    height, width, channels = active.shape
    eights = functional.pad(active.to(torch.uint8), (0, -channels % 8)).view(height, width, -1, 8)
    shifts = torch.arange(8, dtype=torch.uint8, device=active.device)
    return (eights << shifts).sum(3).to(torch.uint8)


def _unpack(bits: Tensor, channels: int) -> Tensor:
    """Return packed bits as zeros and ones, (H, W, C)."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return (bits[..., None] >> shifts & 1).flatten(2)[..., :channels]
