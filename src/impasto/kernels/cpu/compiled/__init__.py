"""Loops that numba compiles and that run on torch's threads, for work that no operation of torch does as fast.

They need a CPU, numba and a torch that uses GNU OpenMP; elsewhere torch's operations compute the same, more slowly.
"""

import importlib
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

__all__ = ["LOOPS", "compile_loops", "has_loops", "has_loops_for"]


LOOPS = ("convolution.tiles", "pooling.shorts", "pooling.words", "relu.shorts", "relu.words", "rows.products")
"""The names of all loops."""


def compile_loops() -> None:
    """Compile all loops, so that they are cached on disk; nothing happens on a machine that cannot run them."""
    if has_loops():
        for loop in LOOPS:
            _address()(loop)


def has_loops_for(tensor: Tensor, layout: torch.memory_format = torch.contiguous_format) -> bool:
    """Tell whether there are compiled loops for a tensor on this machine.

    Args:
        tensor: A tensor; the loops take elements of at most 32 bits, on a CPU.
        layout: The memory format that the loops need.

    Returns:
        Whether the loops can be called with the tensor.

    """
    return (
        tensor.device.type == "cpu"
        and tensor.element_size() <= 4
        and tensor.is_contiguous(memory_format=layout)
        and has_loops()
    )


@cache
def has_loops() -> bool:
    """Tell whether this machine can compile and run the loops; only then may this package's modules be imported."""
    try:
        _address()("relu.shorts")
    except (ImportError, OSError, AttributeError, RuntimeError, StopIteration):
        return False
    return True


def _address() -> Callable[[str], int]:
    """Return the function that finds a loop's machine code, which cannot be imported everywhere."""
    return importlib.import_module("impasto.kernels.cpu.compiled.machine_code").address
