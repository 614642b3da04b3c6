"""How a painted frame moves with the film: optical flow both ways, where it can be trusted, and the moved frame.

OpenCV, of the extra `film`, computes the flow (Kroeger et al., *Fast Optical Flow using Dense Inverse Search*, ECCV
2016). A pixel is followed where the flows forward and backward agree (Sundaram, Brox and Keutzer, *Dense Point
Trajectories by GPU-accelerated Large Displacement Optical Flow*, ECCV 2010, equation 5), and where the moved frame of
the film looks like the frame.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.film.extra import library
from impasto.images import Picture

__all__ = ["REMEMBERED_FRAMES", "Motion"]

RELATIVE_TOLERANCE, TOLERANCE = 0.01, 0.5
"""The squared distance in pixels by which flows may disagree: a fraction of their squared lengths, and a constant."""

MAX_DIFFERENCE = 24.0
"""The mean difference of a pixel's channels, in gray levels, from which on it is not the one that is followed."""

MIN_FOLLOWED_FRACTION = 0.3
"""The fraction of the pixels that can be followed, below which there is a cut."""

EARLIER_FRAMES = (2, 4, 8)
"""How many frames back a pixel is looked for that the frame before does not show: to see it again after a swing or
behind what passes, at the price of three more flows (docs/notes/films.md)."""

MAX_FOLLOWED_FRACTION = 0.99
"""The fraction of the pixels that are followed, from which on no earlier frame is looked at."""

FREE_FRAMES = 4
"""Frames in which a pixel is painted until it is held as firmly as the others."""

REMEMBERED_FRAMES = 64
"""Frames after which a frame no longer depends on what was followed before. Opacities were the same to the last bit 24
frames after a start in the middle of two films (docs/notes/films.md)."""

STROKE_FRACTION = 1 / 64
"""The width of a stroke, as a fraction of the long side: what is finer than it is taken from the painting."""

FLOW_ERROR = 0.5
"""Pixels by which the flow may lead beyond an edge where nothing came in: the error of its estimate."""

_MIN_SPREAD = 1 / 255

Array = NDArray[Any]


@dataclass(frozen=True)
class _PaintedFrame:
    """A frame of the film as it was painted."""

    levels: Array
    """The frame of the film, uint8, (H, W, 3)."""
    painted: Picture
    ages: Array
    """In how many frames each pixel was painted, at most `FREE_FRAMES`, (H, W)."""

    def moved_to(self, levels: Array) -> "_MovedFrame":
        """Return the frame, moved to where its content is in another frame of the film."""
        back, forth = _flow(levels, self.levels), _flow(self.levels, levels)
        followed = _agree(back, forth) & _alike(_moved(self.levels, back), levels)
        inside = (2 * _without_strokes(_inside(back, FLOW_ERROR).astype(np.float32)) - 1).clip(0, 1)
        pixels = _moved(self.painted.pixels.permute(1, 2, 0).numpy(), back).clip(0, 1)
        return _MovedFrame(followed, inside, pixels, _moved(self.ages, back) * inside)


class _MovedFrame(NamedTuple):
    """A painted frame, moved to where its content is in another frame of the film."""

    followed: Array
    """Where both frames of the film show the same, bool, (H, W)."""
    inside: Array
    """1 where the content is inside the painted frame, 0 where it came in at an edge, (H, W); in a margin between."""
    pixels: Array
    """(H, W, 3), in [0, 1]."""
    ages: Array
    """(H, W)."""


class Motion:
    """Moves painted frames along with the film, and counts in how many frames each of their pixels was painted.

    A pixel is followed from the frame before or, where that does not show it, from the nearest of some earlier frames
    that does (Ruder, Dosovitskiy and Brox, *Artistic Style Transfer for Videos*, GCPR 2016, section 4.3). What no such
    frame shows starts with the colors of the frame, matched with those of the painting, and the strokes of what was
    there before. What comes in at an edge of the frame starts without strokes, and so does, more and more toward it, a
    margin as wide as a stroke, so that there is no seam. Both are held to this start only after they were painted in
    some frames.
    """

    def __init__(self) -> None:
        self._frames: deque[_PaintedFrame] = deque(maxlen=max(EARLIER_FRAMES))
        self._ages: Array | None = None
        """The ages of the last painted frame, (H, W); None: often enough."""

    def followed(self, painted: Picture, before: Picture, now: Picture) -> Picture | None:
        """Return what the next frame starts from: the painted one, moved to where its content is now.

        Args:
            painted: The painted frame, of any size.
            before: The frame of the film that it was painted from, of its proportions.
            now: The next frame of the film.

        Returns:
            A picture of the size of `painted`, the more opaque the more firmly a pixel is held; None after a cut.

        Raises:
            InputError: OpenCV is not installed.

        """
        levels = _levels(now.resized(painted.width, painted.height))
        ages = np.full(levels.shape[:2], FREE_FRAMES, np.float32) if self._ages is None else self._ages
        self._frames.append(_PaintedFrame(_levels(before.resized(painted.width, painted.height)), painted, ages))
        moved = self._frames[-1].moved_to(levels)
        if moved.followed.mean() < MIN_FOLLOWED_FRACTION:
            self._frames.clear()
            self._ages = None
            return None
        start, followed, ages = self._with_earlier(_started(moved, levels), moved.followed, moved.ages, levels)
        alpha = followed * (ages / FREE_FRAMES).clip(0, 1)
        self._ages = np.minimum(np.where(followed, ages, 0) + 1, FREE_FRAMES)
        samples = torch.from_numpy(np.ascontiguousarray(start.transpose(2, 0, 1)))
        return Picture(samples, alpha=torch.from_numpy(alpha.astype(np.float32)))

    def _with_earlier(self, start: Array, followed: Array, ages: Array, levels: Array) -> tuple[Array, Array, Array]:
        """Return the start, where it is followed, and its ages, with what only earlier frames show."""
        for distance in EARLIER_FRAMES:
            if distance > len(self._frames) or followed.mean() > MAX_FOLLOWED_FRACTION:
                break
            earlier = self._frames[-distance].moved_to(levels)
            is_back = earlier.followed & ~followed
            start = np.where(is_back[..., None], earlier.pixels, start)
            ages = np.where(is_back, earlier.ages, ages)
            followed = followed | is_back
        return start, followed, ages


