"""Images without their strokes or in the colors of a painting, and masks without specks or with soft edges; OpenCV."""

import numpy as np

from impasto.film.extra import library
from impasto.film.optical_flow import Array

__all__ = ["blur", "match_colors", "soften", "stroke_width", "without_specks", "without_strokes"]

STROKE_FRACTION = 1 / 64
"""The width of a stroke, as a fraction of the long side: what is finer than it is taken from the painting."""

_MIN_DEVIATION = 1 / 255
"""The least standard deviation of a channel that is scaled: one gray level."""


def match_colors(frame: Array, painting: Array, is_trusted: Array) -> Array:
    """Return a frame in the colors of a painting.

    Args:
        frame: The frame, in [0, 1], (H, W, 3).
        painting: The painted frame before it, moved along the flow, (H, W, 3).
        is_trusted: Where both show the same, (H, W).

    Returns:
        The frame with the means and deviations of the painted one, channel by channel, in [0, 1], (H, W, 3).

    """
    source, target = frame[is_trusted], painting[is_trusted]
    scale = target.std(0) / np.maximum(source.std(0), _MIN_DEVIATION)
    return ((frame - source.mean(0)) * scale + target.mean(0)).clip(0, 1).astype(np.float32)


def stroke_width(image: Array) -> float:
    """Return the width of a stroke in an image, in pixels."""
    return STROKE_FRACTION * max(image.shape)


def without_strokes(image: Array) -> Array:
    """Return an image without what is finer than a stroke, of its shape."""
    return blur(image, stroke_width(image))


def blur(image: Array, sigma: float) -> Array:
    """Return an image, blurred by a Gaussian.

    Args:
        image: The image, (H, W) or (H, W, C).
        sigma: The standard deviation, in pixels.

    Returns:
        The image, of its shape.

    """
    return library("cv2").GaussianBlur(image, (0, 0), sigma, borderType=library("cv2").BORDER_REPLICATE)


def soften(mask: Array, sigma: float) -> Array:
    """Return a mask that falls from 1 to 0 inside its edges.

    Args:
        mask: The mask, bool, (H, W).
        sigma: About the width of the edges, in pixels.

    Returns:
        The mask in [0, 1], float32, (H, W).

    """
    return (2 * blur(mask.astype(np.float32), sigma) - 1).clip(0, 1)


def without_specks(mask: Array) -> Array:
    """Return a mask, bool, (H, W), without what is narrower than a stroke or 3 pixels (morphological opening)."""
    side = max(3, round(stroke_width(mask)))
    square = np.ones((side, side), np.uint8)
    return library("cv2").morphologyEx(mask.astype(np.uint8), library("cv2").MORPH_OPEN, square).astype(bool)
