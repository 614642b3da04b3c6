"""Products of a bfloat16 matrix's rows with float32 vectors, and sums of its rows, each in one pass through memory.

torch would first bring the matrix to float32. Work is divided by columns, in pieces of which the vectors stay in a
processor's cache.
"""

# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportUnknownArgumentType=false
# (what numba compiles is Python in name only)
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

_COLUMNS = 16384

_floats, _shorts = pointers(numba.types.float32), pointers(numba.types.uint16)


def row_products(matrix: Tensor, vectors: Sequence[Tensor]) -> Tensor:
    """Return the product of each vector, (N,) and at most 3, with each row, (K, rows), in double precision."""
    pieces = math.ceil(matrix.shape[1] / _COLUMNS)
    found = torch.empty(pieces, 3, len(matrix))
    _run(_DOTS, matrix, vectors, found)
    return found.sum(0, dtype=torch.float64)[: len(vectors)]


def add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector, in place."""
    _run(_ADD, matrix, [vector], weights)


def _run(operation: int, matrix: Tensor, vectors: Sequence[Tensor], numbers: Tensor) -> None:
    three = (*vectors, vectors[-1], vectors[-1])[:3]
    run_threads(_work, operation, *matrix.shape, *(each.data_ptr() for each in (matrix, *three, numbers)))


@intrinsic
def _widened(context: Any, half: Any) -> Any:
    """Return the float32 of a bfloat16, which is its upper half."""

    def generate(_: Any, builder: Any, __: Any, values: Any) -> Any:
        whole = builder.shl(builder.zext(values[0], ir.IntType(32)), ir.Constant(ir.IntType(32), 16))
        return builder.bitcast(whole, ir.FloatType())

    return numba.types.float32(numba.types.uint16), generate


@inlined
def _dot(row: Any, first: Any, second: Any, third: Any, found: Any, at: int, step: int) -> None:
    """Write the products of a row with three vectors."""
    one, two, three = np.float32(0), np.float32(0), np.float32(0)
    for k in range(len(row)):
        value = _widened(row[k])
        one += value * first[k]
        two += value * second[k]
        three += value * third[k]
    found[at], found[at + step], found[at + 2 * step] = one, two, three


@inlined
def _add(row: Any, vector: Any, weight: Any) -> None:
    for k in range(len(row)):
        vector[k] += weight * _widened(row[k])


@threaded
def _work(address: Any) -> None:
    """Take pieces of the columns until none is left."""
    job: Any = numba.carray(address, 10, np.int64)
    operation, rows, length = job[2], job[3], job[4]
    matrix, one = numba.carray(_shorts(job[5]), rows * length), numba.carray(_floats(job[6]), length)
    two, three = numba.carray(_floats(job[7]), length), numba.carray(_floats(job[8]), length)
    numbers = numba.carray(_floats(job[9]), 3 * rows * (length // _COLUMNS + 1))
    first = fetch_and_add(address, 1, _COLUMNS)
    while first < length:
        last = min(first + _COLUMNS, length)
        vector, second, third = one[first:last], two[first:last], three[first:last]
        for row in range(rows):
            here = matrix[row * length + first : row * length + last]
            if operation == _DOTS:
                _dot(here, vector, second, third, numbers, first // _COLUMNS * 3 * rows + row, rows)
            else:
                _add(here, vector, numbers[row])
        first = fetch_and_add(address, 1, _COLUMNS)
