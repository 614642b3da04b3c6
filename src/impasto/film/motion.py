"""How painted frames move with the film: what the next frame starts from, and how firmly each pixel is held to it.

A pixel is followed where the optical flows forward and backward agree, and where the moved frame of the film looks like
the frame.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from impasto.film.optical_flow import Array, compute_flow, flows_agree, is_inside, warp
from impasto.film.strokes import blur, match_colors, soften, stroke_width, without_specks, without_strokes
from impasto.images import Picture

__all__ = ["MOTION_BYTES", "REMEMBERED_FRAMES", "Motion"]

MAX_DIFFERENCE = 16.0
"""The mean difference of the channels around a pixel, in gray levels, from which on it is not the one that is followed
(docs/notes/films.md)."""

TRUST_SIGMA = 1.5
"""The standard deviation, in pixels, with which differences are averaged, and what is followed ends softly: a line of
single pixels that may change, between others that are held, would be painted as a line of dots (docs/notes/films.md).
"""

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

_MIN_WEIGHT = 1e-3
"""The weight of a flow that is not trusted: it counts only where no other is near."""


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
        inside = soften(is_inside(backward), stroke_width(levels))
        return _MovedFrame(backward, is_trusted, inside, self._warp(backward), warp(self.ages, backward) * inside)

    def strokes(self, moved: "_MovedFrame") -> Array:
        """Return the strokes for what is not followed: those of what was there before, less its colors, (H, W, 3).

        They are moved as what is followed around it: the flow itself is folded there, and would tear lines into dots.
        """
        weights = moved.is_trusted.astype(np.float32) + _MIN_WEIGHT
        sigma = 2 * stroke_width(self.levels)
        flow = blur(moved.flow * weights[..., None], sigma) / blur(weights, sigma)[..., None]
        pixels = self._warp(flow)
        return pixels - without_strokes(pixels)

    def _warp(self, flow: Array) -> Array:
        """Return the painting, moved along a flow that leads to it, in [0, 1], (H, W, 3)."""
        return warp(self.painting.pixels.permute(1, 2, 0).numpy(), flow).clip(0, 1)


class _MovedFrame(NamedTuple):
    """A painting, moved to where its content is in another frame of the film."""

    flow: Array
    """Where each pixel of that frame is in the painting, (H, W, 2)."""
    is_trusted: Array
    """Where both frames of the film show the same, (H, W)."""
    inside: Array
    """1 where the content is inside the painting, 0 where it came in at an edge, between in a margin, (H, W)."""
    pixels: Array
    """In [0, 1], (H, W, 3)."""
    ages: Array
    """In how many frames each pixel was painted, (H, W)."""

    def completed_by(self, other: "_MovedFrame") -> "_MovedFrame":
        """Return this painting, with the pixels of another one where only that one shows them."""
        is_back = without_specks(other.is_trusted & ~self.is_trusted)
        return self._replace(
            is_trusted=self.is_trusted | is_back,
            inside=np.where(is_back, other.inside, self.inside),
            pixels=np.where(is_back[..., None], other.pixels, self.pixels),
            ages=np.where(is_back, other.ages, self.ages),
        )


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
        painted = _PaintedFrame(old, painting, ages)
        self._frames.append(painted)
        moved = painted.moved_to(new)
        if moved.is_trusted.mean() < MIN_FOLLOWED_FRACTION:
            self._frames.clear()
            self._ages = None
            return None
        strokes = painted.strokes(moved)
        moved = self._complete(moved, new)
        trust = soften(moved.is_trusted, TRUST_SIGMA)
        alpha = trust * (moved.ages / FREE_FRAMES).clip(0, 1)
        self._ages = np.minimum(trust * moved.ages + 1, FREE_FRAMES)
        start = _start(moved, trust, strokes, new)
        samples = torch.from_numpy(np.ascontiguousarray(start.transpose(2, 0, 1)))
        return Picture(samples, alpha=torch.from_numpy(alpha.astype(np.float32)))

    def _complete(self, moved: _MovedFrame, levels: Array) -> _MovedFrame:
        """Return the moved painting of the frame before, with what only earlier frames show of `levels`, (H, W, 3)."""
        for distance in EARLIER_FRAMES:
            if distance > len(self._frames) or moved.is_trusted.mean() > MAX_FOLLOWED_FRACTION:
                break
            moved = moved.completed_by(self._frames[-distance].moved_to(levels))
        return moved


def _start(moved: _MovedFrame, trust: Array, strokes: Array, levels: Array) -> Array:
    """Return what a frame starts from.

    Args:
        moved: The paintings before it, moved.
        trust: How far each pixel is followed, in [0, 1], (H, W).
        strokes: The strokes for the other pixels, (H, W, 3).
        levels: The frame of the film, uint8, (H, W, 3).

    Returns:
        The image, in [0, 1], (H, W, 3).

    """
    matched = match_colors(levels / np.float32(255), moved.pixels, moved.is_trusted)
    trust, inside = trust[..., None], moved.inside[..., None]
    start = trust * moved.pixels + (1 - trust) * (without_strokes(matched) + strokes).clip(0, 1)
    return inside * start + (1 - inside) * matched


def _levels(picture: Picture) -> Array:
    """Return the gray levels of a picture, uint8, (H, W, 3)."""
    levels = (picture.pixels * 255).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _looks_equal(warped: Array, frame: Array) -> Array:
    """Return where the moved frame of the film looks like the next one, (H, W)."""
    return blur(np.abs(warped - frame).mean(-1), TRUST_SIGMA) <= MAX_DIFFERENCE
