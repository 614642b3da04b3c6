"""One bit per unit of a ReLU, set where its output is above 0, and the backward pass by these bits.

Each is one pass over memory. Signals are (1, C, H, W) in channels_last, viewed as integers of 16 or 32 bits. The bits
of a position are in ceil(C / 8) bytes: bit k of byte c belongs to channel c + k · ceil(C / 8), so that the compiler
vectorizes the loops over bytes.
"""

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.machine_code import run_threads

__all__ = ["CLEAR", "PACK", "clear", "pack"]

PACK, CLEAR = range(2)
"""The operations of the loop."""


def pack(output: Tensor) -> Tensor:
    """Return the bits of a ReLU's output, (1, C, H, W), as bytes, (1, ceil(C / 8), H, W)."""
    shape = (1, (output.shape[1] + 7) // 8, *output.shape[2:])
    bits = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    _run_operation(PACK, output, bits)
    return bits


def clear(cotangent: Tensor, bits: Tensor) -> None:
    """Set a cotangent to 0 in place, where the ReLU's output was not above 0.

    Args:
        cotangent: The gradient by the output, (1, C, H, W) in channels_last.
        bits: The bits that `pack` returned, (1, ceil(C / 8), H, W).

    """
    _run_operation(CLEAR, cotangent, bits)


def _run_operation(operation: int, signal: Tensor, bits: Tensor) -> None:
    loop = "relu.shorts" if signal.element_size() == 2 else "relu.words"
    run_threads(loop, operation, *signal.shape[1:], signal.data_ptr(), bits.data_ptr())
