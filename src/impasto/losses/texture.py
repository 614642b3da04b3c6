"""The style loss: which features occur together, wherever they occur."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from impasto.losses.distances import Distance
from impasto.losses.protocol import Statistic, Units, mass, rows, summable

__all__ = ["Texture", "moments"]

_CHUNK = 1 << 14
"""Positions whose features are brought to float32 at a time: they stay in the processor's cache."""


def moments(features: Tensor, weights: Tensor | None = None) -> Statistic:
    """Sum F Fᵀ and, as a last column, F over positions: (C, C + 1); its mean is the Gram matrix beside the mean.

    Each position has a weight; with guides T of Gatys et al. 2017, that is T².
    """
    count = len(features)
    total = summable(features.new_zeros(count, count + 1))
    for some in rows(features, _CHUNK * count):
        exact = summable(_flat(features[:, some]))  # (positions, C)
        weighted = exact if weights is None else exact * weights[some].reshape(-1, 1)
        total[:, :count].addmm_(exact.T, weighted)
        total[:, count].add_(weighted.sum(0))
    return Statistic(total, mass(features[0], weights))


@dataclass(frozen=True)
class Texture:
    """The style loss of one layer: weighted distances of its moments from those of the style.

    Gatys et al. 2016, eq. 3 and 4, is the distance of Gram matrices.
    """

    layer: str
    distances: Sequence[tuple[Distance, float]]
    """Each with its weight."""
    guide: Tensor | None = field(default=None, repr=False)
    """T² of the units of a region, (H, W) of the whole image; None: 1."""
    term: ClassVar[str] = "style"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum F Fᵀ and F over the positions."""
        return moments(units.features, units.weights)

    def compare(self, statistic: Statistic) -> Tensor:
        """Add up the distances."""
        return sum(
            (weight * distance.value(statistic.mean) for distance, weight in self.distances),
            start=statistic.mass.new_zeros(()),
        )

    def without_features(self) -> Tensor:
        """Return the loss of an image whose features are all 0, a scalar."""
        dark = torch.zeros_like(self.distances[0][0].target)
        return self.compare(Statistic(dark, dark.new_ones(())))

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of the distances by the sums, (C, C + 1)."""
        start = statistic.total.new_zeros(())
        slopes = (distance.derivative(statistic.mean) * weight for distance, weight in self.distances)
        return sum(slopes, start=start) / statistic.mass

    def pullback(self, slope: Tensor, units: Units, into: Tensor) -> None:
        """Add 2 S F, S the derivative by F Fᵀ (Gatys et al. 2016, eq. 6), and the derivative by the sum of F."""
        features, weights, _ = units
        count = len(features)
        twice = (2 * slope[:, :count]).to(features.dtype)
        by_sum = slope[:, count].to(features.dtype)
        has_means = any(distance.has_mean for distance, _ in self.distances)
        for some in rows(features, _CHUNK * count):
            found, part = _flat(features[:, some]), into[:, some]
            pulled = _flat(part)
            weighing = found.new_ones(()) if weights is None else weights[some].reshape(-1, 1).to(found.dtype)
            pulled.addmm_(found if weights is None else found * weighing, twice)
            if has_means:
                pulled.addcmul_(weighing, by_sum)
            if pulled.data_ptr() != part.data_ptr():
                part.copy_(pulled.T.view_as(part))


def _flat(features: Tensor) -> Tensor:
    """Return (C, H, W) as one row a position, (H·W, C): a view, or a copy of what was cut out."""
    return features.permute(1, 2, 0).reshape(-1, len(features))
