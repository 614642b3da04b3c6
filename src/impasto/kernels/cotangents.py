"""Derivatives of a loss by the features of a layer, as functions that add them to a gradient in place.

`Linear` and `Difference` are objects that show what they add, so that a kernel can add it in another pass over memory.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Cotangent", "Difference", "InTile", "Linear", "UnitSlices", "flat"]

Cotangent = Callable[[Tensor, Tensor], object]
"""Given a layer's features, add a derivative by them to a tensor of their shape, (C, H, W), in place."""

UnitSlices = tuple[slice, slice, slice]
"""Channels, rows and columns."""

_CHUNK_POSITIONS = 1 << 14
"""Positions whose features a processor multiplies by a matrix at a time: they stay in its cache."""

_CHUNK_UNITS = 1 << 20
"""Units that a processor subtracts at a time: 4 MB in float32 stay in its cache."""


@dataclass(frozen=True, eq=False)
class Linear:
    """Add w ∘ (2 S F + s): the derivative of ⟨S, Σ w F Fᵀ⟩ + ⟨s, Σ w F⟩ by F, the sums over positions."""

    matrix: Tensor
    """S, symmetric, (C, C), in the precision of sums."""
    offset: Tensor | None = None
    """s, (C,)."""
    weights: Tensor | None = None
    """w, (H, W); None: 1."""

    def __call__(self, features: Tensor, into: Tensor) -> None:
        """Add w ∘ (2 S F + s) to a tensor.

        Args:
            features: F, (C, H, W).
            into: The tensor, (C, H, W).

        """
        twice = (2 * self.matrix).to(features.dtype)
        offset = None if self.offset is None else self.offset.to(features.dtype)
        for rows in _row_chunks(features, _CHUNK_POSITIONS):
            found, part = flat(features[:, rows]), into[:, rows]
            pulled = flat(part)
            weighing = found.new_ones(()) if self.weights is None else _column(self.weights[rows], found)
            pulled.addmm_(found if self.weights is None else found * weighing, twice)
            if offset is not None:
                pulled.addcmul_(weighing, offset)
            if pulled.data_ptr() != part.data_ptr():
                part.copy_(pulled.T.view_as(part))


@dataclass(frozen=True, eq=False)
class Difference:
    """Add factor · (F - P)."""

    factor: Tensor
    """A scalar."""
    content: Tensor
    """P, (C, H, W), in any precision."""

    def __call__(self, features: Tensor, into: Tensor) -> None:
        """Add factor · (F - P) to a tensor.

        Args:
            features: F, (C, H, W).
            into: The tensor, (C, H, W).

        """
        exact = torch.promote_types(features.dtype, torch.float32)
        for rows in _row_chunks(features, _CHUNK_UNITS // len(features)):
            into[:, rows].add_(features[:, rows].to(exact).sub(self.content[:, rows]).mul_(self.factor))


@dataclass(frozen=True, eq=False)
class InTile:
    """Add a cotangent to the units that a tile owns, among those that it sees."""

    cotangent: Cotangent
    owned: UnitSlices
    """Where the owned units are."""

    def __call__(self, features: Tensor, into: Tensor) -> None:
        """Add the cotangent to the units of a tensor that the tile owns.

        Args:
            features: The features of all units that the tile sees, (C, H, W).
            into: The tensor, (C, H, W).

        """
        self.cotangent(features[self.owned], into[self.owned])


def flat(features: Tensor) -> Tensor:
    """Return features, (C, H, W), with one row a position, (H·W, C): a view if the memory's layout allows it."""
    return features.permute(1, 2, 0).reshape(-1, len(features))


def _column(weights: Tensor, like: Tensor) -> Tensor:
    """Return weights, (H, W), as a column, (H·W, 1), in the dtype of a tensor."""
    return weights.reshape(-1, 1).to(like.dtype)


def _row_chunks(features: Tensor, positions: int) -> list[slice]:
    """Divide the rows of features, (C, H, W), on a processor into chunks of about `positions` positions."""
    _, height, width = features.shape
    step = max(1, positions // width) if features.device.type == "cpu" else height
    return [slice(start, start + step) for start in range(0, height, step)]
