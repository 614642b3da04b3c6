"""The interface of a loss, the sums that it measures, and the units of a layer that it measures them on.

It knows nothing of the network, of tiles or of the picture.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from typing import NamedTuple, Protocol, Self

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent

__all__ = [
    "Loss",
    "MeanSquareLoss",
    "Measure",
    "RegionTarget",
    "Sources",
    "Statistic",
    "Units",
    "apply_weights",
    "row_chunks",
    "sum_of_weights",
    "sum_over_positions",
    "to_sum_precision",
]

_CHUNK_UNITS = 1 << 20
"""Units of which a mean square is computed at a time: 4 MB in float32, little compared with the features of a layer."""

_GPU_CHUNK_UNITS = 64 * _CHUNK_UNITS
"""Units of which a GPU computes a mean square at a time: fewer do not occupy it."""


@dataclass(frozen=True, eq=False)
class Statistic:
    """Sums over the units of a region; the statistics of two disjoint regions add up to that of both."""

    total: Tensor
    """The sum, of any shape."""
    weight_sum: Tensor
    """The sum of the weights of all units in the total, a scalar; the total is divided by it."""

    def __add__(self, other: Self) -> Self:
        return type(self)(self.total + other.total, self.weight_sum + other.weight_sum)

    @property
    def mean(self) -> Tensor:
        """The normalized statistic, total / weight_sum."""
        return self.total / self.weight_sum

    def over(self, add_up: Callable[[Tensor], Tensor]) -> Self:
        """Return the statistic with both sums added up over processes."""
        return type(self)(add_up(self.total), add_up(self.weight_sum))


class Units(NamedTuple):
    """The units of a layer in a part of an image."""

    features: Tensor
    """The features after the ReLU, (C, H, W); at the layer `image` the pixels in gray levels 0 … 255, (3, H, W)."""
    weights: Tensor | None = None
    """How much each position counts, (H, W), at least 0; None: 1 everywhere."""
    content: Tensor | None = None
    """The content image's features at the same positions, (C, H, W), if the loss says that it `needs_content`."""

    def rows(self, chunk: slice) -> "Units":
        """Return the units of a slice of the rows."""
        weights = None if self.weights is None else self.weights[chunk]
        return Units(self.features[:, chunk], weights, None if self.content is None else self.content[:, chunk])

    def sum(self, values: Tensor) -> Statistic:
        """Sum values of each position, (..., H, W), times its weight; the statistic's mean is their mean, (...).

        Args:
            values: A value or several for each position, (..., H, W).

        Returns:
            The sums, (...), and the sum of the weights, a scalar.

        """
        exact = to_sum_precision(values)
        if self.weights is None:
            return Statistic(exact.sum((-2, -1)), sum_of_weights(self.features[0], None))
        weights = self.weights.to(exact.dtype)
        return Statistic((exact * weights).sum((-2, -1)), weights.sum())


Measure = Callable[[Units], Statistic]
"""A function that returns sums over units."""


class RegionTarget(NamedTuple):
    """The target of a loss in one region of the picture."""

    mean: Tensor
    """The weighted mean of the normalized statistics of the region's styles, of the shape of a statistic's total."""
    mask_weights: Tensor | None
    """How much each unit of the picture counts in this region, (H, W) at the loss's layer; None: 1 everywhere."""