def _started(moved: _MovedFrame, levels: Array) -> Array:
    """Return what a frame of the film starts from, if there is but one painted frame before it, (H, W, 3)."""
    matched = _matched(levels / np.float32(255), moved.pixels, moved.followed)
    stroked = _without_strokes(matched) + moved.pixels - _without_strokes(moved.pixels)
    start = np.where(moved.followed[..., None], moved.pixels, stroked.clip(0, 1))
    inside = moved.inside[..., None]
    return inside * start + (1 - inside) * matched


def _matched(now: Array, moved: Array, trusted: Array) -> Array:
    """Return a frame in the colors of a painting.

    Args:
        now: The frame, in [0, 1], (H, W, 3).
        moved: The painted frame before it, moved along the flow, (H, W, 3).
        trusted: Where both show the same, (H, W).

    Returns:
        The frame with the means and deviations of the painted one, channel by channel, in [0, 1], (H, W, 3).

    """
    ours, theirs = now[trusted], moved[trusted]
    spread = theirs.std(0) / np.maximum(ours.std(0), _MIN_SPREAD)
    return ((now - ours.mean(0)) * spread + theirs.mean(0)).clip(0, 1).astype(np.float32)


def _without_strokes(image: Array) -> Array:
    """Return an image without what is finer than a stroke, of its shape."""
    sigma = max(image.shape) * STROKE_FRACTION
    return library("cv2").GaussianBlur(image, (0, 0), sigma, borderType=library("cv2").BORDER_REPLICATE)


def _levels(picture: Picture) -> Array:
    """Return the gray levels of a picture, uint8, (H, W, 3)."""
    levels = (picture.pixels * 255).round().clamp(0, 255).byte()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy())


def _flow(one: Array, other: Array) -> Array:
    """Return where each pixel of one image is in the other, as a difference of x and y in pixels, (H, W, 2)."""
    cv2 = library("cv2")
    gray = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (one, other)]
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*gray, None)


def _moved(image: Array, flow: Array) -> Array:
    """Return the values that an image has where a flow leads, float32, (H, W, channels).

    Lanczos' kernel keeps more of the strokes' detail than a cubic one, so that fewer evaluations have to paint it again
    (docs/notes/films.md).
    """
    cv2 = library("cv2")
    x, y = _ends(flow)
    return cv2.remap(image.astype(np.float32), x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _ends(flow: Array) -> tuple[Array, Array]:
    """Return x and y of where a flow leads from each pixel, each (H, W)."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def _inside(flow: Array, margin: float = 0.0) -> Array:
    """Return where a flow leads to a place of the image, or to one beyond it by a margin in pixels at most, (H, W)."""
    (x, y), (height, width) = _ends(flow), flow.shape[:2]
    return (x >= -margin) & (x <= width - 1 + margin) & (y >= -margin) & (y <= height - 1 + margin)


def _agree(back: Array, forth: Array) -> Array:
    """Return where the flow back, and the flow forth from where it leads, return to the same pixel, (H, W)."""
    cv2 = library("cv2")
    x, y = _ends(back)
    answer = cv2.remap(forth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = (back**2).sum(-1) + (answer**2).sum(-1)
    return _inside(back) & (((back + answer) ** 2).sum(-1) <= RELATIVE_TOLERANCE * lengths + TOLERANCE)


def _alike(moved: Array, now: Array) -> Array:
    """Return where the moved frame of the film looks like the next one, (H, W)."""
    return np.abs(moved - now).mean(-1) <= MAX_DIFFERENCE
