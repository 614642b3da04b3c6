"""Losses as a user writes them: by `measure` and `compare` alone, and one with its derivatives by hand."""

from dataclasses import dataclass

import torch

from impasto import AutogradLoss, Statistic, Units
from impasto.layers import IMAGE
from impasto.losses.total_variation import TotalVariationLoss


@dataclass(frozen=True)
class MeanHistogram(AutogradLoss):
    """How far the histogram of the channels' means is from the style's."""

    layer: str = "conv3_1"
    weight: float = 1e5
    term = "mean histogram"
    target_image = "style"

    def measure(self, units: Units) -> Statistic:
        return units.sum(units.features)  # (C,)

    def compare(self, statistic, target):
        centers = target.max() * torch.linspace(0, 1, 16, dtype=target.dtype, device=target.device)

        def histogram(means):
            return torch.exp(-(((means[:, None] - centers) / centers[1]) ** 2)).mean(0)

        return (histogram(statistic.mean) - histogram(target)).square().sum()


@dataclass(frozen=True)
class Absolute(AutogradLoss):
    """The mean absolute difference from the content image's features."""

    layer: str = "conv2_2"
    weight: float = 3.0
    term = "absolute difference"
    needs_content = True

    def measure(self, units):
        return units.sum((units.features - units.content).abs())

    def compare(self, statistic, target):
        return statistic.mean.mean()


@dataclass(frozen=True)
class Brightness(AutogradLoss):
    """How far the mean color of the picture is from the content's."""

    layer: str = IMAGE
    weight: float = 2.0
    term = "brightness"
    target_image = "content"

    def measure(self, units):
        return units.sum(units.features)

    def compare(self, statistic, target):
        return (statistic.mean - target).square().sum()


class Largest(Brightness):
    """The largest gray level, which is no sum."""

    term = "largest"
    target_image = "none"
    additive = False

    def measure(self, units):
        return Statistic(units.features.amax((1, 2)), units.features.new_ones(()))

    def compare(self, statistic, target):
        return statistic.total.square().sum()


class Smoothness(TotalVariationLoss):
    """Total variation under another name: a loss with its derivatives by hand."""

    term = "smoothness"


SOFT = MeanHistogram(weight=7.0)
