"""Strokes of oil paint: their curves, the paint on the canvas, and the light on the thick paint.

This module knows only a color and a direction at every point of the motif.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from impasto.recipes.demo.fields import Array, blur, noise, sample_field, unit
from impasto.recipes.demo.landscape import PALETTE, Landscape

__all__ = ["LAYERS", "Layer", "Stroke", "brush", "contrast", "paint", "plan_strokes", "shade_relief"]

REFERENCE_SIZE = 1024
"""The long side, in pixels, at which one column of the brush's texture is one pixel."""
LIGHT = np.array([-0.57, -0.57, 0.59], np.float32)
"""The direction to the lamp: right, down, toward the viewer."""
RELIEF = 0.058
"""The slope of the paint's surface that one unit of height over the long side gives; chosen by eye."""


class Layer(NamedTuple):
    """One pass over the canvas with one brush; lengths are in units of the long side."""

    width: float
    length: float
    spacing: float
    """The distance between the starts of strokes."""
    detail: float
    """The rank of the local contrast, in [0, 1], from which on the layer has strokes."""


LAYERS = (
    Layer(0.0460, 0.170, 0.0230, 0.00),
    Layer(0.0260, 0.120, 0.0140, 0.00),
    Layer(0.0155, 0.085, 0.0120, 0.25),
    Layer(0.0095, 0.056, 0.0090, 0.55),
    Layer(0.0060, 0.034, 0.0070, 0.80),
)


class Stroke(NamedTuple):
    """One stroke: a cubic curve over its chord, two colors, and the position at which it samples the bristles."""

    width: float
    start: Array  # (2,)
    end: Array  # (2,)
    start_slope: float  # slope against the chord at the start
    end_slope: float  # slope against the chord at the end
    first_color: Array  # (3,)
    second_color: Array  # (3,)
    row: int
    column: int


class Ribbon(NamedTuple):
    """The pixels that a stroke may cover, with their coordinates along and across the stroke."""

    pixels: NDArray[np.intp]  # (n,), into the flattened canvas
    along: Array  # (n,), 0 at the start, 1 at the end
    across: Array  # (n,), pixels from the curve
    length: float  # pixels
    half_width: float  # half the width, pixels


def plan_strokes(landscape: Landscape, detail: Array, layer: Layer, generator: Generator) -> list[Stroke]:
    """Plan the strokes of a layer, in random order, which start at jittered points of a hexagonal grid.

    Args:
        landscape: The colors and directions that the strokes take.
        detail: The rank of the local contrast, (h, w), in [0, 1].
        layer: The brush and the least rank.
        generator: The source of random numbers.

    Returns:
        The strokes that are not too short for their width.

    """
    rows, columns = np.mgrid[-1 : 0.8 / layer.spacing + 1, -1 : 1 / layer.spacing + 1]
    points = np.stack([columns + 0.5 * (rows % 2), rows], -1).reshape(-1, 2)
    points = generator.permutation(points + generator.uniform(-0.5, 0.5, points.shape)) * layer.spacing
    start = points[sample_field(detail, points) >= layer.detail].astype(np.float32)  # (n, 2)
    length = layer.length * generator.uniform(0.6, 1.25, (len(start), 1))
    end, end_heading = _trace(landscape, start, length)
    first, second = _mix_pigments(sample_field(landscape.color, start), generator)
    texture_position = generator.integers(0, 512, (len(start), 2)).tolist()
    start_slope = _slope(start, end, sample_field(landscape.flow, start)).tolist()
    end_slope = _slope(start, end, end_heading).tolist()
    long_enough = np.linalg.norm(end - start, axis=-1) > 0.8 * layer.width
    return [
        Stroke(layer.width, start[k], end[k], start_slope[k], end_slope[k], first[k], second[k], *texture_position[k])
        for k in np.flatnonzero(long_enough).tolist()
    ]


def contrast(color: Array) -> Array:
    """Return the rank of the local contrast, (h, w) in [0, 1], of a picture (h, w, 3)."""
    gray = color.mean(-1)
    variance = blur((gray - blur(gray, 6, 6)) ** 2, 6, 6)
    return variance.ravel().argsort().argsort().reshape(gray.shape) / gray.size


