"""Optical flow between two images, where it can be trusted, and an image moved along it; OpenCV, of the extra `film`.

A flow says where each pixel of one image is in another, as differences of x and y in pixels, float32, (H, W, 2).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.film.extra import library

__all__ = ["Array", "compute_flow", "flows_agree", "is_inside", "warp"]

RELATIVE_TOLERANCE, TOLERANCE = 0.01, 0.5
"""The squared distance in pixels by which flows may disagree: a fraction of their squared lengths, and a constant."""

EDGE_TOLERANCE = 0.5
"""Pixels by which a flow may lead beyond an edge where nothing came in: the error of its estimate."""

Array = NDArray[Any]


def compute_flow(source: Array, target: Array) -> Array:
    """Return the flow from one image to another: where each pixel of the source is in the target.

    DIS computes it (Kroeger et al., *Fast Optical Flow using Dense Inverse Search*, ECCV 2016), down to the size of the
    images: by default it ends at half of it, and the flow runs over the edges of what moves (docs/notes/films.md).

    Args:
        source: uint8, (H, W, 3).
        target: Of the same shape and dtype.

    Returns:
        The flow, (H, W, 2).

    Raises:
        InputError: OpenCV is not installed.

    """
    cv2 = library("cv2")
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (source, target)]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    return dis.calc(*gray, None)


def warp(image: Array, flow: Array) -> Array:
    """Return the values that an image has where a flow leads.

    Lanczos' kernel preserves more of the strokes' detail than a cubic one, so that fewer evaluations have to paint it
    again (docs/notes/films.md).

    Args:
        image: The image, (H, W) or (H, W, channels).
        flow: A flow that leads to it, (H, W, 2).

    Returns:
        float32, of the image's shape.

    """
    cv2 = library("cv2")
    x, y = _end_points(flow)
    return cv2.remap(image.astype(np.float32), x, y, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)


def _end_points(flow: Array) -> tuple[Array, Array]:
    """Return x and y of where a flow leads from each pixel, each (H, W)."""
    height, width = flow.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return x + flow[..., 0], y + flow[..., 1]


def is_inside(flow: Array) -> Array:
    """Return where a flow leads into an image, or at most `EDGE_TOLERANCE` beyond its edges.

    Args:
        flow: The flow, (H, W, 2).

    Returns:
        True or False for each pixel, (H, W).

    """
    (x, y), (height, width), margin = _end_points(flow), flow.shape[:2], EDGE_TOLERANCE
    return (x >= -margin) & (x <= width - 1 + margin) & (y >= -margin) & (y <= height - 1 + margin)


def flows_agree(backward: Array, forward: Array) -> Array:
    """Return where a flow can be trusted: where the flow backward, and then the flow forward, lead to the same pixel.

    Sundaram, Brox and Keutzer, *Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow*, ECCV
    2010, equation 5.

    Args:
        backward: The flow to an earlier frame, (H, W, 2).
        forward: The flow from there, (H, W, 2).

    Returns:
        True or False for each pixel, (H, W).

    """
    cv2 = library("cv2")
    x, y = _end_points(backward)
    answer = cv2.remap(forward, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lengths = (backward**2).sum(-1) + (answer**2).sum(-1)
    return is_inside(backward) & (((backward + answer) ** 2).sum(-1) <= RELATIVE_TOLERANCE * lengths + TOLERANCE)
