"""Total variation: how much neighboring pixels differ in gray levels, in the conventions of several authors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent
from impasto.layers import IMAGE
from impasto.losses.base import Loss, Sources, Statistic, Units, apply_weights, sum_over_positions
from impasto.settings import Settings
from impasto.settings.choices import Variation

__all__ = ["NinePointTotalVariationLoss", "TotalVariationLoss"]


@dataclass(frozen=True)
class TotalVariationLoss(Loss):
    """Total variation of gray levels, over forward differences.

    A tile that owns a pixel needs its right and lower neighbors: the tile has them, with weight 0.
    """

    weight: float = 1.0
    variation: Variation = "mean-squares"
    wraps: tuple[bool, bool] = (False, False)
    """Whether the first row is the neighbor of the last, and the first column of the last."""
    layer = IMAGE
    term = "tv"

    @classmethod
    def build(cls, settings: Settings, sources: Sources) -> Sequence[Loss]:
        """Return the loss of the settings' weight and variation; none, if `tv_weight` is 0."""
        if settings.tv_weight == 0:
            return []
        if settings.tv_variation == "nine-point":
            return [NinePointTotalVariationLoss(settings.tv_weight, sources.wraps)]
        return [cls(settings.tv_weight, settings.tv_variation, sources.wraps)]

    def measure(self, units: Units) -> Statistic:
        """Sum the squares of the differences, or their absolute values."""
        down, across = (self._penalty(difference) for difference in _forward_differences(units.features, self.wraps))
        return sum_over_positions(down.add_(across), units.weights)

    def value(self, statistic: Statistic) -> Tensor:
        """Return weight · mean, or weight · sum."""
        return self.weight * (statistic.mean if self._is_mean else statistic.total)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / weight_sum, or the weight of a sum."""
        sum_slope = statistic.weight_sum.new_full((), self.weight)
        return sum_slope / statistic.weight_sum if self._is_mean else sum_slope

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds the derivative d by a difference x[i + 1] - x[i] to x[i + 1] and -d to x[i]."""
        return partial(self._add_gradient, slope, units.weights)

    def _add_gradient(self, slope: Tensor, weights: Tensor | None, features: Tensor, gradient: Tensor) -> None:
        """Add the derivative to a gradient."""
        for axis, difference in zip((1, 2), _forward_differences(features, self.wraps), strict=True):
            derivative = apply_weights(self._derivative(difference).mul_(slope), weights)
            gradient.sub_(derivative).add_(derivative.roll(1, axis))

    @property
    def _is_mean(self) -> bool:
        """Whether the value is a mean over pixels, and not a sum, which grows with the picture."""
        return self.variation in {"mean-squares", "mean-absolute"}

    @property
    def _is_absolute(self) -> bool:
        """Whether differences count by their absolute value, and not by their square."""
        return self.variation in {"absolute", "mean-absolute"}

    def _penalty(self, difference: Tensor) -> Tensor:
        """Return the summand of each difference, in place."""
        if self._is_absolute:
            return difference.abs_()
        return difference.square_() if self.variation == "mean-squares" else difference.square_().mul_(0.5)

    def _derivative(self, difference: Tensor) -> Tensor:
        """Return the derivative of `_penalty`, in place."""
        if self._is_absolute:
            return difference.sign_()
        return difference.mul_(2) if self.variation == "mean-squares" else difference


