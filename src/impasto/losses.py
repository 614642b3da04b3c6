"""The losses, each in two verbs: sums over pixels that add up over any parts of an image, and what is made of them.

    measure(features, pixels, content) -> Statistic     additive over disjoint regions
    compare(statistic) -> scalar                        sees only the normalized statistic

`features` are those of the loss's own layer, (C, H, W); at the layer `image` they are the image itself in gray levels
0 … 255. `pixels` is a weight for each unit, (H, W), or None for 1 everywhere: a mask, or which units a tile owns. So a
blend, a mask and a tile are one mechanism. Losses know nothing of networks, tiles or images in files.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

import torch
from torch import Tensor

__all__ = ["IMAGE", "Content", "Gram", "Loss", "Range", "Statistic", "TotalVariation"]

IMAGE = "image"
"""The layer of losses that look at the pixels themselves."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """Sums over the units of a region; those of two disjoint regions add up to that of both."""

    total: Tensor
    """The sum, of any shape."""
    mass: Tensor
    """What normalizes it: the summed weight of all that was added up, a scalar."""

    def __add__(self, other: Self) -> Self:
        return type(self)(self.total + other.total, self.mass + other.mass)

    @property
    def mean(self) -> Tensor:
        """The normalized statistic."""
        return self.total / self.mass


class Loss(Protocol):
    """A term of the objective at one layer."""

    term: ClassVar[str]
    """The name under which its value is reported."""

    @property
    def layer(self) -> str:
        """The layer whose features it measures."""
        ...

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:
        """Sum up what the loss needs of a region; `content` is the content image's features at the same place."""
        ...

    def compare(self, statistic: Statistic) -> Tensor:
        """Return the weighted loss, a scalar."""
        ...


@dataclass(frozen=True)
class Content:
    """The content loss, weight · mean((F - P)²).

    Gatys et al. 2016, eq. 1, with the mean in place of half the sum, as in the author's notebook.
    """

    layer: str
    weight: float = 1.0
    term: ClassVar[str] = "content"

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:
        """Sum (F - P)² over the units."""
        if content is None:
            raise ValueError("the content loss needs the content image's features")
        return _sum(_summable(features).sub(content).square(), pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean square."""
        return self.weight * statistic.mean


@dataclass(frozen=True, eq=False)
class Gram:
    """The style loss of one layer, weight / C² · mean((G - A)²), where G = F Fᵀ / (H·W).

    Gatys et al. 2016, eq. 3 and 4, with G divided by the number of positions, as in the author's notebook.
    """

    layer: str
    target: Tensor = field(repr=False)
    """A, the normalized statistic of the style, (C, C)."""
    weight: float = 1.0
    term: ClassVar[str] = "style"

    @staticmethod
    def gram(features: Tensor, pixels: Tensor | None = None) -> Statistic:
        """Sum F Fᵀ over positions, each weighted by its pixel; with guides T of Gatys et al. 2017, `pixels` is T².

        Its derivative assumes what holds for any function of a symmetric matrix, a symmetric cotangent S: it is 2 S F,
        one matrix product where automatic differentiation would make two.
        """
        flat = _summable(features).flatten(1)  # (C, H·W)
        weighed = flat.detach() if pixels is None else flat.detach() * pixels.flatten()
        gram = flat @ weighed.T  # (C, C)
        return Statistic(2 * gram - gram.detach(), _mass(flat[0], pixels))

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum F Fᵀ over the positions."""
        return self.gram(features, pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Compare the Gram matrix with the target's."""
        return self.weight / len(self.target) ** 2 * (statistic.mean - self.target).square().mean()


@dataclass(frozen=True)
class TotalVariation:
    """Total variation, weight · mean(dx² + dy²) in gray levels, over forward differences.

    A tile that owns a pixel needs its right and lower neighbors: they lie in the tile with weight 0.
    """

    weight: float = 1.0
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "tv"

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum dx² + dy²; beyond the right and lower border there is no difference."""
        squares = torch.zeros_like(features)
        squares[:, :, :-1] = features.diff(dim=2).square()
        squares[:, :-1] = squares[:, :-1] + features.diff(dim=1).square()
        return _sum(squares, pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean square."""
        return self.weight * statistic.mean


@dataclass(frozen=True)
class Range:
    """Keep gray levels in 0 … 255: weight · mean(max(0, x - 255)² + max(0, -x)²).

    Without it 1 to 2 % of the values leave the range that a file can hold, and clipping them when the picture is saved
    undoes most of the work: the loss of the saved file is then several times the run's own.
    """

    weight: float = 1.0
    layer: str = field(default=IMAGE, init=False)
    term: ClassVar[str] = "range"

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum the squared excess."""
        return _sum((features - features.clamp(0, 255)).square(), pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean square."""
        return self.weight * statistic.mean


def _summable(features: Tensor) -> Tensor:
    """Return features in a precision to sum in: float32, or float64 if they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def _mass(units: Tensor, pixels: Tensor | None) -> Tensor:
    """Sum the weights of one channel's units."""
    return units.new_tensor(float(units.numel())) if pixels is None else pixels.sum()


def _sum(values: Tensor, pixels: Tensor | None) -> Statistic:
    """Sum values (C, H, W) over units and channels, with a mass that makes the normalized statistic a mean."""
    total = values.sum() if pixels is None else (values.sum(0) * pixels).sum()
    return Statistic(total, _mass(values[0], pixels) * len(values))
