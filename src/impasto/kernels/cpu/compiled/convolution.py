"""Winograd's algorithm in two dimensions as one loop over tiles.

Each thread takes some tiles, transforms them, multiplies by the filters and transforms back, all in its own cache; no
thread waits for another before the end. The product of matrices is that of the BLAS in torch.

Arrays are float32 and contiguous along their channels, so that the compiler makes vector instructions of a loop.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
import ctypes
import math
import threading
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray
from torch import Tensor

from impasto.kernels.cpu.compiled.threads import LIBRARIES, fetch_and_add, inlined, pointers, run_threads, threaded

__all__ = ["convolve"]

_BLOCK = 64
"""Tiles that a thread takes at a time, at most."""

_SGEMM = ctypes.cast(ctypes.CDLL(str(next(LIBRARIES.glob("libtorch_cpu*")))).sgemm_, ctypes.c_void_p).value or 0

_kept = threading.local()
_NOTHING = torch.empty(0)

_floats = pointers(numba.types.float32)

Floats = NDArray[np.float32]


def convolve(
    signal: Tensor, filters: Tensor, bias: Tensor, output: Tensor, zeros: tuple[int, int], floor: float
) -> None:
    """Write max(floor, filters ∗ signal + bias) to an output; both signals are (1, C, H, W) in channels_last.

    `filters` are transformed, G g Gᵀ, (36, in, out); `zeros` are rows above the signal and columns on its left, and
    below and on its right are as many as the output needs.
    """
    height, width = output.shape[2:]
    tiles, threads = math.ceil(height / 4) * math.ceil(width / 4), torch.get_num_threads()
    turns = threads * math.ceil(tiles / threads / _BLOCK)
    block = math.ceil(tiles / turns) | 1  # odd, or the 36 matrices would lie in the same few lines of the cache
    _, inputs, outputs = filters.shape
    room = _room(threads * 36 * block * (inputs + outputs))
    lowest = torch.tensor(floor)
    addresses = (each.data_ptr() for each in (signal, filters, bias, output, room, lowest))
    sizes = signal.shape[2], signal.shape[3], height, width, inputs, outputs, *zeros, tiles, block
    run_threads(_work, _SGEMM, *addresses, *sizes)


def _room(length: int) -> Tensor:
    """Return memory to work in, the same from call to call: fresh memory costs more than a transform."""
    if getattr(_kept, "room", _NOTHING).numel() < length:
        _kept.room = torch.empty(length)
    return _kept.room


@intrinsic
def _sgemm(
    context: Any, function: Any, plain: Any, m: Any, n: Any, k: Any, one: Any, a: Any, b: Any, zero: Any, c: Any
) -> Any:
    """Call a BLAS's sgemm by its address: c = a · b, column by column; what is given are addresses."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        plain, m, n, k, one, a, b, zero, c = (builder.inttoptr(value, byte) for value in values[1:])
        called = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), [byte] * 13).as_pointer())
        builder.call(called, [plain, plain, m, n, k, one, a, m, b, k, zero, c, m])
        return ir.Constant(ir.IntType(64), 0)

    return numba.types.int64(*[numba.types.int64] * 10), generate


@inlined
def _six(source: Floats, at: int, step: int, target: Floats, to: int, apart: int, length: int) -> None:
    """Multiply six vectors, `step` from one to the next, by Bᵀ of F(4, 3)."""
    a0, a1, a2 = source[at : at + length], source[at + step : at + step + length], source[at + 2 * step :]
    a3, a4, a5 = source[at + 3 * step :], source[at + 4 * step :], source[at + 5 * step :]
    b0, b1, b2 = target[to:], target[to + apart :], target[to + 2 * apart :]
    b3, b4, b5 = target[to + 3 * apart :], target[to + 4 * apart :], target[to + 5 * apart :]
    two, four, five = np.float32(2), np.float32(4), np.float32(5)
    for c in range(length):
        even, odd = a4[c] - four * a2[c], a3[c] - four * a1[c]
        near, far = a4[c] - a2[c], two * (a3[c] - a1[c])
        b0[c] = four * a0[c] - five * a2[c] + a4[c]
        b1[c] = even + odd
        b2[c] = even - odd
        b3[c] = near + far
        b4[c] = near - far
        b5[c] = four * a1[c] - five * a3[c] + a5[c]


@inlined
def _four(source: Floats, at: int, step: int, target: Floats, to: int, apart: int, length: int) -> None:
    """Multiply six vectors by Aᵀ of F(4, 3), which makes four."""
    a0, a1, a2 = source[at : at + length], source[at + step : at + step + length], source[at + 2 * step :]
    a3, a4, a5 = source[at + 3 * step :], source[at + 4 * step :], source[at + 5 * step :]
    b0, b1 = target[to:], target[to + apart :]
    b2, b3 = target[to + 2 * apart :], target[to + 3 * apart :]
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    for c in range(length):
        near, nearer = a1[c] + a2[c], a1[c] - a2[c]
        far, further = a3[c] + a4[c], a3[c] - a4[c]
        b0[c] = a0[c] + near + far
        b1[c] = nearer + two * further
        b2[c] = near + four * far
        b3[c] = nearer + eight * further + a5[c]


