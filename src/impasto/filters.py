"""Fixed filters, prepared once and applied to many signals: bias and ReLU in the same pass where oneDNN can.

Signals are (1, C, H, W) in channels_last, the layout in which convolutions are fastest.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Filter", "prepare"]

Filter = Callable[[Tensor, tuple[int, int]], Tensor]
"""Convolve a signal with some rows of zeros above and below it, and some columns beside it."""


def prepare(weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return the cross-correlation with weight (out, in, h, w), plus bias (out,), after a ReLU if `relu`."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    if not _packs(weight):

        def plain(signal: Tensor, padding: tuple[int, int]) -> Tensor:
            convolved = functional.conv2d(signal, weight, bias, padding=padding)
            return convolved.relu_() if relu else convolved

        return plain
    onednn = cast("Any", torch.ops.mkldnn)
    packed = onednn._reorder_convolution_weight(weight, [1, 1], [1, 1], [1, 1], 1, None)  # noqa: SLF001
    activation = "relu" if relu else "none"

    def fused(signal: Tensor, padding: tuple[int, int]) -> Tensor:
        ones = [1, 1]
        return onednn._convolution_pointwise(signal, packed, bias, [*padding], ones, ones, 1, activation, [], "")  # noqa: SLF001

    return fused


def _packs(weight: Tensor) -> bool:
    """Tell whether oneDNN takes weights of this kind here."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(cast("Any", torch.ops.mkldnn)._is_mkldnn_bf16_supported())  # noqa: SLF001
    return weight.dtype == torch.float32
