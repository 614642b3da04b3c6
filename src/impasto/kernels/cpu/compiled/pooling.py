"""Max pooling of 2 × 2, and its way back, each in one pass through memory.

Signals are (1, C, H, W) in channels_last, seen as integers of 16 or 32 bits: floats that are not negative are ordered
like their bits. A last row or column beyond an even number is not looked at.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.threads import fetch_and_add, inlined, pointers, run_threads, threaded

__all__ = ["choices", "max_pool", "unpool"]

_LARGEST, _CHOICES, _SPREAD = range(3)

_bytes, _shorts, _words = (pointers(kind) for kind in (numba.types.uint8, numba.types.int16, numba.types.int32))
_NOTHING = torch.empty(0)


def max_pool(signal: Tensor) -> Tensor:
    """Return the largest of each four, (1, C, H // 2, W // 2)."""
    pooled = _pooled(signal, signal.shape[1], signal.dtype)
    _run(_LARGEST, signal, pooled, _NOTHING)
    return pooled


def choices(signal: Tensor) -> Tensor:
    """Return which of each four is the largest, the first of equal ones, and whether it is above 0.

    Three of four bits a unit, those of the first half of the channels below those of the second: bytes, (1,
    ceil(C / 2), H // 2, W // 2).
    """
    chosen = _pooled(signal, (signal.shape[1] + 1) // 2, torch.uint8)
    _run(_CHOICES, signal, _NOTHING, chosen)
    return chosen


def unpool(cotangent: Tensor, chosen: Tensor, gradient: Tensor) -> None:
    """Write each cotangent to the one of four in a gradient that was chosen, if that was above 0; 0 to the others."""
    _run(_SPREAD, gradient, cotangent, chosen)


def _pooled(signal: Tensor, channels: int, dtype: torch.dtype) -> Tensor:
    shape = (1, channels, signal.shape[2] // 2, signal.shape[3] // 2)
    return torch.empty(shape, dtype=dtype, memory_format=torch.channels_last)


def _run(operation: int, full: Tensor, pooled: Tensor, chosen: Tensor) -> None:
    work = _on_shorts if full.element_size() == 2 else _on_words
    run_threads(work, operation, *full.shape[1:], full.data_ptr(), pooled.data_ptr(), chosen.data_ptr())


@inlined
def _pool(full: Any, pooled: Any, at: int, below: int, to: int, channels: int) -> None:
    """Pool the four that begin at these places: two neighbors, and two below them."""
    a, b = full[at : at + channels], full[at + channels : at + 2 * channels]
    c, d = full[below : below + channels], full[below + channels : below + 2 * channels]
    target = pooled[to : to + channels]
    for k in range(channels):
        target[k] = max(max(a[k], b[k]), max(c[k], d[k]))


@inlined
def _choose(full: Any, chosen: Any, at: int, below: int, to: int, channels: int) -> None:
    """Write the choices among four."""
    half = (channels + 1) // 2
    codes = chosen[to : to + half]
    for start in (0, half):
        a, b = full[at + start :], full[at + channels + start :]
        c, d = full[below + start :], full[below + channels + start :]
        for k in range(min(half, channels - start)):
            upper, lower = max(a[k], b[k]), max(c[k], d[k])
            is_lower = lower > upper
            is_right = d[k] > c[k] if is_lower else b[k] > a[k]
            code = np.uint8(max(upper, lower) > 0) | np.uint8(is_right) << 1 | np.uint8(is_lower) << 2
            codes[k] = codes[k] | code << 4 if start else code


@inlined
def _pass(source: Any, codes: Any, target: Any, shift: int, wanted: int) -> None:
    """Write what has a code, and 0 for the rest; one target at a time, or the compiler makes no vectors of it."""
    for k in range(len(source)):
        target[k] = source[k] if codes[k] >> np.uint8(shift) & np.uint8(7) == np.uint8(wanted) else 0


@inlined
def _spread(full: Any, pooled: Any, chosen: Any, at: int, below: int, to: int, channels: int) -> None:
    """Write the cotangents of one position to its four."""
    half = (channels + 1) // 2
    codes = chosen[to * half : to * half + half]
    for start in (0, half):
        source = pooled[to * channels + start : to * channels + min(channels, start + half)]
        for place in range(4):
            there = (at if place < 2 else below) + place % 2 * channels + start
            _pass(source, codes, full[there:], 4 if start else 0, 2 * place + 1)


@inlined
def _rows(address: Any, job: Any, full: Any, pooled: Any, chosen: Any) -> None:
    """Do what is to be done to rows until none is left."""
    operation, channels, height, width = job[2], job[3], job[4] // 2, job[5]
    row = fetch_and_add(address, 1, 1)
    while row < height:
        for column in range(width // 2):
            at, to = (2 * row * width + 2 * column) * channels, row * (width // 2) + column
            below = at + width * channels
            if operation == _LARGEST:
                _pool(full, pooled, at, below, to * channels, channels)
            elif operation == _CHOICES:
                _choose(full, chosen, at, below, to * ((channels + 1) // 2), channels)
            else:
                _spread(full, pooled, chosen, at, below, to, channels)
        row = fetch_and_add(address, 1, 1)


@threaded
def _on_shorts(address: Any) -> None:
    job: Any = numba.carray(address, 9, np.int64)
    full, quarter = job[3] * job[4] * job[5], job[3] * (job[4] // 2) * (job[5] // 2)
    signals = numba.carray(_shorts(job[6]), full), numba.carray(_shorts(job[7]), quarter)
    _rows(address, job, *signals, numba.carray(_bytes(job[8]), quarter))


@threaded
def _on_words(address: Any) -> None:
    job: Any = numba.carray(address, 9, np.int64)
    full, quarter = job[3] * job[4] * job[5], job[3] * (job[4] // 2) * (job[5] // 2)
    signals = numba.carray(_words(job[6]), full), numba.carray(_words(job[7]), quarter)
    _rows(address, job, *signals, numba.carray(_bytes(job[8]), quarter))
