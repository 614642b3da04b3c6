"""The losses, each in two verbs: sums over pixels that add up over any parts of an image, and what is made of them.

    measure(features, pixels, content) -> Statistic     additive over disjoint regions
    compare(statistic) -> scalar                        sees only the normalized statistic

and the derivatives of both, by hand:

    slope(statistic) -> S                               of the scalar by the statistic's sum
    pullback(S, features, into, pixels, content)        of ⟨S, sum⟩ by the features, added to `into`

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

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of `compare` by the statistic's sum, of the sum's shape."""
        ...

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,
    ) -> None:
        """Add the derivative of ⟨slope, measured sum⟩ by the features to `into`, of their shape, in place."""
        ...


class _Mean:
    """A loss that is `weight` times a mean."""

    weight: float

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean."""
        return self.weight * statistic.mean

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / mass."""
        return self.weight / statistic.mass


@dataclass(frozen=True)
class Content(_Mean):
    """The content loss, weight · mean((F - P)²).

    Gatys et al. 2016, eq. 1, with the mean in place of half the sum, as in the author's notebook.
    """

    layer: str
    weight: float = 1.0
    term: ClassVar[str] = "content"

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:
        """Sum (F - P)² over the units."""
        return _sum(self._distance(features, content).square(), pixels)

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,
    ) -> None:
        """Add 2 S (F - P); Gatys et al. 2016, eq. 2."""
        into.add_(_weighed(self._distance(features, content) * (2 * slope), pixels))

    @staticmethod
    def _distance(features: Tensor, content: Tensor | None) -> Tensor:
        if content is None:
            raise ValueError("the content loss needs the content image's features")
        return _summable(features).sub(content)


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
        """Sum F Fᵀ over positions, each weighted by its pixel; with guides T of Gatys et al. 2017, `pixels` is T²."""
        total = _summable(features.new_zeros(len(features), len(features)))  # (C, C)
        rows = _rows(features)  # (H·W, C)
        for start in range(0, len(rows), _CHUNK):
            some = slice(start, start + _CHUNK)
            exact = _summable(rows[some])
            total.addmm_(exact.T, exact if pixels is None else exact * pixels.flatten()[some, None])
        return Statistic(total, _mass(features[0], pixels))

    def measure(self, features: Tensor, pixels: Tensor | None = None, content: Tensor | None = None) -> Statistic:  # noqa: ARG002
        """Sum F Fᵀ over the positions."""
        return self.gram(features, pixels)

    def compare(self, statistic: Statistic) -> Tensor:
        """Compare the Gram matrix with the target's."""
        return self.weight / len(self.target) ** 2 * (statistic.mean - self.target).square().mean()

    def slope(self, statistic: Statistic) -> Tensor:
        """Return 2 weight / (C⁴ · H·W) · (G - A)."""
        return (statistic.mean - self.target) * (2 * self.weight / len(self.target) ** 4 / statistic.mass)

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add 2 S F; Gatys et al. 2016, eq. 6."""
        rows, rows_into, twice = _rows(features), _rows(into), (2 * slope).to(features.dtype)
        if pixels is None:
            rows_into.addmm_(rows, twice)
            return
        weights = pixels.flatten().to(features.dtype)[:, None]
        for start in range(0, len(rows), _CHUNK):
            some = slice(start, start + _CHUNK)
            rows_into[some].addmm_(rows[some] * weights[some], twice)


@dataclass(frozen=True)
class TotalVariation(_Mean):
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
        squares[:, :-1] += features.diff(dim=1).square()
        return _sum(squares, pixels)

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add each difference to the further of its two pixels and take it from the nearer, times 2 S."""
        for dim in (1, 2):
            count = features.shape[dim] - 1
            nearer = None if pixels is None else pixels.narrow(dim - 1, 0, count)
            pull = _weighed(features.diff(dim=dim) * (2 * slope), nearer)
            into.narrow(dim, 1, count).add_(pull)
            into.narrow(dim, 0, count).sub_(pull)


@dataclass(frozen=True)
class Range(_Mean):
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

    def pullback(
        self,
        slope: Tensor,
        features: Tensor,
        into: Tensor,
        pixels: Tensor | None = None,
        content: Tensor | None = None,  # noqa: ARG002
    ) -> None:
        """Add the excess, times 2 S."""
        into.add_(_weighed((features - features.clamp(0, 255)) * (2 * slope), pixels))


_CHUNK = 1 << 14
"""Positions whose features are brought to float32 at a time: they stay in the processor's cache."""


def _rows(features: Tensor) -> Tensor:
    """View (C, H, W), in any layout that merges H and W, as one row a position, (H·W, C)."""
    return features.view(len(features), -1).T


def _summable(features: Tensor) -> Tensor:
    """Return features in a precision to sum in: float32, or float64 if they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def _weighed(values: Tensor, pixels: Tensor | None) -> Tensor:
    return values if pixels is None else values * pixels.to(values.dtype)


def _mass(units: Tensor, pixels: Tensor | None) -> Tensor:
    """Sum the weights of one channel's units."""
    return _summable(units.new_zeros(())) + units.numel() if pixels is None else pixels.sum()


def _sum(values: Tensor, pixels: Tensor | None) -> Statistic:
    """Sum values (C, H, W) over units and channels, with a mass that makes the normalized statistic a mean."""
    total = values.sum() if pixels is None else (values.sum(0) * pixels).sum()
    return Statistic(total, _mass(values[0], pixels) * len(values))
