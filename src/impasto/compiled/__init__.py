"""Loops that no operation of torch does at the speed of the memory or the cache: compiled by numba, on torch's threads.

They are there for processors with numba and a torch on GNU OpenMP; elsewhere torch's operations do the same, slower.
"""

import importlib
from functools import cache

import torch
from torch import Tensor

__all__ = ["fits", "has_loops"]


def fits(signal: Tensor) -> bool:
    """Tell whether there are loops for a signal here: of at most 32 bits, on a processor and in channels_last."""
    suits = signal.device.type == "cpu" and signal.element_size() <= 4
    return suits and signal.is_contiguous(memory_format=torch.channels_last) and has_loops()


@cache
def has_loops() -> bool:
    """Tell whether the loops can be compiled and run here; only then may the modules of this folder be imported."""
    try:
        importlib.import_module("impasto.compiled.convolution")  # only where it may be used: it takes half a second
    except (ImportError, OSError, AttributeError, RuntimeError, StopIteration):
        return False
    return True
