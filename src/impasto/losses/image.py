"""The range of gray levels that a file can hold, as a loss of the pixels themselves."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from impasto.layers import IMAGE
from impasto.losses.protocol import Mean, Statistic, Units, total_of, weighed

__all__ = ["Range"]


@dataclass(frozen=True)
class Range(Mean):
    """Keep gray levels in 0 … 255: weight · mean(max(0, x - 255)² + max(0, -x)²).

    Without it 1 to 2 % of the values leave the range that a file can hold, and clipping them when the picture is saved
    undoes most of the work: the loss of the saved file is then several times the run's own.
    """

    weight: float = 1.0
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "range"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum the squared excess."""
        return total_of(_excess(units).square(), units.weights)

    def pullback(self, slope: Tensor, units: Units, into: Tensor) -> None:
        """Add the excess, times 2 S."""
        into.add_(weighed(_excess(units) * (2 * slope), units.weights))


def _excess(units: Units) -> Tensor:
    return units.features - units.features.clamp(0, 255)
