"""One bit per unit of a ReLU, set where its output is above 0, and the backward pass by these bits.

Each is one pass over memory. Signals are (1, C, H, W) in channels_last, viewed as integers of 16 or 32 bits. The bits
of a position are in ceil(C / 8) bytes: bit k of byte c belongs to channel c + k · ceil(C / 8), so that the compiler
vectorizes the loops over bytes.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.threads import fetch_and_add, inlined, pointers, run_threads, threaded

__all__ = ["clear", "pack"]

_PACK, _CLEAR = range(2)

_bytes, _shorts, _words = (pointers(kind) for kind in (numba.types.uint8, numba.types.int16, numba.types.int32))


def pack(output: Tensor) -> Tensor:
    """Return the bits of a ReLU's output, (1, C, H, W), as bytes, (1, ceil(C / 8), H, W)."""
    shape = (1, (output.shape[1] + 7) // 8, *output.shape[2:])
    bits = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    _run_operation(_PACK, output, bits)
    return bits


def clear(cotangent: Tensor, bits: Tensor) -> None:
    """Set a cotangent to 0 in place, where the ReLU's output was not above 0.

    Args:
        cotangent: The gradient by the output, (1, C, H, W) in channels_last.
        bits: The bits that `pack` returned, (1, ceil(C / 8), H, W).

    """
    _run_operation(_CLEAR, cotangent, bits)


def _run_operation(operation: int, signal: Tensor, bits: Tensor) -> None:
    work = _work_on_shorts if signal.element_size() == 2 else _work_on_words
    run_threads(work, operation, *signal.shape[1:], signal.data_ptr(), bits.data_ptr())


@inlined
def _pack(signal: Any, bits: Any, signal_start: int, bits_start: int, channels: int) -> None:
    """Write the bits of one position."""
    count = (channels + 7) // 8
    packed = bits[bits_start : bits_start + count]
    for k in range(8):
        units = signal[signal_start + k * count : signal_start + min(channels, (k + 1) * count)]
        for c in range(len(units)):
            bit = np.uint8(units[c] > 0) << np.uint8(k)
            packed[c] = packed[c] | bit if k else bit


@inlined
def _clear(signal: Any, bits: Any, signal_start: int, bits_start: int, channels: int) -> None:
    """Set the units of one position to 0 where their bits are 0."""
    count = (channels + 7) // 8
    packed = bits[bits_start : bits_start + count]
    for k in range(8):
        units = signal[signal_start + k * count : signal_start + min(channels, (k + 1) * count)]
        for c in range(len(units)):
            units[c] = units[c] if packed[c] >> np.uint8(k) & np.uint8(1) else 0


@inlined
def _work_on_rows(address: Any, job: Any, signal: Any, bits: Any) -> None:
    """Take rows and do the job's operation on each, until none is left."""
    operation, channels, height, width = job[2], job[3], job[4], job[5]
    row = fetch_and_add(address, 1, 1)
    while row < height:
        for position in range(row * width, (row + 1) * width):
            signal_start, bits_start = position * channels, position * ((channels + 7) // 8)
            if operation == _PACK:
                _pack(signal, bits, signal_start, bits_start, channels)
            else:
                _clear(signal, bits, signal_start, bits_start, channels)
        row = fetch_and_add(address, 1, 1)


@threaded
def _work_on_shorts(address: Any) -> None:
    job: Any = numba.carray(address, 8, np.int64)
    length = job[3] * job[4] * job[5]
    _work_on_rows(address, job, numba.carray(_shorts(job[6]), length), numba.carray(_bytes(job[7]), length))


@threaded
def _work_on_words(address: Any) -> None:
    job: Any = numba.carray(address, 8, np.int64)
    length = job[3] * job[4] * job[5]
    _work_on_rows(address, job, numba.carray(_words(job[6]), length), numba.carray(_bytes(job[7]), length))
