"""The loop of `compiled.convolution`."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from impasto.kernels.cpu.compiled.convolution import BLAS_NUMBERS
from impasto.kernels.cpu.compiled.sources.jobs import fetch_and_add, inlined, pointers, threaded

__all__ = ["tiles"]

_floats, _integers = pointers(numba.types.float32), pointers(numba.types.int32)

Floats = NDArray[np.float32]


@intrinsic
def _sgemm(
    context: Any, function: Any, trans: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any, b: Any, beta: Any, c: Any
) -> Any:
    """Call a BLAS's sgemm by its address: c = alpha · a · b + beta · c, column by column; arguments are addresses."""

    def _generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        trans, m, n, k, alpha, a, b, beta, c = (builder.inttoptr(value, byte) for value in values[1:])
        sgemm = builder.inttoptr(values[0], ir.FunctionType(ir.VoidType(), [byte] * 13).as_pointer())
        builder.call(sgemm, [trans, trans, m, n, k, alpha, a, m, b, k, beta, c, m])
        return ir.Constant(ir.IntType(64), 0)

    return numba.types.int64(*[numba.types.int64] * 10), _generate


@inlined
def _transform_input(
    source: Floats, start: int, step: int, out: Floats, out_start: int, out_step: int, length: int
) -> None:
    """Multiply six vectors, which are `step` apart, by Bᵀ of F(4, 3), and write six vectors, `out_step` apart."""
    a0, a1, a2 = (
        source[start : start + length],
        source[start + step : start + step + length],
        source[start + 2 * step :],
    )
    a3, a4, a5 = source[start + 3 * step :], source[start + 4 * step :], source[start + 5 * step :]
    b0, b1, b2 = out[out_start:], out[out_start + out_step :], out[out_start + 2 * out_step :]
    b3, b4, b5 = out[out_start + 3 * out_step :], out[out_start + 4 * out_step :], out[out_start + 5 * out_step :]
    two, four, five = np.float32(2), np.float32(4), np.float32(5)
    for c in range(length):
        even_outer, odd_outer = a4[c] - four * a2[c], a3[c] - four * a1[c]
        even_inner, odd_inner = a4[c] - a2[c], two * (a3[c] - a1[c])
        b0[c] = four * a0[c] - five * a2[c] + a4[c]
        b1[c] = even_outer + odd_outer
        b2[c] = even_outer - odd_outer
        b3[c] = even_inner + odd_inner
        b4[c] = even_inner - odd_inner
        b5[c] = four * a1[c] - five * a3[c] + a5[c]


@inlined
def _transform_output(
    source: Floats, start: int, step: int, out: Floats, out_start: int, out_step: int, length: int
) -> None:
    """Multiply six vectors, which are `step` apart, by Aᵀ of F(4, 3), and write four vectors, `out_step` apart."""
    a0, a1, a2 = (
        source[start : start + length],
        source[start + step : start + step + length],
        source[start + 2 * step :],
    )
    a3, a4, a5 = source[start + 3 * step :], source[start + 4 * step :], source[start + 5 * step :]
    b0, b1 = out[out_start:], out[out_start + out_step :]
    b2, b3 = out[out_start + 2 * out_step :], out[out_start + 3 * out_step :]
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    for c in range(length):
        near_sum, near_difference = a1[c] + a2[c], a1[c] - a2[c]
        far_sum, far_difference = a3[c] + a4[c], a3[c] - a4[c]
        b0[c] = a0[c] + near_sum + far_sum
        b1[c] = near_difference + two * far_difference
        b2[c] = near_sum + four * far_sum
        b3[c] = near_difference + eight * far_difference + a5[c]


@inlined
def _add_bias(source: Floats, start: int, out: Floats, out_start: int, bias: Floats, floor: np.float32) -> None:
    """Write max(floor, vector + bias)."""
    vector, result = source[start : start + len(bias)], out[out_start : out_start + len(bias)]
    for c in range(len(bias)):
        result[c] = max(vector[c] + bias[c], floor)


