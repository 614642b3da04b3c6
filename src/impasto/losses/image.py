"""Losses of the pixels themselves, in gray levels: total variation and the range that a file can hold."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from impasto.losses.protocol import IMAGE, Mean, Statistic, total_of, weighed

__all__ = ["Range", "TotalVariation"]


@dataclass(frozen=True)
class TotalVariation(Mean):
    """Total variation, weight · mean(dx² + dy²) in gray levels, over forward differences.

    A tile that owns a pixel needs its right and lower neighbors: they lie in the tile with weight 0.
    """

    weight: float = 1.0
    wraps: tuple[bool, bool] = (False, False)
    """Whether the first row is the neighbor of the last, and the first column of the last."""
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "tv"
    additive: ClassVar[bool] = True

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum dx² + dy²."""
        return total_of(sum(step.square_() for step in self._steps(features)), pixels)  # pyright: ignore[reportArgumentType]

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add each difference to the further of its two pixels and take it from the nearer, times 2 S."""
        for axis, step in zip((1, 2), self._steps(features), strict=True):
            pull = weighed(step.mul_(2 * slope), pixels)
            into.sub_(pull).add_(pull.roll(1, axis))

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
