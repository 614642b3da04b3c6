"""Fixed filters, prepared once and applied to many signals, with bias and ReLU in the same pass where oneDNN can.

Signals are (1, C, H, W) in channels_last, the layout in which convolutions are fastest. Several threads may apply a
filter at once.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Filter", "Zeros", "convolve_by_product", "prepare"]

Zeros = tuple[int, int, int, int]
"""The numbers of rows of zeros above and below a signal, and of columns of zeros on its left and right."""

Filter = Callable[[Tensor, Zeros], Tensor]
"""A function that convolves a signal, (1, in, H, W), padded with zeros."""

_EvenFilter = Callable[[Tensor, tuple[int, int]], Tensor]
"""A function that convolves a signal padded with equally many rows above and below, and columns left and right."""


def prepare(weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return a filter: the cross-correlation with a weight and a bias.

    Args:
        weight: The filters, (out, in, h, w).
        bias: The bias of each output channel, (out,); zeros, if not given.
        relu: Whether a ReLU follows.

    Returns:
        A function of a signal, (1, in, H, W), and its padding with zeros; several threads may call it at once.

    """
    weight = weight.contiguous(memory_format=torch.channels_last)
    prepare_even = _prepare_by_onednn if _is_packable(weight) else _prepare_by_torch
    return _with_uneven_zeros(prepare_even(weight, bias, relu=relu))


def convolve_by_product(signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the convolution of a small signal without padding, as one product of matrices.

    oneDNN takes up to a hundred times longer for a strip of three columns than for a strip of three rows.

    Args:
        signal: The strip, (1, in, H, W).
        weight: The filters, (out, in, h, w).
        bias: The bias of each output channel, (out,).

    Returns:
        The output, (1, out, H - h + 1, W - w + 1), in channels_last.

    """
    height, width = weight.shape[2:]
    windows = signal.unfold(2, height, 1).unfold(3, width, 1)  # (1, in, H, W, h, w)
    rows = windows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(0, 2)  # (H · W, h · w · in)
    output = torch.addmm(bias, rows, weight.permute(0, 2, 3, 1).flatten(1).T)  # (H · W, out)
    return output.view(*windows.shape[2:4], -1).permute(2, 0, 1)[None]


def _prepare_by_torch(weight: Tensor, bias: Tensor | None, *, relu: bool) -> _EvenFilter:
    """Return the convolution by torch's own function, `conv2d`."""

    def _convolve(signal: Tensor, padding: tuple[int, int]) -> Tensor:
        convolved = functional.conv2d(signal, weight, bias, padding=padding)
        return convolved.relu_() if relu else convolved

    return _convolve


def _prepare_by_onednn(weight: Tensor, bias: Tensor | None, *, relu: bool) -> _EvenFilter:
    """Return the convolution by oneDNN, with the filters in the layout that it prefers for the last signal's shape.

    One assignment replaces layout and shape together, and each call reads them once, so neither another thread nor an
    exception can separate them. A filter in another layout gives the same result, more slowly.
    """
    onednn = cast("Any", torch.ops.mkldnn)
    ones, activation = [1, 1], "relu" if relu else "none"
    last: tuple[tuple[torch.Size, tuple[int, int]] | None, Any] = None, weight

    def _convolve(signal: Tensor, padding: tuple[int, int]) -> Tensor:
        nonlocal last
        pads, current = [*padding], (signal.shape, padding)
        shape, packed = last
        if current != shape:  # oneDNN chooses the layout by shape and padding, and converts any other at every call
            dense = packed.to_dense()
            packed = onednn._reorder_convolution_weight(dense, pads, ones, ones, 1, [*signal.shape])  # noqa: SLF001
            last = current, packed
        return onednn._convolution_pointwise(signal, packed, bias, pads, ones, ones, 1, activation, [], "")  # noqa: SLF001

    return _convolve


def _with_uneven_zeros(convolve: _EvenFilter) -> Filter:
    """Return a filter with any zeros: it pads both sides alike, and crops the output on the side with fewer zeros."""

    def _apply(signal: Tensor, zeros: Zeros) -> Tensor:
        above, below, left, right = zeros
        even = max(above, below), max(left, right)
        output = convolve(signal, even)
        output = output[:, :, even[0] - above :, even[1] - left :]
        output = output[:, :, : output.shape[2] - even[0] + below, : output.shape[3] - even[1] + right]
        return output.contiguous(memory_format=torch.channels_last)

    return _apply


def _is_packable(weight: Tensor) -> bool:
    """Tell whether oneDNN convolves with weights of this dtype on this machine."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(cast("Any", torch.ops.mkldnn)._is_mkldnn_bf16_supported())  # noqa: SLF001
    return weight.dtype == torch.float32
