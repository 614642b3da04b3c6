"""Losses of the pixels themselves, in gray levels: total variation and the range that a file can hold."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from torch import Tensor

from impasto.losses.protocol import IMAGE, Mean, Statistic, total_of, weighed

__all__ = ["Range", "TotalVariation", "Variation"]


Variation = Literal["mean-squares", "half-squares", "absolute"]
"""What is made of the differences dx and dy of neighboring pixels: mean(dx² + dy²), ½ Σ (dx² + dy²), Σ (|dx| + |dy|).

The second is that of jcjohnson/neural-style, the third that of neural-style-pt; as sums they grow with the picture."""


@dataclass(frozen=True)
class TotalVariation(Mean):
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

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum what is made of the differences."""
        down, across = (self._made_of(step) for step in self._steps(features))
        return total_of(down.add_(across), pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean or the sum."""
        return self.weight * (statistic.mean if self.variation == "mean-squares" else statistic.total)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / mass, or the weight of a sum."""
        of_sum = statistic.mass.new_full((), self.weight)
        return of_sum / statistic.mass if self.variation == "mean-squares" else of_sum

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add the derivative by each difference to the further of its two pixels and take it from the nearer."""
        for axis, step in zip((1, 2), self._steps(features), strict=True):
            pull = weighed(self._derivative(step).mul_(slope), pixels)
            into.sub_(pull).add_(pull.roll(1, axis))

    def _made_of(self, step: Tensor) -> Tensor:
        if self.variation == "absolute":
            return step.abs_()
        return step.square_() if self.variation == "mean-squares" else step.square_().mul_(0.5)

    def _derivative(self, step: Tensor) -> Tensor:
        if self.variation == "absolute":
            return step.sign_()
        return step.mul_(2) if self.variation == "mean-squares" else step

    def _steps(self, features: Tensor) -> list[Tensor]:
        """Return the differences from each pixel to the next, down and across; beyond the border there is none."""
        steps = [features.roll(-1, axis).sub_(features) for axis in (1, 2)]
        for axis, step, wrap in zip((1, 2), steps, self.wraps, strict=True):
            if not wrap:
                step.select(axis, -1).zero_()
        return steps


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

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum the squared excess."""
        return total_of((features - features.clamp(0, 255)).square(), pixels)

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add the excess, times 2 S."""
        into.add_(weighed((features - features.clamp(0, 255)) * (2 * slope), pixels))