@dataclass(frozen=True)
class NinePointTotalVariationLoss(Loss):
    """2 · (mean(dx²) / 3 + mean(dy²) / 3 + mean(u²) / 12 + mean(v²) / 12), u and v the differences along diagonals.

    Copies of the border's pixels continue the image beyond it, so there is one row and one column more of u and v than
    of pixels. A pixel owns the difference to its upper left neighbor and the difference between its upper and its left
    neighbor; the pixels of the last row and column own the differences beyond them as well.
    """

    weight: float = 1.0
    wraps: tuple[bool, bool] = (False, False)
    layer = IMAGE
    term = "tv"

    def measure(self, units: Units) -> Statistic:
        """Sum the squares along the axes, those along the diagonals, and count the latter: (3,)."""
        down, across = _forward_differences(units.features, self.wraps)
        axes = sum_over_positions(down.square_().add_(across.square_()), units.weights)
        u, v = self._diagonals(units.features)
        diagonals = sum_over_positions(u.square_().add_(v.square_()), self._diagonal_weights(units.weights))
        return Statistic(torch.stack((axes.total, diagonals.total, diagonals.weight_sum)), axes.weight_sum)

    def value(self, statistic: Statistic) -> Tensor:
        """Return the weighted sum of both means."""
        axes, diagonals, count = statistic.total
        return 2 * self.weight * (axes / statistic.weight_sum / 3 + diagonals / count / 12)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative by the three sums, (3,)."""
        _, diagonals, count = statistic.total
        derivatives = (1 / (3 * statistic.weight_sum), 1 / (12 * count), -diagonals / (12 * count.square()))
        return 2 * self.weight * torch.stack(derivatives)

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds the derivative d by a difference x[i + 1] - x[i] to x[i + 1] and -d to x[i]."""
        return partial(self._add_gradient, slope, units.weights)

    def _add_gradient(self, slope: Tensor, weights: Tensor | None, features: Tensor, gradient: Tensor) -> None:
        """Add the derivative to a gradient."""
        for axis, difference in zip((1, 2), _forward_differences(features, self.wraps), strict=True):
            derivative = apply_weights(difference.mul_(2 * slope[0]), weights)
            gradient.sub_(derivative).add_(derivative.roll(1, axis))
        weights = self._diagonal_weights(weights)
        u, v = (apply_weights(difference.mul_(2 * slope[1]), weights) for difference in self._diagonals(features))
        padded = u.new_zeros(len(u), u.shape[1] + 1, u.shape[2] + 1)
        padded[:, 1:, 1:] += u
        padded[:, :-1, :-1] -= u
        padded[:, 1:, :-1] += v
        padded[:, :-1, 1:] -= v
        for axis, wrap in zip((1, 2), self.wraps, strict=True):
            length = padded.shape[axis]
            first_edge, last_edge = padded.select(axis, 0), padded.select(axis, -1)
            if wrap:  # the last row or column comes before the first
                last_edge += first_edge
                padded = padded.narrow(axis, 1, length - 1)
            else:
                padded.select(axis, 1).add_(first_edge)
                padded.select(axis, -2).add_(last_edge)
                padded = padded.narrow(axis, 1, length - 2)
        gradient += padded

    def _diagonals(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the differences along both diagonals, each (C, H + 1, W + 1); no 1 on an axis whose edges meet."""
        padded = features[None]
        for axis, wrap in zip((2, 3), self.wraps, strict=True):
            edges = [padded.narrow(axis, -1 if wrap else 0, 1), padded, padded.narrow(axis, -1, 1)]
            padded = torch.cat(edges[: 2 if wrap else 3], axis)
        padded = padded[0]
        return padded[:, 1:, 1:] - padded[:, :-1, :-1], padded[:, 1:, :-1] - padded[:, :-1, 1:]

    def _diagonal_weights(self, weights: Tensor | None) -> Tensor | None:
        """Return the weight of each pair of diagonals: that of the pixel that owns it."""
        if weights is not None:
            for axis, wrap in enumerate(self.wraps):
                weights = weights if wrap else torch.cat((weights, weights.narrow(axis, -1, 1)), axis)
        return weights


def _forward_differences(features: Tensor, wraps: tuple[bool, bool]) -> list[Tensor]:
    """Return the differences from each pixel to the next, down and across, each (C, H, W); 0 across a border."""
    differences = [features.roll(-1, axis).sub_(features) for axis in (1, 2)]
    for axis, difference, wrap in zip((1, 2), differences, wraps, strict=True):
        if not wrap:
            difference.select(axis, -1).zero_()
    return differences
