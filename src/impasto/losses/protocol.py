"""What every loss offers, and what losses are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor

__all__ = ["Loss", "Mean", "Statistic", "Units", "mass", "summable", "total_of", "weighed"]


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

    def over(self, add_up: Callable[[Tensor], Tensor]) -> Self:
        """Return the statistic with both sums added up over processes."""
        return type(self)(add_up(self.total), add_up(self.mass))


class Units(NamedTuple):
    """The units of a layer in a part of an image."""

    features: Tensor
    """(C, H, W)."""
    weights: Tensor | None = None
    """By which each position counts, (H, W); None: 1."""
    content: Tensor | None = None
    """The content image's features at the same places, (C, H, W), where a loss needs them."""


class Loss(Protocol):
    """A term of the objective at one layer."""

    term: ClassVar[str]
    """The name under which its value is reported."""
    additive: ClassVar[bool]
    """Whether what it measures of the parts of an image adds up to that of the whole."""

    @property
    def layer(self) -> str:
        """The layer whose features it measures; `image` for the pixels, in gray levels."""
        ...

    @property
    def guide(self) -> Tensor | None:
        """The weight of each unit of the whole image, (H, W), for a loss of a region; None: 1."""
        ...

    def measure(self, units: Units) -> Statistic:
        """Sum up what the loss needs of a region."""
        ...

    def compare(self, statistic: Statistic) -> Tensor:
        """Return the weighted loss, a scalar."""
        ...

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of `compare` by the statistic's sum, of the sum's shape."""
        ...

    def pullback(self, slope: Tensor, units: Units, into: Tensor) -> None:
        """Add the derivative of ⟨slope, measured sum⟩ by the features to `into`, of their shape, in place."""
        ...


class Mean:
    """A loss that is `weight` times a mean, everywhere."""

    weight: float

    @property
    def guide(self) -> Tensor | None:
        """Return no guide."""
        return None

    def compare(self, statistic: Statistic) -> Tensor:
        """Weigh the mean."""
        return self.weight * statistic.mean

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / mass."""
        return self.weight / statistic.mass


def summable(features: Tensor) -> Tensor:
    """Return features in a precision to sum in: float32, or float64 if they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def weighed(values: Tensor, weights: Tensor | None) -> Tensor:
    """Return values (C, H, W) times the weights of their positions."""
    return values if weights is None else values * weights.to(values.dtype)


def mass(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sum the weights of one channel's values, (H, W)."""
    return summable(values.new_zeros(())) + values.numel() if weights is None else weights.sum()


def total_of(values: Tensor, weights: Tensor | None) -> Statistic:
    """Sum values (C, H, W) over positions and channels, with a mass that makes the normalized statistic a mean."""
    total = values.sum() if weights is None else (values.sum(0) * weights).sum()
    return Statistic(total, mass(values[0], weights) * len(values))
