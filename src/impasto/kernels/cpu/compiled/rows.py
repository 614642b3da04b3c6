"""Products of a bfloat16 matrix's rows with float32 vectors, and weighted sums of its rows.

Each is one pass over memory; torch would first convert the matrix to float32. The threads take pieces of columns, which
are so short that the vectors' pieces stay in the cache.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (numba's types are not Python's)
import math
from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import torch
from llvmlite import ir
from numba.extending import intrinsic
from torch import Tensor

from impasto.kernels.cpu.compiled.threads import fetch_and_add, inlined, pointers, run_threads, threaded

__all__ = ["add_rows", "row_products"]

_DOTS, _ADD = range(2)

_PIECE_COLUMNS = 16384
"""The number of columns that a thread takes at a time: 64 KB of each float32 vector."""

_floats, _shorts = pointers(numba.types.float32), pointers(numba.types.uint16)


def row_products(matrix: Tensor, vectors: Sequence[Tensor]) -> Tensor:
    """Return the product of each vector with each row of a matrix.

    Args:
        matrix: The rows in bfloat16, (rows, N).
        vectors: One to three vectors in float32, each (N,).

    Returns:
        The products, (vectors, rows), as sums in float64 of the pieces' float32 sums.

    """
    pieces = math.ceil(matrix.shape[1] / _PIECE_COLUMNS)
    sums = torch.empty(pieces, 3, len(matrix))
    _run_operation(_DOTS, matrix, vectors, sums)
    return sums.sum(0, dtype=torch.float64)[: len(vectors)]


def add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector in place.

    Args:
        vector: The vector in float32, (N,).
        matrix: The rows in bfloat16, (rows, N).
        weights: The weight of each row in float32, (rows,).

    """
    _run_operation(_ADD, matrix, [vector], weights)


def _run_operation(operation: int, matrix: Tensor, vectors: Sequence[Tensor], numbers: Tensor) -> None:
    three = (*vectors, vectors[-1], vectors[-1])[:3]
    run_threads(_work, operation, *matrix.shape, *(each.data_ptr() for each in (matrix, *three, numbers)))


@intrinsic
def _widened(context: Any, half: Any) -> Any:
    """Convert bfloat16 to float32, whose upper half has the same bits."""

    def _generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        widened = builder.shl(builder.zext(values[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(widened, ir.FloatType())

    return numba.types.float32(numba.types.uint16), _generate


@inlined
def _dot(row: Any, first: Any, second: Any, third: Any, sums: Any, start: int, step: int) -> None:
    """Write the products of a row's piece with the pieces of three vectors."""
    first_sum, second_sum, third_sum = np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(row)):
        value = _widened(row[k])
        first_sum += value * first[k]
        second_sum += value * second[k]
        third_sum += value * third[k]
    sums[start], sums[start + step], sums[start + 2 * step] = first_sum, second_sum, third_sum


@inlined
def _add(row: Any, vector: Any, weight: Any) -> None:
    for k in range(len(row)):
        vector[k] += weight * _widened(row[k])


@threaded
def _work(address: Any) -> None:
    """Take pieces of columns and do the job's operation on each, until none is left."""
    job: Any = numba.carray(address, 10, np.int64)
    operation, rows, length = job[2], job[3], job[4]
    matrix, first_vector = numba.carray(_shorts(job[5]), rows * length), numba.carray(_floats(job[6]), length)
    second_vector, third_vector = numba.carray(_floats(job[7]), length), numba.carray(_floats(job[8]), length)
    numbers = numba.carray(_floats(job[9]), 3 * rows * (length // _PIECE_COLUMNS + 1))
    start = fetch_and_add(address, 1, _PIECE_COLUMNS)
    while start < length:
        stop = min(start + _PIECE_COLUMNS, length)
        vector, second, third = first_vector[start:stop], second_vector[start:stop], third_vector[start:stop]
        for row in range(rows):
            row_piece = matrix[row * length + start : row * length + stop]
            if operation == _DOTS:
                _dot(row_piece, vector, second, third, numbers, start // _PIECE_COLUMNS * 3 * rows + row, rows)
            else:
                _add(row_piece, vector, numbers[row])
        start = fetch_and_add(address, 1, _PIECE_COLUMNS)
