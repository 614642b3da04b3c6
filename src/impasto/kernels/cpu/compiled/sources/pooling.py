"""The loops of `compiled.pooling`."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
from typing import Any

import numba
import numpy as np

from impasto.kernels.cpu.compiled.pooling import CHOICES, MAX_POOL
from impasto.kernels.cpu.compiled.sources.jobs import Compiled, fetch_and_add, inlined, pointers, threaded

__all__ = ["shorts", "words"]

_bytes = pointers(numba.types.uint8)


@inlined
def _pool(full: Any, pooled: Any, upper_start: int, lower_start: int, out_start: int, channels: int) -> None:
    """Write the largest of each block of one position, given where its upper and its lower two units start."""
    a, b = full[upper_start : upper_start + channels], full[upper_start + channels : upper_start + 2 * channels]
    c, d = full[lower_start : lower_start + channels], full[lower_start + channels : lower_start + 2 * channels]
    out = pooled[out_start : out_start + channels]
    for k in range(channels):
        out[k] = max(max(a[k], b[k]), max(c[k], d[k]))


@inlined
def _choose(full: Any, choices: Any, upper_start: int, lower_start: int, out_start: int, channels: int) -> None:
    """Write the codes of the blocks of one position."""
    half = (channels + 1) // 2
    codes = choices[out_start : out_start + half]
    for start in (0, half):
        a, b = full[upper_start + start :], full[upper_start + channels + start :]
        c, d = full[lower_start + start :], full[lower_start + channels + start :]
        for k in range(min(half, channels - start)):
            upper, lower = max(a[k], b[k]), max(c[k], d[k])
            is_lower = lower > upper
            is_right = d[k] > c[k] if is_lower else b[k] > a[k]
            code = np.uint8(max(upper, lower) > 0) | np.uint8(is_right) << 1 | np.uint8(is_lower) << 2
            codes[k] = codes[k] | code << 4 if start else code


@inlined
def _write_chosen(source: Any, codes: Any, out: Any, shift: int, choice: int) -> None:
    """Write the cotangents whose code is `choice`, and 0 for the others; a loop with one output is vectorized."""
    for k in range(len(source)):
        out[k] = source[k] if codes[k] >> np.uint8(shift) & np.uint8(7) == np.uint8(choice) else 0


@inlined
def _unpool(
    full: Any, pooled: Any, choices: Any, upper_start: int, lower_start: int, position: int, channels: int
) -> None:
    """Write the cotangents of one position to the units of its blocks."""
    half = (channels + 1) // 2
    codes = choices[position * half : position * half + half]
    for start in (0, half):
        source = pooled[position * channels + start : position * channels + min(channels, start + half)]
        for index in range(4):
            gradient_start = (upper_start if index < 2 else lower_start) + index % 2 * channels + start
            _write_chosen(source, codes, full[gradient_start:], 4 if start else 0, 2 * index + 1)


@inlined
def _work_on_rows(address: Any, job: Any, full: Any, pooled: Any, choices: Any) -> None:
    """Take rows of the pooled signal and do the job's operation on each, until none is left."""
    operation, channels, height, width = job[2], job[3], job[4] // 2, job[5]
    row = fetch_and_add(address, 1, 1)
    while row < height:
        for column in range(width // 2):
            upper_start, position = (2 * row * width + 2 * column) * channels, row * (width // 2) + column
            lower_start = upper_start + width * channels
            if operation == MAX_POOL:
                _pool(full, pooled, upper_start, lower_start, position * channels, channels)
            elif operation == CHOICES:
                _choose(full, choices, upper_start, lower_start, position * ((channels + 1) // 2), channels)
            else:
                _unpool(full, pooled, choices, upper_start, lower_start, position, channels)
        row = fetch_and_add(address, 1, 1)


def _make_loop(kind: Any) -> Compiled:
    """Return the loop that does a job on signals viewed as integers of a numba type."""
    integers = pointers(kind)

    @threaded
    def _work(address: Any) -> None:
        job: Any = numba.carray(address, 9, np.int64)
        full_units, pooled_units = job[3] * job[4] * job[5], job[3] * (job[4] // 2) * (job[5] // 2)
        signals = numba.carray(integers(job[6]), full_units), numba.carray(integers(job[7]), pooled_units)
        _work_on_rows(address, job, *signals, numba.carray(_bytes(job[8]), pooled_units))

    return _work


shorts, words = (_make_loop(kind) for kind in (numba.types.int16, numba.types.int32))
