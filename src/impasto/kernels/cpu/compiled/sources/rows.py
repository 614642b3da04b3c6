"""The loop of `compiled.rows`."""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from impasto.kernels.cpu.compiled.rows import DOTS, PIECE_COLUMNS
from impasto.kernels.cpu.compiled.sources.jobs import fetch_and_add, inlined, pointers, threaded

__all__ = ["products"]

_floats, _shorts = pointers(numba.types.float32), pointers(numba.types.uint16)


@intrinsic
def _widen(context: Any, half: Any) -> Any:
    """Convert bfloat16 to float32, whose upper half has the same bits."""

    def _generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        bits = builder.shl(builder.zext(values[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(bits, ir.FloatType())

    return numba.types.float32(numba.types.uint16), _generate


@inlined
def _dot(row: Any, first: Any, second: Any, third: Any, sums: Any, start: int, step: int) -> None:
    """Write the products of a row's piece with the pieces of three vectors."""
    first_sum, second_sum, third_sum = np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(row)):
        value = _widen(row[k])
        first_sum += value * first[k]
        second_sum += value * second[k]
        third_sum += value * third[k]
    sums[start], sums[start + step], sums[start + 2 * step] = first_sum, second_sum, third_sum


@inlined
def _add(row: Any, vector: Any, weight: Any) -> None:
    """Add a row's piece times a weight to a vector's piece."""
    for k in range(len(row)):
        vector[k] += weight * _widen(row[k])


@threaded
def products(address: Any) -> None:
    """Take pieces of columns and do the job's operation on each, until none is left."""
    job: Any = numba.carray(address, 10, np.int64)
    operation, rows, length = job[2], job[3], job[4]
    matrix, first_vector = numba.carray(_shorts(job[5]), rows * length), numba.carray(_floats(job[6]), length)
    second_vector, third_vector = numba.carray(_floats(job[7]), length), numba.carray(_floats(job[8]), length)
    sums_or_weights = numba.carray(_floats(job[9]), 3 * rows * (length // PIECE_COLUMNS + 1))
    start = fetch_and_add(address, 1, PIECE_COLUMNS)
    while start < length:
        stop = min(start + PIECE_COLUMNS, length)
        vector, second, third = first_vector[start:stop], second_vector[start:stop], third_vector[start:stop]
        for row in range(rows):
            row_piece = matrix[row * length + start : row * length + stop]
            if operation == DOTS:
                _dot(row_piece, vector, second, third, sums_or_weights, start // PIECE_COLUMNS * 3 * rows + row, rows)
            else:
                _add(row_piece, vector, sums_or_weights[row])
        start = fetch_and_add(address, 1, PIECE_COLUMNS)
