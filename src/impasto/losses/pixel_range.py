"""The range of gray levels that a file can hold, as a loss of the pixels themselves."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from impasto.kernels.cotangents import Cotangent
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.layers import IMAGE
from impasto.losses.base import MeanSquareLoss, Statistic, Units, sum_of_weights

__all__ = ["RangeLoss"]


@dataclass(frozen=True)
class RangeLoss(MeanSquareLoss):
    """Keep gray levels in 0 … 255: weight · mean(max(0, x - 255)² + max(0, -x)²).

    Without it 1 to 2 % of the values leave the range that a file can hold, and clipping them when the picture is saved
    undoes most of the work: the loss of the saved file is then several times the run's own.
    """

    weight: float = 1.0
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "range"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum the squares."""
        if units.weights is not None or not dispatch.is_fused(units.features):
            return super().measure(units)
        return Statistic(statistic_operators.excess(units.features).sum(), sum_of_weights(units.features, None))

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds 2 S times how far each gray level is out of range."""
        if units.weights is not None or not dispatch.is_fused(units.features):
            return super().cotangent(slope, units)
        return lambda features, into: statistic_operators.add_excess(features, 2 * slope, into)

    def residual(self, units: Units) -> Tensor:
        """Return how far each gray level is out of range."""
        return units.features - units.features.clamp(0, 255)
