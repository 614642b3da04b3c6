"""A 3 × 3 convolution with its bias and ReLU, and its transpose: by hand, without autograd.

Both are the same operation: the transpose of a convolution is one with its filters turned. On a processor they run in
oneDNN with weights that are packed once, bias and ReLU in the same pass; elsewhere as torch does it.

Signals are (1, C, H, W) in channels_last, the layout in which these convolutions are fastest.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Convolution", "Padding"]

Padding = Literal["zeros", "replicate", "reflect"]

_MIRROR = {"replicate": 1, "reflect": 2}
"""Where, in a padded signal, the row lies whose copy is row 0."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """One layer's filters, ready to go forward and back."""

    weight: Tensor
    """(out, in, 3, 3)."""
    bias: Tensor
    """(out,)."""
    padding: Padding = "zeros"

    def forward(self, signal: Tensor) -> Tensor:
        """Return max(0, filters ∗ signal + bias), (1, out, H, W)."""
        if self.padding == "zeros":
            return self._ahead(signal, 1)
        return self._ahead(functional.pad(signal, (1, 1, 1, 1), mode=self.padding), 0)

    def pullback(self, cotangent: Tensor) -> Tensor:
        """Return the gradient by the signal of ⟨cotangent, filters ∗ signal⟩, (1, in, H, W)."""
        if self.padding == "zeros":
            return self._back(cotangent, 1)
        padded = self._back(cotangent, 2)  # (1, in, H + 2, W + 2)
        mirror = _MIRROR[self.padding]
        for side in (padded, padded.transpose(2, 3)):
            side[:, :, mirror] += side[:, :, 0]
            side[:, :, -1 - mirror] += side[:, :, -1]
        return padded[:, :, 1:-1, 1:-1].contiguous(memory_format=torch.channels_last)

    @cached_property
    def _ahead(self) -> Callable[[Tensor, int], Tensor]:
        return _operation(self.weight, self.bias, relu=True)

    @cached_property
    def _back(self) -> Callable[[Tensor, int], Tensor]:
        turned = self.weight.flip(2, 3).transpose(0, 1)
        return _operation(turned, None, relu=False)


def _operation(weight: Tensor, bias: Tensor | None, *, relu: bool) -> Callable[[Tensor, int], Tensor]:
    """Prepare a convolution with `padding` units of zeros around, as a function of signal and padding."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    if not _packs(weight):

        def plain(signal: Tensor, padding: int) -> Tensor:
            convolved = functional.conv2d(signal, weight, bias, padding=padding)
            return convolved.relu_() if relu else convolved

        return plain
    onednn = cast("Any", torch.ops.mkldnn)
    packed = onednn._reorder_convolution_weight(weight, [1, 1], [1, 1], [1, 1], 1, None)  # noqa: SLF001
    activation = "relu" if relu else "none"

    def fused(signal: Tensor, padding: int) -> Tensor:
        around, ones = [padding, padding], [1, 1]
        return onednn._convolution_pointwise(signal, packed, bias, around, ones, ones, 1, activation, [], "")  # noqa: SLF001

    return fused


def _packs(weight: Tensor) -> bool:
    """Tell whether oneDNN takes weights of this kind here."""
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(cast("Any", torch.ops.mkldnn)._is_mkldnn_bf16_supported())  # noqa: SLF001
    return weight.dtype == torch.float32
