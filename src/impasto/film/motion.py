"""How painted frames move with the film: what the next frame starts from, and how firmly each pixel is held to it.

A pixel is followed where the optical flows forward and backward agree, and where the moved frame of the film looks like
the frame.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from impasto.film.extra import library
from impasto.film.optical_flow import Array, compute_flow, flows_agree, is_inside, warp
from impasto.images import Picture

__all__ = ["MOTION_BYTES", "REMEMBERED_FRAMES", "Motion"]

MAX_DIFFERENCE = 24.0
"""The mean difference of a pixel's channels, in gray levels, from which on it is not the one that is followed."""

MIN_FOLLOWED_FRACTION = 0.3
"""The fraction of the pixels that can be followed, below which there is a cut."""

EARLIER_FRAMES = (2, 4, 8)
"""How many frames back what the frame before does not show is looked for (docs/notes/films.md)."""

MOTION_BYTES = (3 + 3 + 4) * max(EARLIER_FRAMES)
"""Bytes a pixel of a `Motion`: of each earlier frame the film's colors, the painting's, and an age in float32."""

MAX_FOLLOWED_FRACTION = 0.99
"""The fraction of the pixels that are followed, from which on no earlier frame is looked at."""

REMEMBERED_FRAMES = 64
"""Frames after which a frame no longer depends on what was followed before: in two films, opacities were the same to
the last bit 24 frames after a start in their middle (docs/notes/films.md)."""

FREE_FRAMES = 4
"""Frames in which a pixel is painted until it is held as firmly as the others."""

STROKE_FRACTION = 1 / 64
"""The width of a stroke, as a fraction of the long side: what is finer than it is taken from the painting."""

FLOW_ERROR = 0.5
"""Pixels by which the flow may lead beyond an edge where nothing came in: the error of its estimate."""

_MIN_DEVIATION = 1 / 255
"""The least standard deviation of a channel that is scaled: one gray level."""


@dataclass(frozen=True)
class _PaintedFrame:
    """A frame of the film and its painting."""

    levels: Array
    """The frame of the film, uint8, (H, W, 3)."""
    painting: Picture
    ages: Array
    """In how many frames each pixel was painted, at most `FREE_FRAMES`, (H, W)."""

    def moved_to(self, levels: Array) -> "_MovedFrame":
        """Return the painting, moved to where its content is in another frame of the film, uint8, (H, W, 3)."""
        backward, forward = compute_flow(levels, self.levels), compute_flow(self.levels, levels)
        is_trusted = flows_agree(backward, forward) & _looks_equal(warp(self.levels, backward), levels)
        inside = (2 * _without_strokes(is_inside(backward, FLOW_ERROR).astype(np.float32)) - 1).clip(0, 1)
        pixels = warp(self.painting.pixels.permute(1, 2, 0).numpy(), backward).clip(0, 1)
        return _MovedFrame(is_trusted, inside, pixels, warp(self.ages, backward) * inside)


class _MovedFrame(NamedTuple):
    """A painting, moved to where its content is in another frame of the film."""

    is_trusted: Array
    """Where both frames of the film show the same, (H, W)."""
    inside: Array
    """1 where the content is inside the painting, 0 where it came in at an edge, between in a margin, (H, W)."""
    pixels: Array
    """In [0, 1], (H, W, 3)."""
    ages: Array
    """In how many frames each pixel was painted, (H, W)."""


class Motion:
    """Moves painted frames along with the film, and counts in how many frames each of their pixels was painted.

    A pixel comes from the frame before or, if that does not show it, from the nearest of some earlier frames that does
    (Ruder, Dosovitskiy and Brox, *Artistic Style Transfer for Videos*, GCPR 2016, section 4.3). What none of them shows
    starts with the colors of the frame, matched with those of the painting, and the strokes of what was there before.
    What comes in at an edge of the frame starts without strokes, and so does, more and more toward it, a margin as wide
    as a stroke, so that there is no seam. Both are held to this start only after they were painted in some frames.
    """

    def __init__(self) -> None:
        self._frames: deque[_PaintedFrame] = deque(maxlen=max(EARLIER_FRAMES))
        self._ages: Array | None = None
        """In how many frames each pixel of the last painting was painted, (H, W); None: often enough."""

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
        ages = np.full(new.shape[:2], FREE_FRAMES, np.float32) if self._ages is None else self._ages
        self._frames.append(_PaintedFrame(old, painting, ages))
        moved = self._frames[-1].moved_to(new)
        if moved.is_trusted.mean() < MIN_FOLLOWED_FRACTION:
            self._frames.clear()
            self._ages = None
            return None
        start, is_trusted, ages = self._add_earlier(_start(moved, new), moved.is_trusted, moved.ages, new)
        alpha = is_trusted * (ages / FREE_FRAMES).clip(0, 1)
        self._ages = np.minimum(np.where(is_trusted, ages, 0) + 1, FREE_FRAMES)
        samples = torch.from_numpy(np.ascontiguousarray(start.transpose(2, 0, 1)))
        return Picture(samples, alpha=torch.from_numpy(alpha.astype(np.float32)))

    def _add_earlier(self, start: Array, is_trusted: Array, ages: Array, levels: Array) -> tuple[Array, Array, Array]:
        """Return a start, where it is trusted and its ages, with the pixels that only earlier frames show."""
        for distance in EARLIER_FRAMES:
            if distance > len(self._frames) or is_trusted.mean() > MAX_FOLLOWED_FRACTION:
                break
            moved = self._frames[-distance].moved_to(levels)
            is_back = _without_specks(moved.is_trusted & ~is_trusted)
            start = np.where(is_back[..., None], moved.pixels, start)
            ages = np.where(is_back, moved.ages, ages)
            is_trusted = is_trusted | is_back
        return start, is_trusted, ages


def _start(moved: _MovedFrame, levels: Array) -> Array:
    """Return what a frame, uint8, (H, W, 3), starts from if there is one painting before it, in [0, 1], (H, W, 3)."""
    matched = _match_colors(levels / np.float32(255), moved.pixels, moved.is_trusted)
    stroked = _without_strokes(matched) + moved.pixels - _without_strokes(moved.pixels)
    start = np.where(moved.is_trusted[..., None], moved.pixels, stroked.clip(0, 1))
    inside = moved.inside[..., None]
    return inside * start + (1 - inside) * matched


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


def _without_specks(mask: Array) -> Array:
    """Return a mask, bool, (H, W), without what is narrower than a stroke or 3 pixels (morphological opening)."""
    side = max(3, round(max(mask.shape) * STROKE_FRACTION))
    square = np.ones((side, side), np.uint8)
    return library("cv2").morphologyEx(mask.astype(np.uint8), library("cv2").MORPH_OPEN, square).astype(bool)


def _levels(picture: Picture) -> Array:
    """Return the gray levels of a picture, uint8, (H, W, 3)."""
    levels = (picture.pixels * 255).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _looks_equal(warped: Array, frame: Array) -> Array:
    """Return where the moved frame of the film looks like the next one, (H, W)."""
    return np.abs(warped - frame).mean(-1) <= MAX_DIFFERENCE