@inlined
def _gather(signal: Floats, gathered: Floats, shape: Any, first: int, count: int, scratch: Floats) -> None:
    """Write Bᵀ d B for the inputs d of `count` tiles, (36, count, in)."""
    height, width, above_zeros, left_zeros, tiles_per_row, channels = shape
    edge_tile, rows = scratch[: 36 * channels], scratch[36 * channels :]
    for tile in range(count):
        top, left = (first + tile) // tiles_per_row * 4 - above_zeros, (first + tile) % tiles_per_row * 4 - left_zeros
        source, start, step = signal, (top * width + left) * channels, width * channels
        if top < 0 or left < 0 or top + 6 > height or left + 6 > width:
            edge_tile[:] = 0
            for row in range(max(0, -top), min(6, height - top)):
                for column in range(max(0, -left), min(6, width - left)):
                    edge_start, signal_start = (
                        (row * 6 + column) * channels,
                        ((top + row) * width + left + column) * channels,
                    )
                    edge_tile[edge_start : edge_start + channels] = signal[signal_start : signal_start + channels]
            source, start, step = edge_tile, 0, 6 * channels
        for column in range(6):
            _transform_input(source, start + column * channels, step, rows, column * channels, 6 * channels, channels)
        for row in range(6):
            out_start = (row * 6 * count + tile) * channels
            _transform_input(rows, row * 6 * channels, channels, gathered, out_start, count * channels, channels)


@inlined
def _scatter(
    products: Floats, output: Floats, shape: Any, bias: Floats, floor: float, first: int, count: int, scratch: Floats
) -> None:
    """Write max(floor, Aᵀ m A + bias) for the products m of `count` tiles, (36, count, out)."""
    height, width, tiles_per_row, channels = shape
    four_rows, rows = scratch[: 4 * channels], scratch[4 * channels :]
    for tile in range(count):
        top, left = (first + tile) // tiles_per_row * 4, (first + tile) % tiles_per_row * 4
        for column in range(6):
            start, step = (column * count + tile) * channels, 6 * count * channels
            _transform_output(products, start, step, rows, column * channels, 6 * channels, channels)
        for row in range(min(4, height - top)):
            _transform_output(rows, row * 6 * channels, channels, four_rows, 0, channels, channels)
            for column in range(min(4, width - left)):
                out_start = ((top + row) * width + left + column) * channels
                _add_bias(four_rows, column * channels, output, out_start, bias, floor)


@threaded
def tiles(address: Any) -> None:
    """Take blocks of tiles and compute their outputs, until none is left."""
    job: Any = numba.carray(address, 20, np.int64)
    height, width, output_height, output_width = job[9], job[10], job[11], job[12]
    inputs, outputs, above_zeros, left_zeros, tiles, block = job[13], job[14], job[15], job[16], job[17], job[18]
    tiles_per_row, filters, length, scratch_length = (output_width + 3) // 4, job[4], job[19], 72 * max(inputs, outputs)
    signal: Any = numba.carray(_floats(job[3]), height * width * inputs)
    output: Any = numba.carray(_floats(job[6]), output_height * output_width * outputs)
    bias: Any = numba.carray(_floats(job[5]), outputs)
    floor = numba.carray(_floats(job[8]), 1)[0]
    gathered_address = job[7] + 4 * length * fetch_and_add(address, 0, 1)
    products_address = gathered_address + 4 * 36 * block * inputs
    scratch: Any = numba.carray(_floats(products_address + 4 * 36 * block * outputs), scratch_length)
    size = gathered_address + 4 * (length - BLAS_NUMBERS)
    factor, no_transpose = size + 12, size + 20
    sizes: Any = numba.carray(_integers(size), 3)
    factors: Any = numba.carray(_floats(factor), 2)
    letter: Any = numba.carray(_integers(no_transpose), 1)
    sizes[0], sizes[2], factors[0], factors[1], letter[0] = outputs, inputs, 1, 0, ord("N")
    first = fetch_and_add(address, 1, block)
    while first < tiles:
        count = min(block, tiles - first)
        sizes[1] = count
        gathered: Any = numba.carray(_floats(gathered_address), 36 * count * inputs)
        products: Any = numba.carray(_floats(products_address), 36 * count * outputs)
        shape = height, width, above_zeros, left_zeros, tiles_per_row, inputs
        _gather(signal, gathered, shape, first, count, scratch)
        for index in range(36):
            a = filters + 4 * index * inputs * outputs
            b, c = gathered_address + 4 * index * count * inputs, products_address + 4 * index * count * outputs
            _sgemm(job[2], no_transpose, size, size + 4, size + 8, factor, a, b, factor + 4, c)
        _scatter(
            products, output, (output_height, output_width, tiles_per_row, outputs), bias, floor, first, count, scratch
        )
        first = fetch_and_add(address, 1, block)
