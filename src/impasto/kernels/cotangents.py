"""Derivatives of a loss by the features of a layer, as functions that add them to a gradient in place.

`Linear` and `Difference` say what they add, so that a kernel can add it while it does something else.
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

_CHUNK_POSITIONS, _CHUNK_UNITS = 1 << 14, 1 << 20
"""Positions, and units, that a processor works on at a time: their features stay in its cache."""


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
        """Add it to `into`."""
        twice = (2 * self.matrix).to(features.dtype)
        offset = None if self.offset is None else self.offset.to(features.dtype)
        for some in _chunks(features, _CHUNK_POSITIONS):
            found, part = flat(features[:, some]), into[:, some]
            pulled = flat(part)
            weighing = found.new_ones(()) if self.weights is None else _column(self.weights[some], found)
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
    """P, (C, H, W)."""

    def __call__(self, features: Tensor, into: Tensor) -> None:
        """Add it to `into`."""
        exact = torch.promote_types(features.dtype, torch.float32)
        for some in _chunks(features, _CHUNK_UNITS // len(features)):
            into[:, some].add_(features[:, some].to(exact).sub(self.content[:, some]).mul_(self.factor))


@dataclass(frozen=True, eq=False)
class InTile:
    """Add another cotangent to the units that a tile owns."""

    cotangent: Cotangent
    place: UnitSlices

    def __call__(self, features: Tensor, into: Tensor) -> None:
        """Add it to these units of `into`."""
        self.cotangent(features[self.place], into[self.place])


def flat(features: Tensor) -> Tensor:
    """Return (C, H, W) as one row a position, (H·W, C): a view, or a copy where the positions do not lie in a row."""
    return features.permute(1, 2, 0).reshape(-1, len(features))


def _column(weights: Tensor, like: Tensor) -> Tensor:
    return weights.reshape(-1, 1).to(like.dtype)


def _chunks(features: Tensor, positions: int) -> list[slice]:
    """Divide the rows of features, (C, H, W): on a processor into parts of about so many positions."""
    _, height, width = features.shape
    step = max(1, positions // width) if features.device.type == "cpu" else height
    return [slice(start, start + step) for start in range(0, height, step)]
