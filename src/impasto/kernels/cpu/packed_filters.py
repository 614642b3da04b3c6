"""Fixed filters, prepared once and applied to many signals: bias and ReLU in the same pass where oneDNN can.

Signals are (1, C, H, W) in channels_last, the layout in which convolutions are fastest. A filter may be applied in
several threads at once.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Filter", "Zeros", "convolve_by_product", "prepare"]

Zeros = tuple[int, int, int, int]
"""Rows of zeros above and below a signal, and columns on its left and right."""

Filter = Callable[[Tensor, Zeros], Tensor]
"""Convolve a signal with some zeros around it."""

_Convolve = Callable[[Tensor, tuple[int, int]], Tensor]
"""Convolve a signal with as many rows of zeros above as below, and as many columns on its left as on its right."""


def prepare(weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return the cross-correlation with a weight and a bias.

    Args:
        weight: The filters, (out, in, h, w).
        bias: What is added to each output channel, (out,); nothing, if not given.
        relu: Whether a ReLU follows.

    Returns:
        A function of a signal, (1, in, H, W), and its zeros; several threads may call it at once.

    """
    weight = weight.contiguous(memory_format=torch.channels_last)
    return _unevenly((_packed if _packs(weight) else _plain)(weight, bias, relu=relu))


def convolve_by_product(signal: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the convolution of a signal of few positions, with nothing around it, as one product of matrices.

    For a strip that is three columns wide, oneDNN takes up to a hundred times longer than for one of three rows.

    Args:
        signal: The strip, (1, in, H, W).
        weight: The filters, (out, in, h, w).
        bias: What is added to each output channel, (out,).

    Returns:
        The output, (1, out, H - h + 1, W - w + 1), in channels_last.

    """
    height, width = weight.shape[2:]
    windows = signal.unfold(2, height, 1).unfold(3, width, 1)  # (1, in, H, W, h, w)
    rows = windows.permute(0, 2, 3, 4, 5, 1).flatten(3).flatten(0, 2)  # (H · W, h · w · in)
    found = torch.addmm(bias, rows, weight.permute(0, 2, 3, 1).flatten(1).T)  # (H · W, out)
    return found.view(*windows.shape[2:4], -1).permute(2, 0, 1)[None]


def _plain(weight: Tensor, bias: Tensor | None, *, relu: bool) -> _Convolve:
    """Return the convolution by torch's own function."""

    def convolve(signal: Tensor, padding: tuple[int, int]) -> Tensor:
        convolved = functional.conv2d(signal, weight, bias, padding=padding)
        return convolved.relu_() if relu else convolved

    return convolve


def _packed(weight: Tensor, bias: Tensor | None, *, relu: bool) -> _Convolve:
    """Return the convolution by oneDNN, with the filters in the layout that it prefers for the last signal's shape.

    Layout and shape are replaced together, by one assignment, and read once a call: so another thread, or an exception
    in between, cannot part them. A filter in another layout than the preferred one is right, and slower.
    """
    onednn = cast("Any", torch.ops.mkldnn)
    ones, activation = [1, 1], "relu" if relu else "none"
    first: Any = onednn._reorder_convolution_weight(weight, ones, ones, ones, 1, None)  # noqa: SLF001
    latest: tuple[tuple[torch.Size, tuple[int, int]] | None, Any] = None, first

    def convolve(signal: Tensor, padding: tuple[int, int]) -> Tensor:
        nonlocal latest
        around, wanted = [*padding], (signal.shape, padding)
        shape, packed = latest
        if wanted != shape:  # oneDNN chooses the layout by them, and sets a wrong one right at every call
            dense = packed.to_dense()
            packed = onednn._reorder_convolution_weight(dense, around, ones, ones, 1, [*signal.shape])  # noqa: SLF001
            latest = wanted, packed
        return onednn._convolution_pointwise(signal, packed, bias, around, ones, ones, 1, activation, [], "")  # noqa: SLF001

    return convolve


def _unevenly(convolve: _Convolve) -> Filter:
    """Leave out what more zeros on one side than on the other would have made on the other."""

    def apply(signal: Tensor, zeros: Zeros) -> Tensor:
        above, below, left, right = zeros
        most = max(above, below), max(left, right)
        found = convolve(signal, most)
        found = found[:, :, most[0] - above :, most[1] - left :]
        found = found[:, :, : found.shape[2] - most[0] + below, : found.shape[3] - most[1] + right]
        return found.contiguous(memory_format=torch.channels_last)

    return apply


def _packs(weight: Tensor) -> bool:
    """Tell whether oneDNN takes weights of this kind here."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(cast("Any", torch.ops.mkldnn)._is_mkldnn_bf16_supported())  # noqa: SLF001
    return weight.dtype == torch.float32
