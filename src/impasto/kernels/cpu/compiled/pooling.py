"""Max pooling of 2 × 2 units and its pullback, each in one pass over memory.

Signals are (1, C, H, W) in channels_last, viewed as integers of 16 or 32 bits: floats that are not negative have the
same order as their bits. A block is a square of 2 × 2 units; the last row or column of an odd side is in no block.
"""

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.machine_code import run_threads

__all__ = ["CHOICES", "MAX_POOL", "UNPOOL", "choices", "max_pool", "unpool"]

MAX_POOL, CHOICES, UNPOOL = range(3)
"""The operations of the loop."""

_EMPTY = torch.empty(0, dtype=torch.float32)


def max_pool(signal: Tensor) -> Tensor:
    """Return the largest unit of each block, (1, C, H // 2, W // 2)."""
    pooled = _empty_pooled(signal, signal.shape[1], signal.dtype)
    _run_operation(MAX_POOL, signal, pooled, _EMPTY)
    return pooled


def choices(signal: Tensor) -> Tensor:
    """Return which unit of each block is the largest, the first of equal ones, and whether it is above 0.

    Args:
        signal: The signal, (1, C, H, W).

    Returns:
        Bytes, (1, ceil(C / 2), H // 2, W // 2). A byte holds the codes of two channels, three bits each: the lower four
        bits are for the first half of the channels, the upper four bits for the second half.

    """
    choices = _empty_pooled(signal, (signal.shape[1] + 1) // 2, torch.uint8)
    _run_operation(CHOICES, signal, _EMPTY, choices)
    return choices


def unpool(cotangent: Tensor, choices: Tensor, gradient: Tensor) -> None:
    """Write each cotangent to the unit of its block that was the largest, if that was above 0; write 0 to the others.

    Args:
        cotangent: The gradient by the pooled signal, (1, C, H // 2, W // 2) in channels_last.
        choices: The codes that `choices` returned, (1, ceil(C / 2), H // 2, W // 2).
        gradient: The tensor to write to, (1, C, H, W) in channels_last.

    """
    _run_operation(UNPOOL, gradient, cotangent, choices)


def _empty_pooled(signal: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    shape = (1, channels, signal.shape[2] // 2, signal.shape[3] // 2)
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)


def _run_operation(operation: int, full: Tensor, pooled: Tensor, choices: Tensor) -> None:
    loop = "pooling.shorts" if full.element_size() == 2 else "pooling.words"
    run_threads(loop, operation, *full.shape[1:], full.data_ptr(), pooled.data_ptr(), choices.data_ptr())
