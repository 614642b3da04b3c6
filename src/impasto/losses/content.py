"""The content loss."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from impasto.kernels.cotangents import Cotangent, Difference
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.losses.base import MeanSquareLoss, Statistic, Units, in_sum_precision, sum_of_weights

__all__ = ["ContentLoss"]


@dataclass(frozen=True)
class ContentLoss(MeanSquareLoss):
    """The content loss, weight · mean((F - P)²).

    Gatys et al. 2016, eq. 1 and 2, with the mean in place of half the sum, as in the author's notebook.
    """

    layer: str
    weight: float = 1.0
    term: ClassVar[str] = "content"
    additive: ClassVar[bool] = True

    def residual(self, units: Units) -> Tensor:
        """Return F - P."""
        if units.content is None:
            raise ValueError("the content loss needs the content image's features")
        return in_sum_precision(units.features).sub(units.content)

    def measure(self, units: Units) -> Statistic:
        """Sum the squares."""
        if units.weights is not None or units.content is None or not dispatch.is_fused(units.features):
            return super().measure(units)
        parts = statistic_operators.square_distance(units.features, units.content)
        return Statistic(parts.sum(), sum_of_weights(units.features, None))

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds 2 S (F - P) (Gatys et al. 2016, eq. 2)."""
        if units.weights is not None or units.content is None:
            return super().cotangent(slope, units)
        return Difference(2 * slope, units.content)
