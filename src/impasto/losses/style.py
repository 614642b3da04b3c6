"""The style loss: which features occur together, wherever they occur."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent, Linear, flat
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.losses.base import Statistic, Units, in_sum_precision, row_chunks, sum_of_weights
from impasto.losses.distances import Distance, Gram

__all__ = ["StyleLoss", "moments"]

_CHUNK = 1 << 14
"""Positions whose features are brought to float32 at a time: they stay in the processor's cache."""


def moments(features: Tensor, weights: Tensor | None = None) -> Statistic:
    """Sum F Fᵀ and, as a last column, F over positions: (C, C + 1); its mean is the Gram matrix beside the mean.

    Each position has a weight; with guides T of Gatys et al. 2017, that is T².
    """
    if dispatch.is_fused(features):
        return Statistic(statistic_operators.moments(features, weights).sum(0), sum_of_weights(features[0], weights))
    count = len(features)
    total = in_sum_precision(features.new_zeros(count, count + 1))
    for some in row_chunks(features, _CHUNK * count):
        exact = in_sum_precision(flat(features[:, some]))  # (positions, C)
        weighted = exact if weights is None else exact * weights[some].reshape(-1, 1)
        total[:, :count].addmm_(exact.T, weighted)
        total[:, count].add_(weighted.sum(0))
    return Statistic(total, sum_of_weights(features[0], weights))


@dataclass(frozen=True)
class StyleLoss:
    """The style loss of one layer: weighted distances of its moments from those of the style.

    Gatys et al. 2016, eq. 3 and 4, is the distance of Gram matrices.
    """

    layer: str
    distances: Sequence[tuple[Distance, float]]
    """Each with its weight."""
    mask_weights: Tensor | None = field(default=None, repr=False)
    """T² of the units of a region, (H, W) of the whole image; None: 1."""
    term: ClassVar[str] = "style"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum F Fᵀ and F over the positions."""
        return moments(units.features, units.weights)

    def value(self, statistic: Statistic) -> Tensor:
        """Add up the distances."""
        return sum(
            (weight * distance.value(statistic.mean) for distance, weight in self.distances),
            start=statistic.weight_sum.new_zeros(()),
        )

    def without_features(self) -> Tensor:
        """Return the loss of an image whose features are all 0, a scalar."""
        dark = torch.zeros_like(self.distances[0][0].target)
        return self.value(Statistic(dark, dark.new_ones(())))

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of the distances by the sums, (C, C + 1)."""
        start = statistic.total.new_zeros(())
        slopes = (distance.derivative(statistic.mean) * weight for distance, weight in self.distances)
        return sum(slopes, start=start) / statistic.weight_sum

    def value_and_slope(self, statistic: Statistic, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return what `value` and `slope` do, with few launches; the value may be in parts, (parts,).

        The slope of a Gram matrix alone is in the dtype of the features, without a column for their mean.
        """
        (distance, weight), *others = self.distances
        if others or not isinstance(distance, Gram) or not dispatch.is_fused(statistic.total):
            return self.value(statistic), self.slope(statistic)
        return statistic_operators.gram_distance(statistic.total, statistic.weight_sum, distance.target, weight, dtype)

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds 2 S F, S the derivative by F Fᵀ (Gatys et al. 2016, eq. 6), and that by the sum of F."""
        has_mean = any(distance.has_mean for distance, _ in self.distances)
        count = len(slope)
        return Linear(slope[:, :count], slope[:, count] if has_mean else None, units.weights)