class Sources(Protocol):
    """The images of a stage, which losses measure when they are built."""

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the first row is a neighbor of the last one, and the first column of the last one."""
        ...

    def content_target(self, layer: str, measure: Measure) -> Tensor:
        """Return the normalized statistic of the content image.

        Args:
            layer: A layer of the network, or `image`.
            measure: The function that sums up units.

        Returns:
            A tensor of the shape of the statistic's total.

        """
        ...

    def style_targets(self, layers: Collection[str], measure: Measure) -> Sequence[Mapping[str, RegionTarget]]:
        """Return the targets of each region.

        Args:
            layers: Layers of the network, or `image`.
            measure: The function that sums up units.

        Returns:
            The target of each region by layer, without the layers that see too little of it.

        """
        ...

    def focus_weights(self, layer: str) -> Tensor | None:
        """Return how much the content image counts at each unit of a layer.

        Args:
            layer: A layer of the network.

        Returns:
            Weights above 0, (H, W); None: 1 everywhere.

        """
        ...

    def value_without_features(self) -> float:
        """Return the value of all losses built so far for an image whose features are all 0."""
        ...


class Loss(ABC):
    """A term of the objective, or a part of one, at one layer.

    The value of an image is `value(statistic)`; the statistic is the sum of the results of `measure` for the parts
    of the image. `slope` and `cotangent` are the derivatives of both by hand; `AutogradLoss` needs neither.
    """

    term: str
    """The name under which the value is reported; losses of the same term are added up."""
    layer: str
    """The layer whose features the loss measures, such as `conv4_1`; `image` for the pixels in gray levels."""
    additive: bool = True
    """Whether the statistics of the parts of an image add up to that of the whole image."""
    needs_content: bool = False
    """Whether `measure` needs the content image's features at the loss's layer."""
    mask_weights: Tensor | None = None
    """How much each unit of the whole image counts, (H, W) at the loss's layer; None: 1 everywhere."""

    @abstractmethod
    def measure(self, units: Units) -> Statistic:
        """Return the sums over a part of an image that the loss depends on, in float32 at least.

        Args:
            units: The units of a part of an image.

        Returns:
            The sums; those of several parts are added up.

        """

    @abstractmethod
    def value(self, statistic: Statistic) -> Tensor:
        """Return the loss times its weight, a scalar.

        Args:
            statistic: The statistic of the whole image.

        Returns:
            A scalar.

        """

    @abstractmethod
    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of `value` by the statistic's total, of the total's shape.

        Args:
            statistic: The statistic of the whole image.

        Returns:
            A tensor of the total's shape.

        """

    @abstractmethod
    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the derivative of ⟨slope, total⟩ by the features, as a function that adds it to a tensor.

        Args:
            slope: The slope that `slope` returned.
            units: The units that were measured.

        Returns:
            A function that is called with the features, (C, H, W), and a tensor of their shape.

        """

    def value_and_slope(self, statistic: Statistic, dtype: torch.dtype) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Return `value`, perhaps in parts that add up to it, (parts,), and `slope`.

        Args:
            statistic: The statistic of the whole image.
            dtype: The dtype of the features; a kernel may return the slope in it.

        Returns:
            The value and the slope.

        """
        return self.value(statistic), self.slope(statistic)

    def without_features(self, content: Tensor | None, weights: Tensor | None) -> Statistic | None:  # noqa: ARG002
        """Return the statistic of units whose features are all 0, or None where the range loss is not weighed by it.

        Args:
            content: The content image's features at the same positions, (C, H, W), if the loss needs them.
            weights: The loss's `mask_weights` at the same positions, (H, W); None: 1 everywhere.

        Returns:
            The statistic, or None.

        """
        return None

    def prepare(self, sources: Sources) -> "Sequence[Loss]":  # noqa: ARG002
        """Return the losses that stand for this one in a stage, when it is added to the objective from outside.

        Args:
            sources: The content and the styles of the stage, to measure targets on.

        Returns:
            The loss itself, or losses that know their targets.

        """
        return [self]


class MeanSquareLoss(Loss, ABC):
    """A loss that is `weight` times the mean square of a residual of each unit, computed in chunks of rows."""

    weight: float

    @abstractmethod
    def residual(self, units: Units) -> Tensor:
        """Return the residual, a new tensor in the precision of sums; its derivative is 1 wherever it is not 0."""

    def measure(self, units: Units) -> Statistic:
        """Sum the squares."""
        chunks = (units.rows(chunk) for chunk in row_chunks(units.features, _chunk_units(units.features)))
        return reduce(add, (sum_over_positions(self.residual(rows).square_(), rows.weights) for rows in chunks))

    def value(self, statistic: Statistic) -> Tensor:
        """Return weight · mean."""
        return self.weight * statistic.mean

    def slope(self, statistic: Statistic) -> Tensor:
        """Return weight / weight_sum."""
        return self.weight / statistic.weight_sum

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds 2 S times the residual, for a slope S, a scalar."""
        return partial(self._add_gradient, slope, units)

    def _add_gradient(self, slope: Tensor, units: Units, features: Tensor, gradient: Tensor) -> None:
        """Add the derivative to a gradient."""
        for chunk in row_chunks(features, _chunk_units(features)):
            rows = units.rows(chunk)
            gradient[:, chunk].add_(apply_weights(self.residual(rows).mul_(2 * slope), rows.weights))


def _chunk_units(features: Tensor) -> int:
    """Return how many units are computed at a time on the device of the features."""
    return _CHUNK_UNITS if features.device.type == "cpu" else _GPU_CHUNK_UNITS


def row_chunks(features: Tensor, units: int) -> Iterator[slice]:
    """Divide the rows of features into chunks.

    Args:
        features: (C, H, W).
        units: The number of units of a chunk, about.

    Returns:
        Slices of the H rows.

    """
    channels, height, width = features.shape
    step = max(1, units // (channels * width))
    return (slice(start, start + step) for start in range(0, height, step))


def to_sum_precision(features: Tensor) -> Tensor:
    """Return features in the precision of sums: float64 if they are in float64, else float32."""
    return features.to(torch.promote_types(features.dtype, torch.float32))


def apply_weights(values: Tensor, weights: Tensor | None) -> Tensor:
    """Multiply values by the weights of their positions.

    Args:
        values: (C, H, W).
        weights: (H, W); None: 1.

    Returns:
        The products, (C, H, W), or the values themselves.

    """
    return values if weights is None else values * weights.to(values.dtype)


def sum_of_weights(values: Tensor, weights: Tensor | None) -> Tensor:
    """Sum the weights of values.

    Args:
        values: (H, W), or of any shape if there are no weights.
        weights: (H, W); None: 1 for each value.

    Returns:
        A scalar in the precision of sums.

    """
    if weights is not None:
        return weights.sum()
    return values.new_full((), values.numel(), dtype=torch.promote_types(values.dtype, torch.float32))


def sum_over_positions(values: Tensor, weights: Tensor | None) -> Statistic:
    """Sum values over positions and channels.

    Args:
        values: (C, H, W).
        weights: (H, W); None: 1.

    Returns:
        A statistic whose mean is the mean over positions and channels.

    """
    if weights is None:
        return Statistic(values.sum(), sum_of_weights(values, None))
    return Statistic((values.sum(0) * weights).sum(), sum_of_weights(values[0], weights) * len(values))
