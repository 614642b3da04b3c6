"""Distances between the moments of a picture and of a style at one layer, and their derivatives by hand.

Moments are (C, C + 1): the Gram matrix G = F Fᵀ / (H·W), and as a last column the mean μ of F. A Gram matrix alone
cannot tell the mean from the covariance, G = K + μ μᵀ (Risser et al., *Stable and Controllable Neural Texture Synthesis
and Style Transfer Using Histogram Losses*, 2017, section 3); these distances say which of them are compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Protocol, cast

import torch
from torch import Tensor

from impasto.settings.choices import DistanceName

__all__ = ["DISTANCES", "Covariance", "Distance", "Gram", "MeanAndDeviation", "Wasserstein"]

_MIN_VARIANCE = 1e-4
"""The summand of variances, which are 0 where a feature never occurs (crowsonkb/style-transfer-pytorch)."""


class Distance(Protocol):
    """A distance of moments from the moments of a style."""

    has_mean: ClassVar[bool]
    """Whether the distance depends on the mean, too, not only on the Gram matrix."""

    @property
    def target(self) -> Tensor:
        """The moments of the style, (C, C + 1)."""
        ...

    def value(self, moments: Tensor) -> Tensor:
        """Return the distance of moments (C, C + 1) from the target, a scalar."""
        ...

    def derivative(self, moments: Tensor) -> Tensor:
        """Return the derivative of the distance by moments, (C, C + 1)."""
        ...


@dataclass(frozen=True, eq=False)
class Gram:
    """1 / C² · mean((G - A)²): Gatys et al. 2016, eq. 4, with G over the number of positions, as in the notebook."""

    target: Tensor = field(repr=False)
    has_mean: ClassVar[bool] = False

    def value(self, moments: Tensor) -> Tensor:
        """Return 1 / C² · mean((G - A)²), a scalar."""
        return (moments - self.target)[:, :-1].square().mean() / len(moments) ** 2

    def derivative(self, moments: Tensor) -> Tensor:
        """Return 2 / C⁴ · (G - A), and 0 for the mean."""
        derivative = (moments - self.target) * (2 / len(moments) ** 4)
        derivative[:, -1] = 0
        return derivative


@dataclass(frozen=True, eq=False)
class MeanAndDeviation:
    """mean((μ - μ*)²) + mean((σ - σ*)²), σ the standard deviation of each feature.

    Galerne et al., *Scaling Painting Style Transfer*, 2024: in addition to the Gram matrix, for large images.
    """

    target: Tensor = field(repr=False)
    has_mean: ClassVar[bool] = True

    def value(self, moments: Tensor) -> Tensor:
        """Return mean((μ - μ*)²) + mean((σ - σ*)²), a scalar."""
        means, deviations = self._differences(moments)
        return means.square().mean() + deviations.square().mean()

    def derivative(self, moments: Tensor) -> Tensor:
        """Return 1 / C · (σ - σ*) / σ on the diagonal of G, and 2 / C · ((μ - μ*) - (σ - σ*) μ / σ) for the mean."""
        means, deviations = self._differences(moments)
        ratio = deviations / _deviation(moments)
        mean_derivative = (means - ratio * moments[:, -1]) * (2 / len(moments))
        return torch.cat(((ratio / len(moments)).diag(), mean_derivative[:, None]), 1)

    def _differences(self, moments: Tensor) -> tuple[Tensor, Tensor]:
        """Return μ - μ* and σ - σ*, each (C,)."""
        return (moments - self.target)[:, -1], _deviation(moments) - _deviation(self.target)


@dataclass(frozen=True, eq=False)
class Covariance:
    """1 / C² · mean((K - K*)²), K the covariance of the features: the style loss without their means."""

    target: Tensor = field(repr=False)
    has_mean: ClassVar[bool] = True

    def value(self, moments: Tensor) -> Tensor:
        """Return 1 / C² · mean((K - K*)²), a scalar."""
        return (_covariance(moments) - self._target).square().mean() / len(moments) ** 2

    def derivative(self, moments: Tensor) -> Tensor:
        """Return D = 2 / C⁴ · (K - K*), and for the mean -2 D μ, since K = G - μ μᵀ."""
        return _moments_derivative((_covariance(moments) - self._target) * (2 / len(moments) ** 4), moments)

    @cached_property
    def _target(self) -> Tensor:
        """The target's covariance, K*."""
        return _covariance(self.target)


