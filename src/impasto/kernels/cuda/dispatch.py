"""The choice between kernels, by a tensor's device and precision."""

import importlib.util
from collections.abc import Collection
from functools import cache

import torch
from torch import Tensor

__all__ = ["has_triton", "is_fused", "uses_triton"]

_CAPABILITIES = {torch.float32: (7, 0), torch.bfloat16: (8, 0)}
"""The compute capability from which a GPU computes by Triton kernels, by precision: Triton supports 7.0 and later, and
units for bfloat16 come with 8.0. AMD's GPUs have numbers from 9 on."""


def is_fused(tensor: Tensor) -> bool:
    """Tell whether the operators of this package compute with a tensor: on every device but a CPU."""
    return tensor.device.type != "cpu"


def uses_triton(tensor: Tensor) -> bool:
    """Tell whether Triton kernels compute with a tensor: on a GPU of CUDA or ROCm that has units for its precision."""
    return tensor.device.type == "cuda" and has_triton() and tensor.dtype in _triton_dtypes(tensor.device)


@cache
def _triton_dtypes(device: torch.device) -> Collection[torch.dtype]:
    """Return the precisions in which Triton kernels compute on a GPU."""
    capability = torch.cuda.get_device_capability(device)
    return {dtype for dtype, min_capability in _CAPABILITIES.items() if capability >= min_capability}


@cache
def has_triton() -> bool:
    """Tell whether Triton is installed; PyTorch's builds for CUDA and ROCm on Linux bring it."""
    return importlib.util.find_spec("triton") is not None
