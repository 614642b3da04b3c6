"""Products of a bfloat16 matrix's rows with float32 vectors, and weighted sums of its rows.

Each is one pass over memory; torch would first convert the matrix to float32. The threads take pieces of columns, which
are so short that the vectors' pieces stay in the cache.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.kernels.cpu.compiled.machine_code import run_threads

__all__ = ["ADD", "DOTS", "PIECE_COLUMNS", "add_rows", "row_products"]

DOTS, ADD = range(2)
"""The operations of the loop."""

PIECE_COLUMNS = 16384
"""The number of columns that a thread takes at a time: 64 KB of each float32 vector."""


def row_products(matrix: Tensor, vectors: Sequence[Tensor]) -> Tensor:
    """Return the product of each vector with each row of a matrix.

    Args:
        matrix: The rows in bfloat16, (rows, N).
        vectors: One to three vectors in float32, each (N,).

    Returns:
        The products, (vectors, rows), as sums in float64 of the pieces' float32 sums.

    """
    pieces = math.ceil(matrix.shape[1] / PIECE_COLUMNS)
    sums = torch.empty(pieces, 3, len(matrix), dtype=torch.float32)
    _run_operation(DOTS, matrix, vectors, sums)
    return sums.sum(0, dtype=torch.float64)[: len(vectors)]


def add_rows(vector: Tensor, matrix: Tensor, weights: Tensor) -> None:
    """Add weights · matrix to a vector in place.

    Args:
        vector: The vector in float32, (N,).
        matrix: The rows in bfloat16, (rows, N).
        weights: The weight of each row in float32, (rows,).

    """
    _run_operation(ADD, matrix, [vector], weights)


def _run_operation(operation: int, matrix: Tensor, vectors: Sequence[Tensor], sums_or_weights: Tensor) -> None:
    three_vectors = (*vectors, vectors[-1], vectors[-1])[:3]
    addresses = (tensor.data_ptr() for tensor in (matrix, *three_vectors, sums_or_weights))
    run_threads("rows.products", operation, *matrix.shape, *addresses)