@dataclass(frozen=True, eq=False)
class Wasserstein:
    """mean((μ - μ*)²) + 1 / C · tr(K + K* - 2 (√K* K √K*)^½): Wasserstein-2 of two Gaussians, squared, over C.

    1e-4 is added to the diagonals of K and K*. The computation is in double precision, which Apple's GPUs leave to the
    processor.
    """

    target: Tensor = field(repr=False)
    has_mean: ClassVar[bool] = True

    def value(self, moments: Tensor) -> Tensor:
        """Return the squared Wasserstein-2 distance of two Gaussians over C, a scalar."""
        means = (moments - self.target)[:, -1]
        root = _matrix_function(self._product(moments), torch.sqrt)
        traces = (_regular_covariance(moments) + _regular_covariance(self.target) - 2 * root).diagonal().mean()
        return means.square().mean() + traces.to(moments)

    def derivative(self, moments: Tensor) -> Tensor:
        """Return D = (I - √K* (√K* K √K*)^-½ √K*) / C, and for the mean 2 / C · (μ - μ*) - 2 D μ."""
        transport = self._root @ _matrix_function(self._product(moments), torch.rsqrt) @ self._root
        covariance_derivative = (torch.eye(len(moments)).to(transport) - transport) / len(moments)
        derivative = _moments_derivative(covariance_derivative.to(moments), moments)
        derivative[:, -1] += (moments - self.target)[:, -1] * (2 / len(moments))
        return derivative

    @cached_property
    def _root(self) -> Tensor:
        """The root √K* of the target's covariance."""
        return _matrix_function(_regular_covariance(self.target), torch.sqrt)

    def _product(self, moments: Tensor) -> Tensor:
        """Return √K* K √K*."""
        return self._root @ _regular_covariance(moments) @ self._root


DISTANCES: Mapping[DistanceName, Callable[[Tensor], Distance]] = {
    "gram": Gram,
    "moments": MeanAndDeviation,
    "covariance": Covariance,
    "wasserstein": Wasserstein,
}
"""The distances by the names that `Settings.style_loss` has for them."""


def _covariance(moments: Tensor) -> Tensor:
    """Return K = G - μ μᵀ, (C, C)."""
    mean = moments[:, -1]
    return moments[:, :-1] - mean[:, None] * mean


def _moments_derivative(derivative: Tensor, moments: Tensor) -> Tensor:
    """Return the derivative by G and μ from a symmetric one by K, (C, C + 1)."""
    return torch.cat((derivative, (-2 * derivative @ moments[:, -1])[:, None]), 1)


def _deviation(moments: Tensor) -> Tensor:
    """Return the standard deviation of each feature, (C,)."""
    variance = moments[:, :-1].diagonal() - moments[:, -1].square()
    return variance.clamp_min(0).add(_MIN_VARIANCE).sqrt()


def _regular_covariance(moments: Tensor) -> Tensor:
    """Return the covariance with a diagonal above 0, in double precision, which Apple's GPUs leave to the processor."""
    covariance = _covariance((moments.cpu() if moments.device.type == "mps" else moments).double())
    return covariance + _MIN_VARIANCE * torch.eye(len(covariance)).to(covariance)


def _matrix_function(matrix: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return a function of a symmetric positive matrix."""
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh((matrix + matrix.T) / 2))
    floor = torch.finfo(values.dtype).eps * values[-1]
    return vectors * function(values.maximum(floor)) @ vectors.T
