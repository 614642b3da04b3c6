"""Operators of the statistics that losses measure and compare: each is one pass over memory.

An operator returns a sum as partial sums, whose own sum is the result: programs of a GPU need not wait for each other.
"""

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch
from impasto.kernels.cuda.operator import mutating_operator, operator

__all__ = ["add_excess", "excess", "gram_distance", "moments", "square_distance"]


@operator
def moments(features: Tensor, weights: Tensor | None) -> Tensor:
    """Return the sums of w F Fᵀ and w F over the positions, as partial sums.

    Args:
        features: F, (C, H, W), in channels_last.
        weights: w, (H, W); None for ones.

    Returns:
        The partial sums, (parts, C, C + 1): w F Fᵀ in the first C columns, w F in the last column.

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
    """Return the distance of two Gram matrices, weight / C² · mean((G - A)²), and its derivative.

    Args:
        total: The sums of F Fᵀ and F, (C, C + 1).
        mass: The divisor of the sums, a scalar: G is the first C columns of total / mass.
        target: A, and a last column that is ignored, (C, C + 1).
        weight: The weight of the distance.
        dtype: The precision of the derivative, that of the features.

    Returns:
        The distance as partial sums, (parts,), and its derivative by the sums of F Fᵀ, (C, C).

    """
    if dispatch.uses_triton(total):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.gram_distance(total, mass, target, weight, dtype)
    difference = (total / mass - target)[:, :-1]
    factor = weight / len(total) ** 4
    return difference.square().sum()[None] * factor, (difference * (2 * factor) / mass).to(dtype)


@operator
def square_distance(features: Tensor, content: Tensor) -> Tensor:
    """Return Σ (F - P)² as partial sums.

    Args:
        features: F, (C, H, W), in channels_last.
        content: P, (C, H, W), in channels_last and any precision.

    Returns:
        The partial sums, (parts,).

    """
    if dispatch.uses_triton(features):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.square_distance(features, content)
    exact = torch.promote_types(features.dtype, torch.float32)
    return (features.to(exact) - content.to(exact)).square().sum()[None]


@operator
def excess(gray: Tensor) -> Tensor:
    """Return Σ max(0, x - 255)² + max(0, -x)² of gray levels, (3, H, W), as partial sums, (parts,)."""
    if dispatch.uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        return triton_statistics.excess(gray)
    return (gray - gray.clamp(0, 255)).square().sum()[None]


@mutating_operator("gradient")
def add_excess(gray: Tensor, factor: Tensor, gradient: Tensor) -> None:
    """Add factor · (x - clamp(x, 0, 255)) to a gradient in place.

    Args:
        gray: Gray levels x, (3, H, W).
        factor: The factor, a scalar.
        gradient: The gradient by the gray levels, (3, H, W).

    """
    if dispatch.uses_triton(gray):
        from impasto.kernels.cuda import triton_statistics  # noqa: PLC0415 (a GPU)

        triton_statistics.add_excess(gray, factor, gradient)
    else:
        gradient.add_((gray - gray.clamp(0, 255)) * factor)
