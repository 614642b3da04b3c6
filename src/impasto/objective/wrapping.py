"""Images whose opposite edges are neighbors, cut open: with a margin of what lies beyond each edge, and back."""

from torch import Tensor
from torch.nn import functional

__all__ = ["folded", "wrapped"]

Margin = tuple[int, int]
"""Units above and below, and on the left and right."""


def wrapped(image: Tensor, margin: Margin) -> Tensor:
    """Return (C, H, W) with a margin from the opposite edges, at most as wide as the image: (C, H + 2 m, W + 2 n)."""
    down, across = margin
    return functional.pad(image[None], (across, across, down, down), mode="circular")[0] if any(margin) else image


def folded(gradient: Tensor, margin: Margin) -> Tensor:
    """Return the gradient by an image from that by the wrapped one: the transpose of `wrapped`."""
    for axis, width in zip((1, 2), margin, strict=True):
        if width:
            length = gradient.shape[axis] - 2 * width
            inside = gradient.narrow(axis, width, length).clone()
            inside.narrow(axis, length - width, width).add_(gradient.narrow(axis, 0, width))
            inside.narrow(axis, 0, width).add_(gradient.narrow(axis, width + length, width))
            gradient = inside
    return gradient
