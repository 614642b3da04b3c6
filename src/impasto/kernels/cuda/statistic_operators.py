"""Operators of what losses measure and compare: each one pass over memory, with sums in parts that add up."""

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch
from impasto.kernels.cuda.operator import mutating_operator, operator

__all__ = ["add_excess", "excess", "gram_distance", "moments", "square_distance"]


@operator
def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    """Return sums of w F Fᵀ and, as a last column, of w F over parts of the positions, (parts, C, C + 1).

    Args:
        features: F, (C, H, W), channels last in memory.
        weights: w, (H, W); None: 1.

    """
    if dispatch.uses_triton(features):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.moments(features, weights)
    exact = features.to(torch.promote_types(features.dtype, torch.float32)).flatten(1)  # (C, H·W)
    weighted = exact if weights is None else exact * weights.flatten()
    return torch.cat((weighted @ exact.T, weighted.sum(1)[:, None]), 1)[None]


@operator
def gram_distance(
    total: Tensor, mass: Tensor, target: Tensor, weight: float, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """Return weight / C² · mean((G - A)²) in parts that add up to it, and its derivative.

    Args:
        total: Sums of F Fᵀ and F, (C, C + 1).
        mass: What divides them, a scalar: G is the first C columns of total / mass.
        target: A and a column that does not count, (C, C + 1).
        weight: Of the distance.
        dtype: Of the features, in which the derivative is returned.

    Returns:
        Scalars, (parts,), and the derivative by the sums of F Fᵀ, (C, C).

    """
    if dispatch.uses_triton(total):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.gram_distance(total, mass, target, weight, dtype)
    difference = (total / mass - target)[:, :-1]
    factor = weight / len(total) ** 4
    return difference.square().sum()[None] * factor, (difference * (2 * factor) / mass).to(dtype)


@operator
def square_distance(features: Tensor, content: Tensor) -> Tensor:
    """Return Σ (F - P)² in parts that add up to it, (parts,).

    Args:
        features: F, (C, H, W), channels last in memory.
        content: P, (C, H, W), likewise, in any precision.

    """
    if dispatch.uses_triton(features):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.square_distance(features, content)
    exact = torch.promote_types(features.dtype, torch.float32)
    return (features.to(exact) - content.to(exact)).square().sum()[None]


@operator
def excess(gray: Tensor) -> Tensor:
    """Return Σ max(0, x - 255)² + max(0, -x)² of gray levels, (3, H, W), in parts that add up to it, (parts,)."""
    if dispatch.uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.excess(gray)
    return (gray - gray.clamp(0, 255)).square().sum()[None]


@mutating_operator("into")
def add_excess(gray: Tensor, factor: Tensor, into: Tensor) -> None:
    """Add factor · (x - the nearest in 0 … 255) to a gradient by gray levels x, both (3, H, W)."""
    if dispatch.uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        triton_statistics.add_excess(gray, factor, into)
    else:
        into.add_((gray - gray.clamp(0, 255)) * factor)