def _trace(landscape: Landscape, start: Array, length: Array, steps: int = 12) -> tuple[Array, Array]:
    """Follow the flow to the full length, or until the color changes or the path has turned by 70°."""
    start_heading, color = sample_field(landscape.flow, start), sample_field(landscape.color, start)
    points, heading, is_moving = start, start_heading, np.ones(len(start), np.bool_)
    for step in range(steps):
        flow = sample_field(landscape.flow, points)
        next_points = (points + flow * (length / steps)).astype(np.float32)
        is_moving &= (flow * start_heading).sum(-1) > 0.35
        if step >= 3:  # a stroke is at least a quarter of its length, or edges would dissolve into dots
            is_moving &= np.abs(sample_field(landscape.color, next_points) - color).sum(-1) < 0.75
        points, heading = np.where(is_moving[:, None], next_points, points), np.where(is_moving[:, None], flow, heading)
    return points, heading


def _slope(start: Array, end: Array, heading: Array) -> Array:
    """Return the slope of a heading against the chord from start to end, at most 1.5."""
    chord = unit(end - start)
    parallel = (heading * chord).sum(-1)
    perpendicular = heading[:, 1] * chord[:, 0] - heading[:, 0] * chord[:, 1]
    return np.clip(perpendicular / np.maximum(parallel, 0.3), -1.5, 1.5)


def _mix_pigments(color: Array, generator: Generator) -> tuple[Array, Array]:
    """Return the brush's two colors: a color mixed with a pigment near it, and a second pigment for streaks."""
    distance: Array = ((color[:, None] - PALETTE) ** 2).sum(-1)  # (n, pigments)
    order = np.argsort(distance / 0.014 - generator.gumbel(size=distance.shape), axis=1)
    value = 1 + 0.10 * generator.standard_normal((len(color), 1))
    tint = 0.022 * generator.standard_normal(color.shape)
    first = (0.5 * color + 0.5 * PALETTE[order[:, 0]]) * value + tint
    second = 0.45 * first + 0.55 * PALETTE[order[:, 1]]
    return np.clip(first, 0, 1).astype(np.float32), np.clip(second, 0, 1).astype(np.float32)


def brush(generator: Generator) -> Array:
    """Draw the brush's texture (1024, 512, 2) in [0, 1]: the bristles, and the fraction of the second color.

    Rows run along the stroke and columns across it: both values change fast across the stroke and slowly along it.
    """
    field = np.empty((1024, 512), np.float32)
    fine = noise(generator, field, 50, 0.95)
    coarse = noise(generator, field, 70, 3.5)
    patches = noise(generator, field, 60, 4.0)
    bristles = np.tanh(0.85 * fine + 0.55 * coarse)
    fraction = np.tanh(1.6 * patches + 0.6 * fine - 0.5)
    return (0.5 + 0.5 * np.stack([bristles, fraction], -1)).astype(np.float32)


def paint(ground_color: Array, strokes: list[Stroke], bristles: Array, size: int) -> tuple[Array, Array]:
    """Paint the strokes on a toned canvas.

    Args:
        ground_color: The colors of the canvas before the first stroke, (h, w, 3).
        strokes: The strokes, in the order in which they are painted.
        bristles: The brush's texture, (1024, 512, 2).
        size: The long side of the painting, in pixels.

    Returns:
        The colors, (H, W, 3), and the height of the paint, (H, W).

    """
    height = round(0.8 * size)
    rows, columns = np.mgrid[0:height, 0:size]
    tone = sample_field(ground_color, (np.stack([columns, rows], -1) + 0.5) / size)
    canvas = np.concatenate([tone, np.zeros((height, size, 1))], -1).astype(np.float32).reshape(-1, 4)
    if size < REFERENCE_SIZE:  # bristles finer than a pixel would alias
        deviation = 0.4 * REFERENCE_SIZE / size
        bristles = np.stack([blur(bristles[..., k], 0, deviation) for k in range(2)], -1)
    for stroke in strokes:
        ribbon = _find_ribbon(stroke, size, height)
        coat, alpha = _coat(stroke, ribbon, bristles, size)
        ground = canvas[ribbon.pixels]
        coat[:, 3] += 0.3 * ground[:, 3]  # fresh paint adds to the height of the paint below
        canvas[ribbon.pixels] = ground + alpha[:, None] * (coat - ground)
    canvas = canvas.reshape(height, size, 4)
    return canvas[..., :3], canvas[..., 3]


