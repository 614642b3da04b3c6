"""The range loss: how far the pixels leave the gray levels that a file can hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from impasto.kernels.cotangents import Cotangent
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.layers import IMAGE
from impasto.losses.base import MeanSquareLoss, Sources, Statistic, Units, sum_of_weights
from impasto.settings import Settings

__all__ = ["RangeLoss"]


@dataclass(frozen=True)
class RangeLoss(MeanSquareLoss):
    """The range loss, weight · mean(max(0, x - 255)² + max(0, -x)²), over gray levels x.

    Without it 1 to 2 % of the values leave the range that a file can hold, and clipping them when the picture is saved
    undoes most of the work: the loss of the saved file is then several times the run's own.
    """

    weight: float = 1.0
    layer = IMAGE
    term = "range"

    @classmethod
    def build(cls, settings: Settings, sources: Sources) -> Sequence["RangeLoss"]:
        """Return the loss, with `range_weight` times the value that the losses built so far have without features.

        There is none, if `range_weight` is 0.
        """
        weight = settings.range_weight
        return [cls(weight * sources.value_without_features())] if weight > 0 else []

    def residual(self, units: Units) -> Tensor:
        """Return how far each gray level is out of range."""
        return units.features - units.features.clamp(0, 255)

    def measure(self, units: Units) -> Statistic:
        """Sum the squares of how far each gray level is out of range."""
        if units.weights is not None or not dispatch.is_fused(units.features):
            return super().measure(units)
        return Statistic(statistic_operators.excess(units.features).sum(), sum_of_weights(units.features, None))

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds 2 S times how far each gray level is out of range, for a slope S, a scalar."""
        if units.weights is not None or not dispatch.is_fused(units.features):
            return super().cotangent(slope, units)
        return lambda features, gradient: statistic_operators.add_excess(features, 2 * slope, gradient)
