"""The range of gray levels that a file can hold, as a loss of the pixels themselves."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from impasto.layers import IMAGE
from impasto.losses.protocol import MeanSquare, Units

__all__ = ["Range"]


@dataclass(frozen=True)
class Range(MeanSquare):
    """Keep gray levels in 0 … 255: weight · mean(max(0, x - 255)² + max(0, -x)²).

    Without it 1 to 2 % of the values leave the range that a file can hold, and clipping them when the picture is saved
    undoes most of the work: the loss of the saved file is then several times the run's own.
    """

    weight: float = 1.0
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "range"
    additive: ClassVar[bool] = True

    def root(self, units: Units) -> Tensor:
        """Return how far each gray level is out of range."""
        return units.features - units.features.clamp(0, 255)
