"""Operators of the network's layers, forward and back: all that is not a convolution of 64 channels or more.

Signals are (1, C, H, W) in channels_last, with rows that may lie further apart than they are long; frames are the
numbers of a `Frame`. Each operator is one pass over memory.
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
"""Bytes that `pool` remembers for each unit of its output: which of four it took."""

RELU_BYTES = 1 / 8
"""Bytes a unit that `activate` remembers of a ReLU."""

FIRST_LAYER_TAPS = 3 * 3 * 3
"""Numbers a pixel that `first_backward` gives to the inputs of conv1_1 before they are added up."""


@operator
def first_forward(
    image: Tensor,
    around: Sequence[int],
    scale: Sequence[float],
    shift: Sequence[float],
    weight: Tensor,
    bias: Tensor,
    frame: Sequence[int],
) -> Tensor:
    """Return max(0, conv1_1(scale · image + shift)) in a frame.

    Args:
        image: RGB in [0, 1], (3, H, W).
        around: The image's own frame; zeros in it are what `scale` and `shift` leave 0.
        scale: What the network takes a channel times, 3 numbers.
        shift: And what it adds then.
        weight: (C, 3, 3, 3), contiguous.
        bias: (C,).
        frame: Of the output.

    Returns:
        The framed signal, in the dtype of `weight`.

    """
    if dispatch.uses_triton(weight) and image.dtype == torch.float32:
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.first_forward(image, Frame(*around), scale, shift, weight, bias, Frame(*frame))
    factor, summand = (torch.tensor(each, dtype=image.dtype)[:, None, None].to(image.device) for each in (scale, shift))
    signal = (image * factor + summand).to(weight.dtype)[None]
    output = functional.conv2d(Frame(*around).pad(signal), weight, bias).relu_()
    return Frame(*frame).pad(output)


@operator
def first_backward(cotangent: Tensor, weight: Tensor, scale: Sequence[float], dtype: torch.dtype) -> Tensor:
    """Return the gradient by the framed image, (3, H + 2, W + 2), from that by conv1_1's convolution, (1, C, H, W)."""
    if dispatch.uses_triton(cotangent) and dtype == torch.float32:
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.first_backward(cotangent, weight, scale, dtype)
    wide = functional.conv_transpose2d(cotangent, weight)[0].to(dtype)
    return (wide * torch.tensor(scale, dtype=dtype)[:, None, None].to(wide.device)).contiguous()


@operator
def activate(raw: Tensor, bias: Tensor, frame: Sequence[int], remember: bool) -> tuple[Tensor, Tensor]:
    """Return max(0, raw + bias) in a frame and a bit for each unit above 0, (H, W, C / 8), at least if `remember`."""
    if dispatch.uses_triton(raw):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.activate(raw, bias, Frame(*frame))
    output = _active(raw, bias)
    bits = _packed(output[0].permute(1, 2, 0) > 0) if remember else output.new_empty(0, dtype=torch.uint8)
    return Frame(*frame).pad(output), bits


@operator
def pool(
    raw: Tensor,
    bias: Tensor,
    kind: str,
    scale: float,
    frame: Sequence[int],
    remember: bool,
) -> tuple[Tensor, Tensor]:
    """Return the 2 × 2 pooling of max(0, raw + bias) in a frame, and what `unpool` needs, at least if `remember`.

    That is (H // 2, W // 2, C) of uint8: for max, which of four is the largest, the first of equal ones, and 4 where
    none is above 0; else a bit for each of the four that is above 0.
    """
    if dispatch.uses_triton(raw):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.pool(raw, bias, kind, scale, Frame(*frame))
    fours = _fours(_active(raw, bias))  # (4, 1, C, H // 2, W // 2)
    if kind == "max":
        pooled = fours.amax(0)
        chosen = torch.where(pooled > 0, (fours == pooled).to(torch.uint8).argmax(0), 4)
    else:
        pooled = fours.mean(0) * scale if kind == "average" else _root(fours) * scale
        places = torch.arange(4, dtype=torch.uint8, device=raw.device).view(4, 1, 1, 1, 1)
        chosen = ((fours > 0).to(torch.uint8) << places).sum(0)
    choices = chosen.to(torch.uint8)[0].permute(1, 2, 0).contiguous() if remember else _nothing(raw)
    return Frame(*frame).pad(pooled), choices


