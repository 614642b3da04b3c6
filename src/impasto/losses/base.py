"""What every loss offers, and what losses are made of."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar, NamedTuple, Protocol, Self

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent

__all__ = [
    "Loss",
    "MeanLoss",
    "MeanSquareLoss",
    "Statistic",
    "Units",
    "in_sum_precision",
    "row_chunks",
    "sum_of_weights",
    "sum_over_positions",
    "weighted",
]

_CHUNK_UNITS = 1 << 20
"""Units that a mean square is worked out of at a time: beside the features hardly anything."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """Sums over the units of a region; those of two disjoint regions add up to that of both."""

    total: Tensor
    """The sum, of any shape."""
    weight_sum: Tensor
    """What normalizes it: the summed weight of all that was added up, a scalar."""

    def __add__(self, other: Self) -> Self:
        return type(self)(self.total + other.total, self.weight_sum + other.weight_sum)

    @property
    def mean(self) -> Tensor:
        """The normalized statistic."""
        return self.total / self.weight_sum

    def over(self, add_up: Callable[[Tensor], Tensor]) -> Self:
        """Return the statistic with both sums added up over processes."""
        return type(self)(add_up(self.total), add_up(self.weight_sum))


class Units(NamedTuple):
    """The units of a layer in a part of an image."""

    features: Tensor
    """(C, H, W)."""
    weights: Tensor | None = None
    """By which each position counts, (H, W); None: 1."""
    content: Tensor | None = None
    """The content image's features at the same places, (C, H, W), where a loss needs them."""

    def at(self, some: slice) -> "Units":
        """Return some of their rows."""
        weights = None if self.weights is None else self.weights[some]
        return Units(self.features[:, some], weights, None if self.content is None else self.content[:, some])


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
    def mask_weights(self) -> Tensor | None:
        """The weight of each unit of the whole image, (H, W), for a loss of a region; None: 1."""
        ...

    def measure(self, units: Units) -> Statistic:
        """Sum up what the loss needs of a region."""
        ...

    def value(self, statistic: Statistic) -> Tensor:
        """Return the weighted loss, a scalar."""
        ...

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of `value` by the statistic's sum, of the sum's shape."""
        ...

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds the derivative of ⟨slope, measured sum⟩ by the features to a tensor of their shape."""
        ...


class MeanLoss:
    """A loss that is `weight` times a mean, everywhere."""

    weight: float

    @property
    def mask_weights(self) -> Tensor | None:
        """Return no mask."""
        return None

    def value(self, statistic: Statistic) -> Tensor:
        """Weigh the mean."""
        return self.weight * statistic.mean

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / weight_sum."""
        return self.weight / statistic.weight_sum


class MeanSquareLoss(MeanLoss, ABC):
    """A loss that is `weight` times the mean of the square of something of each unit, a few rows at a time."""

    @abstractmethod
    def residual(self, units: Units) -> Tensor:
        """Return what is squared, a new tensor in a precision to sum in; its slope is 1 wherever it is not 0."""

    def measure(self, units: Units) -> Statistic:
        """Sum the squares."""
        parts = (units.at(some) for some in row_chunks(units.features, _chunk_units(units.features)))
        return reduce(add, (sum_over_positions(self.residual(part).square_(), part.weights) for part in parts))

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return what adds 2 S times what is squared."""

        def add(features: Tensor, into: Tensor) -> None:
            for some in row_chunks(features, _chunk_units(features)):
                part = units.at(some)
                into[:, some].add_(weighted(self.residual(part).mul_(2 * slope), part.weights))

        return add


def _chunk_units(features: Tensor) -> int:
    """Return how many units are worked on at a time: on a GPU, more, so that it has work enough."""
    return _CHUNK_UNITS if features.device.type == "cpu" else 64 * _CHUNK_UNITS


def row_chunks(features: Tensor, units: int) -> Iterator[slice]:
    """Divide the rows of features, (C, H, W), into parts of about so many units."""
    channels, height, width = features.shape
    step = max(1, units // (channels * width))
    return (slice(start, start + step) for start in range(0, height, step))


def in_sum_precision(features: Tensor) -> Tensor:
    """Return features in a precision to sum in: float32, or float64 if they are."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def weighted(values: Tensor, weights: Tensor | None) -> Tensor:
    """Return values (C, H, W) times the weights of their positions."""
    return values if weights is None else values * weights.to(values.dtype)


def sum_of_weights(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sum the weights of values, of one channel (H, W) or, without weights, of any shape."""
    if weights is not None:
        return weights.sum()
    return values.new_full((), values.numel(), dtype=torch.promote_types(values.dtype, torch.float32))


def sum_over_positions(values: Tensor, weights: Tensor | None) -> Statistic:
    """Sum values (C, H, W) over positions and channels, normalized so that the result is a mean."""
    if weights is None:
        return Statistic(values.sum(), sum_of_weights(values, None))
    return Statistic((values.sum(0) * weights).sum(), sum_of_weights(values[0], weights) * len(values))
