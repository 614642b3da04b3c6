"""The anchor of a picture: a term of the objective that holds the picture close to the image that it started from."""

from typing import NamedTuple

from torch import Tensor

from impasto.losses.base import apply_weights

__all__ = ["ANCHOR_TERM", "Anchor"]

ANCHOR_TERM = "distance from the start"
"""The name under which the value of an `Anchor` is reported."""

ANCHOR_SCALE = 2e-5
"""The weight of an `Anchor` of strength 0.5 in units of the loss of an image whose features are all 0, for each squared
gray level: it halves the way that a picture goes (docs/notes/optimizer.md)."""


class Anchor(NamedTuple):
    """The image that the picture started from, and how far the picture may move from there."""

    image: Tensor
    """(3, H, W), in [0, 1]."""
    strength: float
    """Above 0 and below 1: about the fraction of its way that the picture goes."""
    weights: Tensor | None = None
    """How much each pixel's distance counts, in [0, 1], (H, W); None: 1 everywhere."""
    weight: float = 0.0
    """The weight of the mean squared difference in gray levels; `Objective.build` finds it."""

    def with_weight(self, unit: float) -> "Anchor":
        """Return the anchor with its weight, where the loss of an image whose features are all 0 is `unit`.

        Args:
            unit: The loss of an image whose features are all 0.

        Returns:
            The anchor.

        """
        return self._replace(weight=ANCHOR_SCALE * unit * (1 / self.strength**2 - 1) / 3)

    def value(self, image: Tensor) -> Tensor:
        """Return weight · mean(w (x - a)²), a scalar, for gray levels x of an image and a of the anchor."""
        return self.weight * 255**2 * apply_weights((image - self.image).square(), self.weights).mean()

    def add_gradient(self, image: Tensor, gradient: Tensor) -> None:
        """Add the derivative of `value` by the image to a tensor.

        Args:
            image: RGB in [0, 1], (3, H, W).
            gradient: The gradient to which the derivative is added, (3, H, W).

        """
        difference = apply_weights(image - self.image, self.weights)
        gradient.add_(difference, alpha=2 * self.weight * 255**2 / image.numel())
