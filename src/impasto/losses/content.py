"""The content loss."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from impasto.losses.protocol import Mean, Statistic, Units, summable, total_of, weighed

__all__ = ["Content"]


@dataclass(frozen=True)
class Content(Mean):
    """The content loss, weight · mean((F - P)²).

    Gatys et al. 2016, eq. 1, with the mean in place of half the sum, as in the author's notebook.
    """

    layer: str
    weight: float = 1.0
    term: ClassVar[str] = "content"
    additive: ClassVar[bool] = True

    def measure(self, units: Units) -> Statistic:
        """Sum (F - P)² over the units."""
        return total_of(_distance(units).square(), units.weights)

    def pullback(self, slope: Tensor, units: Units, into: Tensor) -> None:
        """Add 2 S (F - P); Gatys et al. 2016, eq. 2."""
        into.add_(weighed(_distance(units) * (2 * slope), units.weights))


def _distance(units: Units) -> Tensor:
    if units.content is None:
        raise ValueError("the content loss needs the content image's features")
    return summable(units.features).sub(units.content)
