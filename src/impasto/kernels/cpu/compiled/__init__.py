"""Loops that no operation of torch does at the speed of the memory or the cache: compiled by numba, on torch's threads.

They are there for processors with numba and a torch on GNU OpenMP; elsewhere torch's operations do the same, slower.
"""

import importlib
from functools import cache

import torch
from torch import Tensor

__all__ = ["has_loops", "has_loops_for"]


def has_loops_for(tensor: Tensor, layout: torch.memory_format = torch.contiguous_format) -> bool:
    """Tell whether there are loops for a tensor here: of at most 32 bits, on a processor and in the layout wanted."""
    return (
        tensor.device.type == "cpu"
        and tensor.element_size() <= 4
        and tensor.is_contiguous(memory_format=layout)
        and has_loops()
    )


@cache
def has_loops() -> bool:
    """Tell whether the loops can be compiled and run here; only then may the modules of this folder be imported."""
    try:
        importlib.import_module(
            "impasto.kernels.cpu.compiled.convolution"
        )  # only where it may be used: it takes half a second
    except (ImportError, OSError, AttributeError, RuntimeError, StopIteration):
        return False
    return True
