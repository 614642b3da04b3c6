"""Winograd's minimal filtering along the width: two thirds, or half, of a 3 × 3 convolution's multiplications.

F(m, 3) makes m neighboring outputs of a filter of 3 from m + 2 products instead of 3 m: y = Aᵀ[(G g) ∘ (Bᵀ d)]. Applied
to the width alone, each product is a convolution with a 3 × 1 filter, for which oneDNN is as fast as for 3 × 3; applied
to the height as well, the transforms would cost what the products save.

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
    """F(m, 3), with the sums and differences that its matrices share taken out of them.

    Bᵀ is `inputs`, then for each of `pairs` the rows a, c that follow become a + factor · c and a - factor · c; Aᵀ is
    sums and differences of the same pairs of products, then `outputs`.
    """

    inputs: Matrix
    """(m + 2, m + 2)."""
    pairs: Sequence[float]
    """Factors of c in rows 1 and 2, 3 and 4 …"""
    filters: Matrix
    """G, (m + 2, 3)."""
    outputs: Matrix
    """(m, m + 2)."""


F2 = Scheme(
    inputs=((1, 0, -1, 0), (0, 0, 1, 0), (0, 1, 0, 0), (0, 1, 0, -1)),
    pairs=(1,),
    filters=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    outputs=((1, 1, 0, 0), (0, 0, 1, -1)),
)
"""Two outputs from four products; in bfloat16 its rounding error is about twice a plain convolution's."""

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
"""Four outputs from six products; in bfloat16 its rounding error is about five times a plain convolution's."""


def prepare_lines(scheme: Scheme, weight: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> Filter:
    """Return what `filters.prepare` returns, for weight (out, in, 3, 3), up to rounding."""
    matrix = torch.tensor(scheme.filters, dtype=torch.float64)
    products = torch.einsum("kw,oihw->koih", matrix, weight.cpu().double())  # (m + 2, out, in, 3)
    # Every output takes the second product once: a bias there is a bias everywhere.
    tall = [
        prepare(product[..., None].to(weight), bias if index == 1 else None) for index, product in enumerate(products)
    ]
    count = len(scheme.outputs)

    def apply(signal: Tensor, zeros: Zeros) -> Tensor:
        above, below, left, right = zeros
        height, width = signal.shape[2] + above + below - 2, signal.shape[3] + left + right - 2
        missing = -width % count
        shape = (1, len(weight), height, width)
        output = torch.empty(shape, dtype=signal.dtype, device=signal.device, memory_format=torch.channels_last)
        for rows in bands(height, width * max(weight.shape[:2])):
            start, stop = rows.start - above, rows.stop + 2 - above  # among the signal's
            around = (left, right + missing, max(0, -start), max(0, stop - signal.shape[2]))
            found = multiplied(functional.pad(signal[:, :, max(0, start) : stop], around), width + missing)
            for place, row in enumerate(scheme.outputs):
                column = output[:, :, rows, place::count]
                _combine(row, [each[..., : column.shape[3]] for each in found], column)
        return output.clamp_min_(0) if relu else output

    def multiplied(band: Tensor, width: int) -> list[Tensor]:
        places = [band[..., place : place + width : count] for place in range(count + 2)]
        sums = [_combine(row, places) for row in scheme.inputs]
        del places, band  # and each sum when it is used: for memory's sake
        _butterflies(sums, scheme.pairs)
        found = [convolve(sums.pop(0), (0, 0, 0, 0)) for convolve in tall]
        _butterflies(found, [1] * len(scheme.pairs))
        return found

    return apply


def _butterflies(signals: list[Tensor], factors: Sequence[float]) -> None:
    """Replace signals 1 and 2, 3 and 4 … by first + factor · second and first - factor · second."""
    for index, factor in zip(range(1, len(signals), 2), factors, strict=False):
        first, second = signals[index], signals[index + 1]
        signals[index] = torch.add(first, second, alpha=factor)
        signals[index + 1] = torch.sub(first, second, alpha=factor)


def _combine(row: Sequence[float], signals: Sequence[Tensor], out: Tensor | None = None) -> Tensor:
    """Return Σ coefficient · signal, at least one coefficient being 1; of one signal, itself."""
    terms = [(factor, signal) for factor, signal in zip(row, signals, strict=True) if factor]
    (_, total), *others = sorted(terms, key=lambda term: term[0] != 1)
    for factor, signal in others[:1]:
        total = torch.add(total, signal, alpha=factor, out=out)
    for factor, signal in others[1:]:
        total.add_(signal, alpha=factor)
    return total
