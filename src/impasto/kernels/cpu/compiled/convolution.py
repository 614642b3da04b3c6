"""Winograd's algorithm in two dimensions, F(4 × 4, 3 × 3), as one loop over tiles of 4 × 4 outputs.

Each thread takes a block of tiles, transforms their inputs, multiplies by the filters and transforms the products, all
in its own cache; threads wait for each other only at the end. The matrix product is that of torch's BLAS.

Arrays are float32 and contiguous along their channels, so that the compiler vectorizes the loops over channels.
"""

import ctypes
import math
import threading

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.machine_code import LIBRARIES, run_threads

__all__ = ["BLAS_NUMBERS", "convolve"]

BLAS_NUMBERS = 16
"""The numbers at the end of a thread's memory in which it writes the arguments of sgemm."""

_MAX_BLOCK_TILES = 64
"""The most tiles that a thread takes at a time, so that their transforms stay in its cache."""

_SGEMM = ctypes.cast(ctypes.CDLL(str(next(LIBRARIES.glob("libtorch_cpu*")))).sgemm_, ctypes.c_void_p).value or 0
"""The address of sgemm in torch's BLAS."""

_workspace = threading.local()
_EMPTY = torch.empty(0, dtype=torch.float32)


def convolve(
    signal: Tensor, filters: Tensor, bias: Tensor, output: Tensor, zeros: tuple[int, int], floor: float
) -> None:
    """Write max(floor, filters ∗ signal + bias) to an output.

    Args:
        signal: The input, (1, in, H, W) in channels_last.
        filters: The transformed filters, G g Gᵀ, (36, in, out).
        bias: The bias of each output channel, (out,).
        output: The tensor to write to, (1, out, height, width) in channels_last.
        zeros: The rows of zeros above the signal and the columns on its left; below and on its right there are as many
            as the output needs.
        floor: The least value of the output: 0 for a ReLU, else -inf.

    """
    height, width = output.shape[2:]
    tiles, threads = math.ceil(height / 4) * math.ceil(width / 4), torch.get_num_threads()
    turns = threads * math.ceil(tiles / threads / _MAX_BLOCK_TILES)
    block = math.ceil(tiles / turns) | 1  # odd, or the 36 matrices would compete for the same few cache lines
    _, inputs, outputs = filters.shape
    length = 36 * block * (inputs + outputs) + 72 * max(inputs, outputs) + BLAS_NUMBERS  # of each thread's memory
    workspace = _work_memory(threads * length)
    floor_tensor = torch.tensor(floor, dtype=torch.float32)
    addresses = (tensor.data_ptr() for tensor in (signal, filters, bias, output, workspace, floor_tensor))
    sizes = signal.shape[2], signal.shape[3], height, width, inputs, outputs, *zeros, tiles, block, length
    run_threads("convolution.tiles", _SGEMM, *addresses, *sizes)


def _work_memory(length: int) -> Tensor:
    """Return memory for the transforms, the same at each call: allocating it takes longer than a transform."""
    if getattr(_workspace, "memory", _EMPTY).numel() < length:
        _workspace.memory = torch.empty(length, dtype=torch.float32)
    return _workspace.memory