def _find_ribbon(stroke: Stroke, width: int, height: int) -> Ribbon:
    """Find the pixels near the stroke's curve, a cubic Hermite curve over its chord, and near its round ends."""
    start, end, half_width = stroke.start * width, stroke.end * width, stroke.width * width / 2
    length = float(np.hypot(*(end - start)))
    cosine, sine = ((end - start) / length).tolist()
    margin = half_width + 1 + 0.15 * length * (abs(stroke.start_slope) + abs(stroke.end_slope))
    left, top = np.maximum(np.minimum(start, end) - margin, 0).astype(np.int64).tolist()
    right, bottom = (
        np.maximum(np.minimum(np.maximum(start, end) + margin + 1, (width, height)), 0).astype(np.int64).tolist()
    )
    x = np.arange(left, right, dtype=np.float32)[None, :] + (0.5 - start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + (0.5 - start[1])
    u = x * (cosine / length) + y * (sine / length)
    t = np.minimum(np.maximum(u, -0.1), 1.1)
    complement = 1 - t
    bow = t * complement * (stroke.start_slope * complement - stroke.end_slope * t) * length
    slope = stroke.start_slope * complement * (1 - 3 * t) - stroke.end_slope * t * (2 - 3 * t)
    v = (y * cosine - x * sine - bow) / np.sqrt(1 + slope * slope)
    inside = np.flatnonzero((np.abs(v) < half_width + 0.5) & (np.abs(u - 0.5) < 0.5 + half_width / length))
    rows, columns = np.divmod(inside, max(right - left, 1))
    return Ribbon((rows + top) * width + columns + left, u.ravel()[inside], v.ravel()[inside], length, half_width)


def _sample_bristles(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> Array:
    """Sample the brush's texture (n, 2) at the ribbon's pixels, linearly between columns."""
    column = ribbon.across * (REFERENCE_SIZE / size) + (stroke.column + 512)  # positive, so that truncation is floor
    left = column.astype(np.intp)
    row = (ribbon.along * (1.5 * REFERENCE_SIZE * ribbon.length / size) + (stroke.row + 512)).astype(np.intp) % 1024
    fraction = (column - left).astype(np.float32)[:, None]
    return bristles[row, left % 512] * (1 - fraction) + bristles[row, (left + 1) % 512] * fraction


def _coat(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> tuple[Array, Array]:
    """Return the coat of paint (n, 4), color and thickness, and its opacity at each pixel (n,)."""
    u, half_width = ribbon.along, ribbon.half_width
    bristle, fraction = _sample_bristles(stroke, ribbon, bristles, size).T
    side = np.abs(ribbon.across) / half_width
    late = np.maximum(u - 0.5, 0) * 2
    taper = 1 - 0.45 * late * np.sqrt(late) - 0.2 * np.maximum(1 - u * 6, 0)
    side = side / np.maximum(taper, 0.2)
    square = side * side
    lead = u * ribbon.length + half_width * (0.55 - 0.55 * square - 0.35 * bristle)
    tail = (1 - u) * ribbon.length + half_width * (0.6 - 0.6 * square - 2.2 * (1 - bristle))
    edge = (1 - side) * (half_width * taper) + 0.3 * half_width * (bristle - 0.5)
    alpha = np.minimum(np.maximum(np.minimum(np.minimum(lead, tail), edge) * 0.8 + 0.5, 0), 1)
    dry = np.maximum(u - 0.3, 0) * 1.3
    alpha *= 1 - dry * np.minimum(np.maximum(0.6 - bristle, 0) * 1.8, 0.9)
    ridge = np.exp(-(((side - 0.82) / 0.16) ** 2)) * 0.45
    coat = np.empty((len(u), 4), np.float32)
    color = stroke.first_color + (stroke.second_color - stroke.first_color) * fraction[:, None]
    coat[:, :3] = color * (0.88 + 0.22 * bristle)[:, None]
    coat[:, 3] = 0.4 * stroke.width**0.5 * (0.5 + 0.85 * bristle + ridge) * (1 - 0.3 * dry)
    return coat, alpha


def shade_relief(color: Array, height: Array) -> Array:
    """Shade the relief with diffuse light from the upper left and highlights on the ridges (Blinn and Phong).

    Args:
        color: The colors of the paint, (H, W, 3) in [0, 1].
        height: The height of the paint, (H, W).

    Returns:
        The shaded colors, float32, (H, W, 3) in [0, 1].

    """
    size, border = height.shape[1], 8
    deviation = 0.5 * size / REFERENCE_SIZE
    smooth_height = blur(np.pad(height, border, "edge"), deviation, deviation)
    down, right = np.gradient(smooth_height[border:-border, border:-border] * (RELIEF * size))
    normal = unit(np.stack([-right, -down, np.ones_like(height)], -1))
    light = unit(LIGHT)
    halfway = unit(light + np.array([0, 0, 1], np.float32))
    shade = np.maximum(1 + 0.75 * (normal @ light - light[2]), 0.5)
    gloss = 0.15 * np.maximum(np.maximum(normal @ halfway, 0) ** 40 - halfway[2] ** 40, 0)
    return np.clip(color * shade[..., None] + gloss[..., None], 0, 1).astype(np.float32)
