"""Derivatives of a loss by the features of a layer, as functions that add them to a gradient in place.

`Linear` and `Difference` expose the tensors that they add, so that a kernel can add them in a pass over memory that it
makes anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Cotangent", "Difference", "InTile", "Linear", "UnitSlices", "flat"]

Cotangent = Callable[[Tensor, Tensor], object]
"""A function of a layer's features and a tensor, both (C, H, W): it adds a derivative by the features to the tensor."""

UnitSlices = tuple[slice, slice, slice]
"""A box of units: its channels, rows and columns."""

_CHUNK_POSITIONS = 1 << 14
"""The number of positions whose features a CPU multiplies by a matrix at a time, so that they stay in its cache."""

_CHUNK_UNITS = 1 << 20
"""The number of units that a CPU subtracts at a time: 4 MB in float32, which stay in its cache."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Add w ∘ (2 S F + s) to a gradient: the derivative by F of ⟨S, Σ w F Fᵀ⟩ + ⟨s, Σ w F⟩, summed over positions."""

    matrix: Tensor
    """S, symmetric, (C, C), in the precision of the sums."""
    offset: Tensor | None = None
    """s, (C,); None for zeros."""
    weights: Tensor | None = None
    """w, (H, W); None for ones."""

    def __call__(self, features: Tensor, gradient: Tensor) -> None:
        """Add w ∘ (2 S F + s) to a tensor in place.

        Args:
            features: F, (C, H, W).
            gradient: The tensor, (C, H, W).

        """
        doubled_matrix = (2 * self.matrix).to(features.dtype)
        offset = None if self.offset is None else self.offset.to(features.dtype)
        for rows in _row_chunks(features, _CHUNK_POSITIONS):
            flat_features, band_gradient = flat(features[:, rows]), gradient[:, rows]
            flat_gradient = flat(band_gradient)
            weight_column = (
                flat_features.new_ones(()) if self.weights is None else _column(self.weights[rows], features.dtype)
            )
            weighted_features = flat_features if self.weights is None else flat_features * weight_column
            flat_gradient.addmm_(weighted_features, doubled_matrix)
            if offset is not None:
                flat_gradient.addcmul_(weight_column, offset)
            if flat_gradient.data_ptr() != band_gradient.data_ptr():
                band_gradient.copy_(flat_gradient.T.view_as(band_gradient))


@dataclass(frozen=True, eq=False)
class Difference:
    """Add factor · (F - P) to a gradient: the derivative of factor / 2 · Σ (F - P)² by F."""

    factor: Tensor
    """The factor, a scalar."""
    content: Tensor
    """P, (C, H, W), in any precision."""

    def __call__(self, features: Tensor, gradient: Tensor) -> None:
        """Add factor · (F - P) to a tensor in place.

        Args:
            features: F, (C, H, W).
            gradient: The tensor, (C, H, W).

        """
        exact = torch.promote_types(features.dtype, torch.float32)
        for rows in _row_chunks(features, _CHUNK_UNITS // len(features)):
            gradient[:, rows].add_(features[:, rows].to(exact).sub(self.content[:, rows]).mul_(self.factor))


@dataclass(frozen=True, eq=False)
class InTile:
    """Add a cotangent to the units that a tile owns; the tile sees more units than it owns."""

    cotangent: Cotangent
    owned: UnitSlices
    """The owned units, as slices of the units that the tile sees."""

    def __call__(self, features: Tensor, gradient: Tensor) -> None:
        """Add the cotangent to the units of a tensor that the tile owns.

        Args:
            features: The features of all units that the tile sees, (C, H, W).
            gradient: The tensor, (C, H, W).

        """
        self.cotangent(features[self.owned], gradient[self.owned])


def flat(features: Tensor) -> Tensor:
    """Return features, (C, H, W), as a matrix with one row per position, (H·W, C): a view in channels_last."""
    return features.permute(1, 2, 0).reshape(-1, len(features))


def _column(weights: Tensor, dtype: torch.dtype) -> Tensor:
    """Return weights, (H, W), as a column, (H·W, 1), in a dtype."""
    return weights.reshape(-1, 1).to(dtype)


def _row_chunks(features: Tensor, positions: int) -> list[slice]:
    """Divide the rows of features, (C, H, W), into chunks of about `positions` positions on a CPU, else into one."""
    _, height, width = features.shape
    step = max(1, positions // width) if features.device.type == "cpu" else height
    return [slice(start, start + step) for start in range(0, height, step)]
