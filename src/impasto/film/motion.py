"""How a painted frame moves with the film: optical flow both ways, where it can be trusted, and the moved frame.

OpenCV, of the extra `film`, computes the flow (Kroeger et al., *Fast Optical Flow using Dense Inverse Search*, ECCV
2016). A pixel is followed where the flows forward and backward agree (Sundaram, Brox and Keutzer, *Dense Point
Trajectories by GPU-accelerated Large Displacement Optical Flow*, ECCV 2010, equation 5), and where the moved frame of
the film looks like the frame.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.film.extra import library
from impasto.images import Picture

__all__ = ["Motion"]

RELATIVE_TOLERANCE, TOLERANCE = 0.01, 0.5
"""The squared distance in pixels by which flows may disagree: a fraction of their squared lengths, and a constant."""

MAX_DIFFERENCE = 24.0
"""The mean difference of a pixel's channels, in gray levels, from which on it is not the one that is followed."""

MIN_FOLLOWED_FRACTION = 0.3
"""The fraction of the pixels that can be followed, below which there is a cut."""

FREE_FRAMES = 4
"""Frames in which a pixel is painted until it is held as firmly as the others."""

STROKE_FRACTION = 1 / 64
"""The width of a stroke, as a fraction of the long side: what is finer than it is taken from the painting."""

FLOW_ERROR = 0.5
"""Pixels by which the flow may lead beyond an edge where nothing came in: the error of its estimate."""

_MIN_DEVIATION = 1 / 255
"""The least standard deviation of a channel that is scaled: one gray level."""

Array = NDArray[Any]


class Motion:
    """Moves painted frames along with the film, and counts in how many frames each of their pixels was painted.

    What comes into sight starts with the colors of the frame, matched with those of the painting, and the strokes of
    what was there before. What comes in at an edge of the frame starts without strokes, and so does, more and more
    toward it, a margin as wide as a stroke, so that there is no seam. Both are held to this start only after they were
    painted in some frames.
    """

    def __init__(self) -> None:
        self._ages: Array | None = None
        """In how many frames each pixel was painted, (H, W); None: often enough."""

    def follow(self, painting: Picture, previous: Picture, current: Picture) -> Picture | None:
        """Return the picture that the next frame starts from: the painted one, moved to where its content is now.

        Args:
            painting: The painted frame, of any size.
            previous: The frame of the film that it was painted from, of its proportions.
            current: The next frame of the film.

        Returns:
            A picture of the size of `painting`, the more opaque the more firmly a pixel is held; None after a cut.

        Raises:
            InputError: OpenCV is not installed.

        """
        old, new = (_levels(frame.resized(painting.width, painting.height)) for frame in (previous, current))
        backward, forward = _flow(new, old), _flow(old, new)
        is_trusted = _flows_agree(backward, forward) & _looks_equal(_warp(old, backward), new)
        if is_trusted.mean() < MIN_FOLLOWED_FRACTION:
            self._ages = None
            return None
        ages = np.full(is_trusted.shape, FREE_FRAMES, np.float32) if self._ages is None else _warp(self._ages, backward)
        inside = (2 * _without_strokes(_is_inside(backward, FLOW_ERROR).astype(np.float32)) - 1).clip(0, 1)  # (H, W)
        ages = ages * inside
        alpha = is_trusted * (ages / FREE_FRAMES).clip(0, 1)
        self._ages = np.minimum(np.where(is_trusted, ages, 0) + 1, FREE_FRAMES)
        warped = _warp(painting.pixels.permute(1, 2, 0).numpy(), backward).clip(0, 1)  # (H, W, 3)
        matched = _match_colors(new / np.float32(255), warped, is_trusted)
        stroked = _without_strokes(matched) + warped - _without_strokes(warped)
        start = np.where(is_trusted[..., None], warped, stroked.clip(0, 1))
        start = inside[..., None] * start + (1 - inside[..., None]) * matched
        samples = torch.from_numpy(np.ascontiguousarray(start.transpose(2, 0, 1)))
        return Picture(samples, alpha=torch.from_numpy(alpha.astype(np.float32)))


def _match_colors(frame: Array, painting: Array, is_trusted: Array) -> Array:
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


def _without_strokes(image: Array) -> Array:
    """Return an image without what is finer than a stroke, of its shape."""
    sigma = max(image.shape) * STROKE_FRACTION
    return library("cv2").GaussianBlur(image, (0, 0), sigma, borderType=library("cv2").BORDER_REPLICATE)


def _levels(picture: Picture) -> Array:
    """Return the gray levels of a picture, uint8, (H, W, 3)."""
    levels = (picture.pixels * 255).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _flow(source: Array, target: Array) -> Array:
    """Return where each pixel of the source is in the target, as a difference of x and y in pixels, (H, W, 2)."""
    cv2 = library("cv2")
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (source, target)]
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*gray, None)


def _warp(image: Array, flow: Array) -> Array:
    """Return the values that an image has where a flow leads, float32, (H, W, channels).

    Lanczos' kernel keeps more of the strokes' detail than a cubic one, so that fewer evaluations have to paint it again
    (docs/notes/films.md).
    """
    cv2 = library("cv2")
    x, y = _end_points(flow)
    return cv2.remap(image.astype(np.float32), x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _end_points(flow: Array) -> tuple[Array, Array]:
    """Return x and y of where a flow leads from each pixel, each (H, W)."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _is_inside(flow: Array, margin: float = 0.0) -> Array:
    """Return where a flow ends inside the image, or beyond its edge by a margin in pixels at most, (H, W)."""
    (x, y), (height, width) = _end_points(flow), flow.shape[:2]
    return (x >= -margin) & (x <= width - 1 + margin) & (y >= -margin) & (y <= height - 1 + margin)


def _flows_agree(backward: Array, forward: Array) -> Array:
    """Return where the flow backward, and then the flow forward, lead back to the same pixel, (H, W)."""
    cv2 = library("cv2")
    x, y = _end_points(backward)
    answer = cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = (backward**2).sum(-1) + (answer**2).sum(-1)
    return _is_inside(backward) & (((backward + answer) ** 2).sum(-1) <= RELATIVE_TOLERANCE * lengths + TOLERANCE)


def _looks_equal(warped: Array, frame: Array) -> Array:
    """Return where the moved frame of the film looks like the next one, (H, W)."""
    return np.abs(warped - frame).mean(-1) <= MAX_DIFFERENCE
