"""Arithmetic on fields over the canvas: smooth noise, sampling a grid, mixing pigments.

A field is an array whose first two axes are rows and columns. Points (x, y) are in units of the long side.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

__all__ = ["Array", "Pigment", "blur", "noise", "ramp", "sample_field", "unit"]

Array: TypeAlias = NDArray[np.floating[Any]]
Pigment: TypeAlias = tuple[float, float, float]


def blur(field: Array, down: float, across: float) -> Array:
    """Filter a field with a Gaussian; the field wraps around.

    Args:
        field: The field, (h, w).
        down: The standard deviation along a column, in samples.
        across: The standard deviation along a row, in samples.

    Returns:
        The filtered field, float32, (h, w).

    """
    vertical = np.fft.fftfreq(field.shape[0])[:, None] * down
    horizontal = np.fft.rfftfreq(field.shape[1])[None, :] * across
    kernel = np.exp(-2 * np.pi**2 * (vertical**2 + horizontal**2))
    return np.fft.irfft2(np.fft.rfft2(field) * kernel, field.shape).astype(np.float32)


def noise(generator: Generator, field: Array, down: float, across: float) -> Array:
    """Draw smooth noise of mean 0 and standard deviation 1.

    Args:
        generator: The source of random numbers.
        field: Any field of the shape of the noise, (h, w).
        down: The standard deviation of the smoothing along a column, in samples.
        across: The standard deviation of the smoothing along a row, in samples.

    Returns:
        The noise, (h, w).

    """
    smooth = blur(generator.standard_normal(field.shape, np.float32), down, across)
    return (smooth - smooth.mean()) / smooth.std()


def sample_field(field: Array, points: Array) -> Array:
    """Sample a field at points; points outside take the value at the border.

    Args:
        field: The field, (h, w) or (h, w, C).
        points: The points, (…, 2), in units of the long side.

    Returns:
        The values, (…) or (…, C).

    """
    position = (points * field.shape[1]).astype(np.intp)
    column = np.minimum(np.maximum(position[..., 0], 0), field.shape[1] - 1)
    row = np.minimum(np.maximum(position[..., 1], 0), field.shape[0] - 1)
    flat = field.reshape(-1, *field.shape[2:])
    return np.take(flat, row * field.shape[1] + column, axis=0)  # twice as fast as field[row, column]


def ramp(tone: Array, *pigments: Pigment) -> Array:
    """Map tones to colors between pigments at equal steps.

    Args:
        tone: Tones in [0, 1], (h, w).
        pigments: The colors of the tones 0, …, 1, in sRGB.

    Returns:
        The colors, (h, w, 3).

    """
    stops = np.linspace(0, 1, len(pigments))
    return np.stack([np.interp(tone, stops, channel) for channel in zip(*pigments, strict=True)], -1)


def unit(vectors: Array) -> Array:
    """Scale vectors to length 1."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
