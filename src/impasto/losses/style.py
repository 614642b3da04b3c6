"""The style loss: how far the moments of the features are from those of the style; positions do not matter."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent, Linear, flat
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.losses.base import Loss, Sources, Statistic, Units, row_chunks, sum_of_weights, to_sum_precision
from impasto.losses.distances import DISTANCES, Distance, Gram
from impasto.settings import Settings

__all__ = ["StyleLoss", "moments"]

_CHUNK_POSITIONS = 1 << 14
"""Positions whose features are converted to float32 at a time: they stay in the processor's cache."""


def moments(units: Units) -> Statistic:
    """Sum F Fᵀ and, as a last column, F over positions.

    Args:
        units: F, (C, H, W), and the weight of each position: with a guidance channel T of Gatys et al. 2017, T².

    Returns:
        Sums, (C, C + 1), in float32 or float64; their mean is the Gram matrix and, as a last column, the mean of F.

    """
    features, weights, _ = units
    if dispatch.is_fused(features):
        return Statistic(statistic_operators.moments(features, weights).sum(0), sum_of_weights(features[0], weights))
    count = len(features)
    total = to_sum_precision(features.new_zeros(count, count + 1))
    for chunk in row_chunks(features, _CHUNK_POSITIONS * count):
        exact = to_sum_precision(flat(features[:, chunk]))  # (positions, C)
        weighted_features = exact if weights is None else exact * weights[chunk].reshape(-1, 1)
        total[:, :count].addmm_(exact.T, weighted_features)
        total[:, count].add_(weighted_features.sum(0))
    return Statistic(total, sum_of_weights(features[0], weights))


@dataclass(frozen=True)
class StyleLoss(Loss):
    """The style loss of one layer: weighted distances of its moments from those of the style.

    Gatys et al. 2016, eq. 3 and 4, is the distance of Gram matrices.
    """

    layer: str
    distances: Sequence[tuple[Distance, float]]
    """The distances, each with its weight."""
    mask_weights: Tensor | None = field(default=None, repr=False)
    """T² of the units of a region, (H, W) of the whole image; None: 1."""
    term = "style"

    @classmethod
    def build(cls, settings: Settings, sources: Sources) -> Sequence["StyleLoss"]:
        """Return a loss for each style layer of each region, with 1 / R of the weight (Gatys et al. 2017, section 4).

        There is none, if `style_weight` is 0. An InputError says that a region, or a style's mask, is too small for
        every layer.
        """
        if settings.style_weight == 0:
            return []
        weights = settings.active_style_layers
        kinds = [(DISTANCES[name], weight) for name, weight in settings.active_distances.items()]
        regions = sources.style_targets(weights, moments)
        losses: list[StyleLoss] = []
        for targets in regions:
            for layer, (mean, mask_weights) in targets.items():
                weight = settings.style_weight * weights[layer] / len(regions)
                distances = [(kind(mean), weight * distance_weight) for kind, distance_weight in kinds]
                losses.append(cls(layer, distances, mask_weights))
        return losses

    def measure(self, units: Units) -> Statistic:
        """Sum F Fᵀ and F over the positions."""
        return moments(units)

    def value(self, statistic: Statistic) -> Tensor:
        """Return the sum of the distances, each times its weight, a scalar."""
        return sum(
            (weight * distance.value(statistic.mean) for distance, weight in self.distances),
            start=statistic.weight_sum.new_zeros(()),
        )

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of the distances by the sums, (C, C + 1)."""
        start = statistic.total.new_zeros(())
        slopes = (distance.derivative(statistic.mean) * weight for distance, weight in self.distances)
        return sum(slopes, start=start) / statistic.weight_sum

    def value_and_slope(self, statistic: Statistic, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return `value` and `slope`, on a GPU with few launches.

        The slope is (C, C + 1), or (C, C) in the dtype of the features where a kernel compares nothing but Gram
        matrices.
        """
        (distance, weight), *others = self.distances
        if others or not isinstance(distance, Gram) or not dispatch.is_fused(statistic.total):
            return super().value_and_slope(statistic, dtype)
        return statistic_operators.gram_distance(statistic.total, statistic.weight_sum, distance.target, weight, dtype)

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds 2 S F, S the derivative by F Fᵀ (Gatys et al. 2016, eq. 6), and s.

        The slope is S and, as a last column, the derivative s by the sum of F, (C, C + 1); or S alone, (C, C).
        """
        has_mean = any(distance.has_mean for distance, _ in self.distances)
        count = len(slope)
        return Linear(slope[:, :count], slope[:, count] if has_mean else None, units.weights)

    def without_features(self, content: Tensor | None, weights: Tensor | None) -> Statistic | None:  # noqa: ARG002
        """Return the moments of a single unit whose features are all 0; neither content nor weights are needed."""
        zeros = torch.zeros_like(self.distances[0][0].target)
        return Statistic(zeros, zeros.new_ones(()))
