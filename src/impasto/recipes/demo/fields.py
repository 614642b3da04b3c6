"""Fields over the canvas: smooth noise, reading a grid, mixing pigments. Knows nothing of what they show.

A field is an array whose first two axes are rows and columns; points are in units of the long side.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Array", "Pigment", "blur", "look", "noise", "ramp", "unit"]

Array: TypeAlias = NDArray[np.floating[Any]]
Pigment: TypeAlias = tuple[float, float, float]


def blur(field: Array, down: float, across: float) -> Array:
    """Filter with a Gaussian of these deviations in samples; the field wraps around."""
    vertical = np.fft.fftfreq(field.shape[0])[:, None] * down
    horizontal = np.fft.rfftfreq(field.shape[1])[None, :] * across
    kernel = np.exp(-2 * np.pi**2 * (vertical**2 + horizontal**2))
    return np.fft.irfft2(np.fft.rfft2(field) * kernel, field.shape).astype(np.float32)


def noise(generator: Generator, like: Array, down: float, across: float) -> Array:
    """Draw smooth noise of mean 0 and deviation 1 in the shape of `like`."""
    field = blur(generator.standard_normal(like.shape, np.float32), down, across)
    return (field - field.mean()) / field.std()


def look(field: Array, points: Array) -> Array:
    """Read a grid at points (…, 2) in units of the long side; outside, its border."""
    place = (points * field.shape[1]).astype(np.intp)
    column = np.minimum(np.maximum(place[..., 0], 0), field.shape[1] - 1)
    row = np.minimum(np.maximum(place[..., 1], 0), field.shape[0] - 1)
    flat = field.reshape(-1, *field.shape[2:])
    return np.take(flat, row * field.shape[1] + column, axis=0)  # twice as fast as field[row, column]


def ramp(tone: Array, *pigments: Pigment) -> Array:
    """Map a tone in [0, 1] to a color between pigments at equal steps."""
    stops = np.linspace(0, 1, len(pigments))
    return np.stack([np.interp(tone, stops, channel) for channel in zip(*pigments, strict=True)], -1)


def unit(vectors: Array) -> Array:
    """Scale vectors to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
