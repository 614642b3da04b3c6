"""Total variation of gray levels, in the conventions of several authors."""

from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent
from impasto.layers import IMAGE
from impasto.losses.base import Loss, MeanLoss, Statistic, Units, sum_over_positions, weighted
from impasto.settings.choices import Variation

__all__ = ["NinePointTotalVariationLoss", "TotalVariationLoss", "variation"]


def variation(weight: float, kind: Variation, wraps: tuple[bool, bool] = (False, False)) -> Loss:
    """Return total variation as a loss of the kind asked for."""
    return (
        NinePointTotalVariationLoss(weight, wraps) if kind == "nine-point" else TotalVariationLoss(weight, kind, wraps)
    )


@dataclass(frozen=True)
class TotalVariationLoss(MeanLoss):
    """Total variation of gray levels, over forward differences.

    A tile that owns a pixel needs its right and lower neighbors: they lie in the tile with weight 0.
    """

    weight: float = 1.0
    variation: Variation = "mean-squares"
    wraps: tuple[bool, bool] = (False, False)
    """Whether the first row is the neighbor of the last, and the first column of the last."""
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "tv"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum what is made of the differences."""
        down, across = (self._made_of(step) for step in _steps(units.features, self.wraps))
        return sum_over_positions(down.add_(across), units.weights)

    def value(self, statistic: Statistic) -> Tensor:
        """Weigh the mean or the sum."""
        return self.weight * (statistic.mean if self.variation == "mean-squares" else statistic.total)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / weight_sum, or the weight of a sum."""
        of_sum = statistic.weight_sum.new_full((), self.weight)
        return of_sum / statistic.weight_sum if self.variation == "mean-squares" else of_sum

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds the derivative by each difference to the further of its two pixels, less at the nearer."""

        def add(features: Tensor, into: Tensor) -> None:
            for axis, step in zip((1, 2), _steps(features, self.wraps), strict=True):
                pull = weighted(self._derivative(step).mul_(slope), units.weights)
                into.sub_(pull).add_(pull.roll(1, axis))

        return add

    def _made_of(self, step: Tensor) -> Tensor:
        if self.variation == "absolute":
            return step.abs_()
        return step.square_() if self.variation == "mean-squares" else step.square_().mul_(0.5)

    def _derivative(self, step: Tensor) -> Tensor:
        if self.variation == "absolute":
            return step.sign_()
        return step.mul_(2) if self.variation == "mean-squares" else step


@dataclass(frozen=True)
class NinePointTotalVariationLoss:
    """2 · (mean(dx²) / 3 + mean(dy²) / 3 + mean(u²) / 12 + mean(v²) / 12), u and v the differences along diagonals.

    Beyond the border lie copies of its pixels, so there are a row and a column more of u and v. A pixel owns those to
    its upper left neighbor and between its upper and its left one; the last ones own what lies beyond, too.
    """

    weight: float = 1.0
    wraps: tuple[bool, bool] = (False, False)
    layer: str = field(default=IMAGE, init=False)
    mask_weights: Tensor | None = field(default=None, init=False)
    term: ClassVar[str] = "tv"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum the squares along the axes, those along the diagonals, and count the latter: (3,)."""
        down, across = _steps(units.features, self.wraps)
        straight = sum_over_positions(down.square_().add_(across.square_()), units.weights)
        u, v = self._diagonals(units.features)
        slanted = sum_over_positions(u.square_().add_(v.square_()), self._of_diagonals(units.weights))
        return Statistic(torch.stack((straight.total, slanted.total, slanted.weight_sum)), straight.weight_sum)

    def value(self, statistic: Statistic) -> Tensor:
        """Weigh both means."""
        straight, slanted, count = statistic.total
        return 2 * self.weight * (straight / statistic.weight_sum / 3 + slanted / count / 12)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative by the three sums, (3,)."""
        _, slanted, count = statistic.total
        parts = (1 / (3 * statistic.weight_sum), 1 / (12 * count), -slanted / (12 * count.square()))
        return 2 * self.weight * torch.stack(parts)

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds the derivative by each difference to the further of its two pixels, less at the nearer."""
        return partial(self._add, slope, units.weights)

    def _add(self, slope: Tensor, weights: Tensor | None, features: Tensor, into: Tensor) -> None:
        for axis, step in zip((1, 2), _steps(features, self.wraps), strict=True):
            pull = weighted(step.mul_(2 * slope[0]), weights)
            into.sub_(pull).add_(pull.roll(1, axis))
        weights = self._of_diagonals(weights)
        u, v = (weighted(step.mul_(2 * slope[1]), weights) for step in self._diagonals(features))
        padded = u.new_zeros(len(u), u.shape[1] + 1, u.shape[2] + 1)
        padded[:, 1:, 1:] += u
        padded[:, :-1, :-1] -= u
        padded[:, 1:, :-1] += v
        padded[:, :-1, 1:] -= v
        for axis, wrap in zip((1, 2), self.wraps, strict=True):
            length = padded.shape[axis]
            first, last = padded.select(axis, 0), padded.select(axis, -1)
            if wrap:  # the last one stands before the first
                last += first
                padded = padded.narrow(axis, 1, length - 1)
            else:
                padded.select(axis, 1).add_(first)
                padded.select(axis, -2).add_(last)
                padded = padded.narrow(axis, 1, length - 2)
        into += padded

    def _diagonals(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the differences along both diagonals, each (C, H + 1, W + 1), without the 1 where edges meet."""
        padded = features[None]
        for axis, wrap in zip((2, 3), self.wraps, strict=True):
            edges = [padded.narrow(axis, -1 if wrap else 0, 1), padded, padded.narrow(axis, -1, 1)]
            padded = torch.cat(edges[: 2 if wrap else 3], axis)
        padded = padded[0]
        return padded[:, 1:, 1:] - padded[:, :-1, :-1], padded[:, 1:, :-1] - padded[:, :-1, 1:]

    def _of_diagonals(self, weights: Tensor | None) -> Tensor | None:
        """Return the weight of each pair of diagonals: that of the pixel that owns it."""
        if weights is not None:
            for axis, wrap in enumerate(self.wraps):
                weights = weights if wrap else torch.cat((weights, weights.narrow(axis, -1, 1)), axis)
        return weights


def _steps(features: Tensor, wraps: tuple[bool, bool]) -> list[Tensor]:
    """Return the differences from each pixel to the next, down and across; beyond the border there is none."""
    steps = [features.roll(-1, axis).sub_(features) for axis in (1, 2)]
    for axis, step, wrap in zip((1, 2), steps, wraps, strict=True):
        if not wrap:
            step.select(axis, -1).zero_()
    return steps