@operator
def unpool(
    wide: Tensor,
    frame: Sequence[int],
    choices: Tensor,
    raw: Tensor | None,
    bias: Tensor | None,
    kind: str,
    scale: float,
    height: int,
    width: int,
) -> Tensor:
    """Return the gradient by `raw` of `pool`, (1, C, H, W), from that by its framed output.

    `raw` and `bias` are needed for l2 only.
    """
    if dispatch.uses_triton(wide):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.unpool(wide, Frame(*frame), choices, raw, bias, kind, scale, height, width)
    pulled = Frame(*frame).fold(wide.clone()) * (1.0 if kind == "max" else scale)
    chosen = choices.permute(2, 0, 1)[None].int()
    gradient = torch.zeros((1, *wide.shape[1:2], height, width), dtype=wide.dtype, device=wide.device)
    gradient = gradient.contiguous(memory_format=torch.channels_last)
    if kind == "l2" and raw is not None and bias is not None:
        fours = _fours(_active(raw, bias))
        parts = list(pulled / _root(fours) * fours)
    elif kind == "max":
        parts = [torch.where(chosen == place, pulled, 0) for place in range(4)]
    else:
        parts = [torch.where((chosen >> place & 1) > 0, pulled / 4, 0) for place in range(4)]
    for place, part in enumerate(parts):
        gradient[:, :, place // 2 : height // 2 * 2 : 2, place % 2 : width // 2 * 2 : 2] = part
    return gradient


@operator
def relu_backward(
    wide: Tensor | None,
    frame: Sequence[int],
    features: Tensor | None,
    bits: Tensor | None,
    factor: Tensor | None,
    content: Tensor | None,
    clears: bool,
    shape: Sequence[int],
    like: Tensor,
) -> Tensor:
    """Go back through a frame and a ReLU.

    Args:
        wide: The gradient by the framed signal; None: 0.
        frame: The frame.
        features: The signal, the output of the ReLU, if it is there.
        bits: Else what `activate` remembered.
        factor: A scalar; with it, factor · (features - content) is added before the ReLU.
        content: (C, H, W).
        clears: Whether to set the gradient to 0 where the features are not above 0.
        shape: Of the signal.
        like: A tensor of the gradient's dtype and device.

    """
    if dispatch.uses_triton(like):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        return triton_layers.relu_backward(
            wide, Frame(*frame), features, bits, factor, content, clears=clears, shape=shape, like=like
        )
    gradient = _start(wide, frame, shape, like)
    if features is not None and factor is not None and content is not None:
        Difference(factor, content)(features[0], gradient[0])
    if features is not None and clears:
        gradient *= features > 0
    if bits is not None:
        gradient *= _unpacked(bits, shape[1]).permute(2, 0, 1)
    return gradient


@operator
def linear(
    wide: Tensor | None,
    frame: Sequence[int],
    features: Tensor,
    matrix: Tensor,
    offset: Tensor | None,
    weights: Tensor | None,
    place: Sequence[int] | None,
    clears: bool,
) -> Tensor:
    """Go back through a frame, add w ∘ (2 S F + s) and, if `clears`, go back through the ReLU before it.

    Args:
        wide: The gradient by the framed signal; None: 0.
        frame: The frame.
        features: F, the signal, (1, C, H, W).
        matrix: S, symmetric, (C, C).
        offset: s, (C,); None: 0.
        weights: w, of the rows and columns of `place`; None: 1.
        place: First and last row, first and last column to which the sum is added; None: all.
        clears: Whether to set the gradient to 0 where the features are not above 0.

    """
    if dispatch.uses_triton(features):
        from impasto.kernels.cuda import triton_layers  # noqa: PLC0415 (a GPU)

        part = None if place is None else (place[0], place[1], place[2], place[3])
        return triton_layers.linear(wide, Frame(*frame), features, matrix, offset, weights, part, clears=clears)
    gradient = _start(wide, frame, features.shape, features)
    top, bottom, near, far = place or (0, features.shape[2], 0, features.shape[3])
    some = slice(None), slice(top, bottom), slice(near, far)
    Linear(matrix, offset, weights)(features[0][some], gradient[0][some])
    if clears:
        gradient *= features > 0
    return gradient


def _active(raw: Tensor, bias: Tensor) -> Tensor:
    return (raw + bias[:, None, None]).relu_()


def _start(wide: Tensor | None, frame: Sequence[int], shape: Sequence[int], like: Tensor) -> Tensor:
    """Return the gradient before anything is added to it."""
    if wide is not None:
        return Frame(*frame).fold(wide.clone()).contiguous(memory_format=torch.channels_last)
    zeros = torch.zeros(*shape, dtype=like.dtype, device=like.device)
    return zeros.contiguous(memory_format=torch.channels_last)


def _fours(signal: Tensor) -> Tensor:
    """Return the four of each pooling by place, from the upper left to the lower right, (4, 1, C, H // 2, W // 2)."""
    height, width = signal.shape[2] // 2 * 2, signal.shape[3] // 2 * 2
    return torch.stack([signal[:, :, row:height:2, column:width:2] for row in (0, 1) for column in (0, 1)])


def _root(fours: Tensor) -> Tensor:
    """Return the root of the sum of squares of each four, above 0."""
    return fours.square().sum(0).clamp_min(torch.finfo(torch.float32).tiny).sqrt()


def _packed(active: Tensor) -> Tensor:
    """Pack (H, W, C) of booleans to a bit each, (H, W, C / 8)."""
    height, width, channels = active.shape
    eights = functional.pad(active.to(torch.uint8), (0, -channels % 8)).view(height, width, -1, 8)
    shifts = torch.arange(8, dtype=torch.uint8, device=active.device)
    return (eights << shifts).sum(3).to(torch.uint8)


def _unpacked(bits: Tensor, channels: int) -> Tensor:
    """Return what was packed, (H, W, C)."""
    shifts = torch.arange(8, dtype=torch.uint8, device=bits.device)
    return (bits[..., None] >> shifts & 1).flatten(2)[..., :channels]


def _nothing(like: Tensor) -> Tensor:
    return torch.empty(0, dtype=torch.uint8, device=like.device)
