"""Where a ReLU let its input pass, a bit a unit, and the way back by it, each in one pass through memory.

Signals are (1, C, H, W) in channels_last, seen as integers of 16 or 32 bits. The bits of a position lie in ceil(C / 8)
bytes: bit k of byte c is that of channel c + k · ceil(C / 8), so that the compiler makes vector instructions of a loop.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
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
    """Return where an output is above 0: bytes, (1, ceil(C / 8), H, W)."""
    shape = (1, (output.shape[1] + 7) // 8, *output.shape[2:])
    bits = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
    _run(_PACK, output, bits)
    return bits


def clear(cotangent: Tensor, bits: Tensor) -> None:
    """Set a cotangent to 0 where the output was not above 0."""
    _run(_CLEAR, cotangent, bits)


def _run(operation: int, signal: Tensor, bits: Tensor) -> None:
    work = _on_shorts if signal.element_size() == 2 else _on_words
    run_threads(work, operation, *signal.shape[1:], signal.data_ptr(), bits.data_ptr())


@inlined
def _pack(signal: Any, bits: Any, at: int, to: int, channels: int) -> None:
    """Write the bits of one position."""
    count = (channels + 7) // 8
    packed = bits[to : to + count]
    for k in range(8):
        part = signal[at + k * count : at + min(channels, (k + 1) * count)]
        for c in range(len(part)):
            bit = np.uint8(part[c] > 0) << np.uint8(k)
            packed[c] = packed[c] | bit if k else bit


@inlined
def _clear(signal: Any, bits: Any, at: int, to: int, channels: int) -> None:
    """Clear what did not pass at one position."""
    count = (channels + 7) // 8
    packed = bits[to : to + count]
    for k in range(8):
        part = signal[at + k * count : at + min(channels, (k + 1) * count)]
        for c in range(len(part)):
            part[c] = part[c] if packed[c] >> np.uint8(k) & np.uint8(1) else 0


@inlined
def _rows(address: Any, job: Any, signal: Any, bits: Any) -> None:
    """Do what is to be done to rows until none is left."""
    operation, channels, height, width = job[2], job[3], job[4], job[5]
    row = fetch_and_add(address, 1, 1)
    while row < height:
        for place in range(row * width, (row + 1) * width):
            at, to = place * channels, place * ((channels + 7) // 8)
            if operation == _PACK:
                _pack(signal, bits, at, to, channels)
            else:
                _clear(signal, bits, at, to, channels)
        row = fetch_and_add(address, 1, 1)


@threaded
def _on_shorts(address: Any) -> None:
    job: Any = numba.carray(address, 8, np.int64)
    length = job[3] * job[4] * job[5]
    _rows(address, job, numba.carray(_shorts(job[6]), length), numba.carray(_bytes(job[7]), length))


@threaded
def _on_words(address: Any) -> None:
    job: Any = numba.carray(address, 8, np.int64)
    length = job[3] * job[4] * job[5]
    _rows(address, job, numba.carray(_words(job[6]), length), numba.carray(_bytes(job[7]), length))
