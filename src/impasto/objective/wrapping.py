"""Images whose opposite edges meet: a margin that repeats the opposite edges, and the gradient through it."""

from torch import Tensor
from torch.nn import functional

__all__ = ["Margin", "add_margin", "fold_margin"]

Margin = tuple[int, int]
"""Pixels of the margin around an image: above and below each, and on the left and right each."""


def add_margin(image: Tensor, margin: Margin) -> Tensor:
    """Return an image with a margin that repeats the opposite edges.

    Args:
        image: (C, H, W).
        margin: m pixels above and below, n on the left and right, at most H and W.

    Returns:
        (C, H + 2 m, W + 2 n).

    """
    down, across = margin
    return functional.pad(image[None], (across, across, down, down), mode="circular")[0] if any(margin) else image


def fold_margin(gradient: Tensor, margin: Margin) -> Tensor:
    """Return the gradient by an image from the gradient by the image with its margin: the transpose of `add_margin`.

    Args:
        gradient: (C, H + 2 m, W + 2 n).
        margin: m pixels above and below, n on the left and right.

    Returns:
        (C, H, W).

    """
    for axis, width in zip((1, 2), margin, strict=True):
        if width:
            length = gradient.shape[axis] - 2 * width
            inside = gradient.narrow(axis, width, length).clone()
            inside.narrow(axis, length - width, width).add_(gradient.narrow(axis, 0, width))
            inside.narrow(axis, 0, width).add_(gradient.narrow(axis, width + length, width))
            gradient = inside
    return gradient
