"""The choice between kernels, by a tensor's device and precision."""

import importlib.util
from functools import cache

import torch
from torch import Tensor

__all__ = ["has_triton", "is_fused", "uses_triton"]


def is_fused(tensor: Tensor) -> bool:
    """Tell whether the operators of this package compute with a tensor: on every device but a CPU."""
    return tensor.device.type != "cpu"


def uses_triton(tensor: Tensor) -> bool:
    """Tell whether there are Triton kernels for a tensor: on a GPU of CUDA or ROCm, in float32 or bfloat16."""
    return tensor.device.type == "cuda" and tensor.dtype in {torch.float32, torch.bfloat16} and has_triton()


@cache
def has_triton() -> bool:
    """Tell whether Triton is installed; PyTorch's builds for CUDA and ROCm on Linux bring it."""
    return importlib.util.find_spec("triton") is not None
