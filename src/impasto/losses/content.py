"""The content loss."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from impasto.losses.protocol import Mean, Statistic, summable, total_of, weighed

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

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:
        """Sum (F - P)² over the units."""
        return total_of(self._distance(features, content).square(), pixels)

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,
    ) -> None:
        """Add 2 S (F - P); Gatys et al. 2016, eq. 2."""
        into.add_(weighed(self._distance(features, content) * (2 * slope), pixels))

    @staticmethod
    def _distance(features: Tensor, content: Tensor | None) -> Tensor:
        if content is None:
            raise ValueError("the content loss needs the content image's features")
        return summable(features).sub(content)