@inlined
def _finish(source: Floats, at: int, target: Floats, to: int, bias: Floats, floor: np.float32) -> None:
    """Add a bias to a vector, and let nothing be lower than `floor`."""
    vector, result = source[at : at + len(bias)], target[to : to + len(bias)]
    for c in range(len(bias)):
        result[c] = max(vector[c] + bias[c], floor)


@inlined
def _gather(signal: Floats, gathered: Floats, shape: Any, first: int, count: int, spare: Floats) -> None:
    """Write Bᵀ d B of some tiles' inputs d, (36, count, in)."""
    height, width, above, beside, across, channels = shape
    edge, rows = spare[: 36 * channels], spare[36 * channels :]
    for tile in range(count):
        top, left = (first + tile) // across * 4 - above, (first + tile) % across * 4 - beside
        source, at, step = signal, (top * width + left) * channels, width * channels
        if top < 0 or left < 0 or top + 6 > height or left + 6 > width:
            edge[:] = 0
            for row in range(max(0, -top), min(6, height - top)):
                for column in range(max(0, -left), min(6, width - left)):
                    place, there = (row * 6 + column) * channels, ((top + row) * width + left + column) * channels
                    edge[place : place + channels] = signal[there : there + channels]
            source, at, step = edge, 0, 6 * channels
        for column in range(6):
            _six(source, at + column * channels, step, rows, column * channels, 6 * channels, channels)
        for row in range(6):
            to = (row * 6 * count + tile) * channels
            _six(rows, row * 6 * channels, channels, gathered, to, count * channels, channels)


@inlined
def _scatter(
    products: Floats, output: Floats, shape: Any, bias: Floats, floor: float, first: int, count: int, spare: Floats
) -> None:
    """Write max(floor, Aᵀ m A + bias) of some tiles' products m, (36, count, out)."""
    height, width, across, channels = shape
    four, rows = spare[: 4 * channels], spare[4 * channels :]
    for tile in range(count):
        top, left = (first + tile) // across * 4, (first + tile) % across * 4
        for column in range(6):
            at, step = (column * count + tile) * channels, 6 * count * channels
            _four(products, at, step, rows, column * channels, 6 * channels, channels)
        for row in range(min(4, height - top)):
            _four(rows, row * 6 * channels, channels, four, 0, channels, channels)
            for column in range(min(4, width - left)):
                to = ((top + row) * width + left + column) * channels
                _finish(four, column * channels, output, to, bias, floor)


@threaded
def _work(address: Any) -> None:
    """Take tiles until none is left."""
    job: Any = numba.carray(address, 19, np.int64)
    height, width, high, wide = job[9], job[10], job[11], job[12]
    inputs, outputs, above, beside, tiles, block = job[13], job[14], job[15], job[16], job[17], job[18]
    across, filters, room = (wide + 3) // 4, job[4], 36 * block * (inputs + outputs)
    signal: Any = numba.carray(_floats(job[3]), height * width * inputs)
    output: Any = numba.carray(_floats(job[6]), high * wide * outputs)
    bias: Any = numba.carray(_floats(job[5]), outputs)
    floor = numba.carray(_floats(job[8]), 1)[0]
    mine = job[7] + 4 * room * fetch_and_add(address, 0, 1)
    theirs = mine + 4 * 36 * block * inputs
    spare = np.empty(72 * max(inputs, outputs), np.float32)
    words, factors = np.full(1, ord("N"), np.uint8), np.array([1, 0], np.float32)
    sizes = np.array([outputs, 0, inputs], np.int32)
    first = fetch_and_add(address, 1, block)
    while first < tiles:
        count = min(block, tiles - first)
        sizes[1] = count
        gathered: Any = numba.carray(_floats(mine), 36 * count * inputs)
        products: Any = numba.carray(_floats(theirs), 36 * count * outputs)
        shape = height, width, above, beside, across, inputs
        _gather(signal, gathered, shape, first, count, spare)
        size, factor = sizes.ctypes.data, factors.ctypes.data
        for index in range(36):
            a = filters + 4 * index * inputs * outputs
            b, c = mine + 4 * index * count * inputs, theirs + 4 * index * count * outputs
            _sgemm(job[2], words.ctypes.data, size, size + 4, size + 8, factor, a, b, factor + 4, c)
        _scatter(products, output, (high, wide, across, outputs), bias, floor, first, count, spare)
        first = fetch_and_add(address, 1, block)
