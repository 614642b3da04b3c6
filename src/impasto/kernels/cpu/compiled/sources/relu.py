"""The loops of `compiled.relu`."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
from typing import Any

import numba
import numpy as np

from impasto.kernels.cpu.compiled.relu import PACK
from impasto.kernels.cpu.compiled.sources.jobs import Compiled, fetch_and_add, inlined, pointers, threaded

__all__ = ["shorts", "words"]

_bytes = pointers(numba.types.uint8)


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
            if operation == PACK:
                _pack(signal, bits, signal_start, bits_start, channels)
            else:
                _clear(signal, bits, signal_start, bits_start, channels)
        row = fetch_and_add(address, 1, 1)


def _make_loop(kind: Any) -> Compiled:
    """Return the loop that does a job on signals viewed as integers of a numba type."""
    integers = pointers(kind)

    @threaded
    def _work(address: Any) -> None:
        job: Any = numba.carray(address, 8, np.int64)
        length = job[3] * job[4] * job[5]
        _work_on_rows(address, job, numba.carray(integers(job[6]), length), numba.carray(_bytes(job[7]), length))

    return _work


shorts, words = (_make_loop(kind) for kind in (numba.types.int16, numba.types.int32))
