"""Winograd's minimal filtering along the width, with two thirds or half of a 3 × 3 convolution's multiplications.

F(m, 3) computes m neighboring outputs of a filter of 3 from m + 2 products instead of 3 m: y = Aᵀ[(G g) ∘ (Bᵀ d)].
Along the width alone, each product is a convolution with a 3 × 1 filter, for which oneDNN is as fast as for 3 × 3.
Along the height as well, torch's transforms would take the time that the products save.

Winograd, *Arithmetic Complexity of Computations*, 1980; Lavin and Gray, *Fast Algorithms for Convolutional Neural
Networks*, CVPR 2016.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.cpu.packed_filters import Filter, Zeros, prepare
from impasto.planning.tiles import bands

__all__ = ["F2", "F4", "Scheme", "prepare_lines"]

Matrix = Sequence[Sequence[float]]


class Scheme(NamedTuple):
    """F(m, 3), with the sums and differences that its rows have in common factored out of its matrices.

    Bᵀ is `inputs`, then for each of `pairs` the rows a, c that follow become a + factor · c and a - factor · c; Aᵀ is
    sums and differences of the same pairs of products, then `outputs`.
    """

    inputs: Matrix
    """Bᵀ before the sums and differences, (m + 2, m + 2)."""
    pairs: Sequence[float]
    """The factor of c in rows 1 and 2, in rows 3 and 4 …"""
    filters: Matrix
    """G, (m + 2, 3)."""
    outputs: Matrix
    """Aᵀ after the sums and differences, (m, m + 2)."""


F2 = Scheme(
    inputs=((1, 0, -1, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 0, -1)),
    pairs=(1,),
    filters=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    outputs=((1, 1, 0, 0), (0, 0, 1, -1)),
)
"""Two outputs from four products; in bfloat16 the rounding error is about twice that of a plain convolution."""

F4 = Scheme(
    inputs=(
        (4, 0, -5, 0, 1, 0),
        (0, 0, -4, 0, 1, 0),
        (0, -4, 0, 1, 0, 0),
        (0, 0, -1, 0, 1, 0),
        (0, -1, 0, 1, 0, 0),
        (0, 4, 0, -5, 0, 1),
    ),
    pairs=(1, 2),
    filters=(
        (1 / 4, 0, 0),
        (-1 / 6, -1 / 6, -1 / 6),
        (-1 / 6, 1 / 6, -1 / 6),
        (1 / 24, 1 / 12, 1 / 6),
        (1 / 24, -1 / 12, 1 / 6),
        (0, 0, 1),
    ),
    outputs=((1, 1, 0, 1, 0, 0), (0, 0, 1, 0, 2, 0), (0, 1, 0, 4, 0, 0), (0, 0, 1, 0, 8, 1)),
)
"""Four outputs from six products; in bfloat16 the rounding error is about five times that of a plain convolution."""


def prepare_lines(scheme: Scheme, weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return a filter by Winograd's algorithm along the width.

    Args:
        scheme: F(m, 3).
        weight: The filters, (out, in, 3, 3).
        bias: The bias of each output channel, (out,); zeros, if not given.
        relu: Whether a ReLU follows.

    Returns:
        A function of a signal and its padding with zeros: the function of `packed_filters.prepare`, up to rounding.

    """
    precision = torch.promote_types(weight.dtype, torch.float32)
    columns = weight.permute(3, 0, 2, 1).to(precision)  # (3, out, 3, in)
    matrix = torch.tensor(scheme.filters, dtype=precision)
    transformed = (matrix @ columns.flatten(1)).view(-1, *columns.shape[1:])  # (m + 2, out, 3, in)
    # Every output contains the second product once, so a bias of that product is a bias of every output.
    column_filters = [
        prepare(each.permute(0, 2, 1)[..., None].to(weight.dtype), bias if index == 1 else None)  # (out, in, 3, 1)
        for index, each in enumerate(transformed)
    ]
    count = len(scheme.outputs)

    def _apply(signal: Tensor, zeros: Zeros) -> Tensor:
        above, below, left, right = zeros
        height, width = signal.shape[2] + above + below - 2, signal.shape[3] + left + right - 2
        extra_columns = -width % count
        shape = (1, len(weight), height, width)
        output = torch.empty(shape, dtype=signal.dtype, device=signal.device, memory_format=torch.channels_last)
        for rows in bands(height, width * max(weight.shape[:2])):
            start, stop = rows.start - above, rows.stop + 2 - above  # rows of the signal
            padding = (left, right + extra_columns, max(0, -start), max(0, stop - signal.shape[2]))
            products = _multiply(functional.pad(signal[:, :, max(0, start) : stop], padding), width + extra_columns)
            for first, row in enumerate(scheme.outputs):
                column = output[:, :, rows, first::count]
                _combine(row, [each[..., : column.shape[3]] for each in products], column)
        return output.clamp_min_(0) if relu else output

    def _multiply(band: Tensor, width: int) -> list[Tensor]:
        input_columns = [band[..., first : first + width : count] for first in range(count + 2)]
        sums = [_combine(row, input_columns) for row in scheme.inputs]
        del input_columns, band  # releases their memory, as `pop` does below for each sum after its use
        _butterflies(sums, scheme.pairs)
        products = [convolve(sums.pop(0), (0, 0, 0, 0)) for convolve in column_filters]
        _butterflies(products, [1] * len(scheme.pairs))
        return products

    return _apply


def _butterflies(signals: list[Tensor], factors: Sequence[float]) -> None:
    """Replace signals 1 and 2, 3 and 4 … by first + factor · second and first - factor · second."""
    for index, factor in zip(range(1, len(signals), 2), factors, strict=False):
        first, second = signals[index], signals[index + 1]
        signals[index] = torch.add(first, second, alpha=factor)
        signals[index + 1] = torch.sub(first, second, alpha=factor)


def _combine(row: Sequence[float], signals: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """Return Σ coefficient · signal, with at least one coefficient of 1; for a single term, the signal itself."""
    terms = [(factor, signal) for factor, signal in zip(row, signals, strict=True) if factor]
    (_, total), *others = sorted(terms, key=lambda term: term[0] != 1)
    for factor, signal in others[:1]:
        total = torch.add(total, signal, alpha=factor, out=out)
    for factor, signal in others[1:]:
        total.add_(signal, alpha=factor)
    return total
