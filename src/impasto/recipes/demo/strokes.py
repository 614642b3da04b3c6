"""Strokes of oil paint: their curves, the paint on the canvas, and the light on the thick paint.

This module knows only a color and a direction at every point of the motif.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from impasto.recipes.demo.fields import Array, blur, look, noise, unit
from impasto.recipes.demo.landscape import PALETTE, Landscape

__all__ = ["LAYERS", "Layer", "Stroke", "brush", "contrast", "light", "paint", "plan_strokes"]

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
    leave: float  # slope against the chord at the start
    arrive: float  # slope against the chord at the end
    first: Array  # (3,)
    second: Array  # (3,)
    row: int
    column: int


class Ribbon(NamedTuple):
    """The pixels that a stroke may cover, with their coordinates along and across the stroke."""

    pixels: NDArray[np.intp]  # (n,), into the flattened canvas
    along: Array  # (n,), 0 at the start, 1 at the end
    across: Array  # (n,), pixels from the curve
    length: float  # pixels
    half: float  # half the width, pixels


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
    start = points[look(detail, points) >= layer.detail].astype(np.float32)  # (n, 2)
    length = layer.length * generator.uniform(0.6, 1.25, (len(start), 1))
    end, arrive = _trace(landscape, start, length)
    first, second = _load(look(landscape.color, start), generator)
    texture_position = generator.integers(0, 512, (len(start), 2)).tolist()
    leave, arrive = _bend(start, end, look(landscape.flow, start)).tolist(), _bend(start, end, arrive).tolist()
    long_enough = np.linalg.norm(end - start, axis=-1) > 0.8 * layer.width
    return [
        Stroke(layer.width, start[k], end[k], leave[k], arrive[k], first[k], second[k], *texture_position[k])
        for k in np.flatnonzero(long_enough).tolist()
    ]


def contrast(color: Array) -> Array:
    """Return the rank of the local contrast, (h, w) in [0, 1], of a picture (h, w, 3)."""
    gray = color.mean(-1)
    variance = blur((gray - blur(gray, 6, 6)) ** 2, 6, 6)
    return variance.ravel().argsort().argsort().reshape(gray.shape) / gray.size


def _trace(landscape: Landscape, start: Array, length: Array, steps: int = 12) -> tuple[Array, Array]:
    """Follow the flow to the full length, or until the color changes or the path has turned by 70°."""
    leave, color = look(landscape.flow, start), look(landscape.color, start)
    points, heading, going = start, leave, np.ones(len(start), np.bool_)
    for step in range(steps):
        ahead = look(landscape.flow, points)
        to = (points + ahead * (length / steps)).astype(np.float32)
        going &= (ahead * leave).sum(-1) > 0.35
        if step >= 3:  # a stroke is at least a quarter of its length, or edges would dissolve into dots
            going &= np.abs(look(landscape.color, to) - color).sum(-1) < 0.75
        points, heading = np.where(going[:, None], to, points), np.where(going[:, None], ahead, heading)
    return points, heading


def _bend(start: Array, end: Array, heading: Array) -> Array:
    """Return the slope of a heading against the chord from start to end, at most 1.5."""
    chord = unit(end - start)
    ahead = (heading * chord).sum(-1)
    aside = heading[:, 1] * chord[:, 0] - heading[:, 0] * chord[:, 1]
    return np.clip(aside / np.maximum(ahead, 0.3), -1.5, 1.5)


def _load(seen: Array, generator: Generator) -> tuple[Array, Array]:
    """Return the brush's two colors: the seen color, mixed with a pigment near it, and a second pigment for streaks."""
    distance: Array = ((seen[:, None] - PALETTE) ** 2).sum(-1)  # (n, pigments)
    order = np.argsort(distance / 0.014 - generator.gumbel(size=distance.shape), axis=1)
    value = 1 + 0.10 * generator.standard_normal((len(seen), 1))
    tint = 0.022 * generator.standard_normal(seen.shape)
    first = (0.5 * seen + 0.5 * PALETTE[order[:, 0]]) * value + tint
    second = 0.45 * first + 0.55 * PALETTE[order[:, 1]]
    return np.clip(first, 0, 1).astype(np.float32), np.clip(second, 0, 1).astype(np.float32)


def brush(generator: Generator) -> Array:
    """Draw the brush's texture (1024, 512, 2) in [0, 1]: the bristles, and the fraction of the second color.

    Rows run along the stroke and columns across it: both values change fast across the stroke and slowly along it.
    """
    like = np.empty((1024, 512), np.float32)
    fine = noise(generator, like, 50, 0.95)
    coarse = noise(generator, like, 70, 3.5)
    patches = noise(generator, like, 60, 4.0)
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
    high = round(0.8 * size)
    rows, columns = np.mgrid[0:high, 0:size]
    tone = look(ground_color, (np.stack([columns, rows], -1) + 0.5) / size)
    canvas = np.concatenate([tone, np.zeros((high, size, 1))], -1).astype(np.float32).reshape(-1, 4)
    if size < REFERENCE_SIZE:  # bristles finer than a pixel would alias
        soft = 0.4 * REFERENCE_SIZE / size
        bristles = np.stack([blur(bristles[..., k], 0, soft) for k in range(2)], -1)
    for stroke in strokes:
        ribbon = _cover(stroke, size, high)
        coat, alpha = _mix(stroke, ribbon, bristles, size)
        under = canvas[ribbon.pixels]
        coat[:, 3] += 0.3 * under[:, 3]  # fresh paint adds to the height of the paint below
        canvas[ribbon.pixels] = under + alpha[:, None] * (coat - under)
    canvas = canvas.reshape(high, size, 4)
    return canvas[..., :3], canvas[..., 3]


def _cover(stroke: Stroke, width: int, height: int) -> Ribbon:
    """Find the pixels near the stroke's curve, a cubic Hermite curve over its chord, and near its round ends."""
    start, end, half = stroke.start * width, stroke.end * width, stroke.width * width / 2
    length = float(np.hypot(*(end - start)))
    cosine, sine = ((end - start) / length).tolist()
    margin = half + 1 + 0.15 * length * (abs(stroke.leave) + abs(stroke.arrive))
    left, top = np.maximum(np.minimum(start, end) - margin, 0).astype(np.int64).tolist()
    right, bottom = (
        np.maximum(np.minimum(np.maximum(start, end) + margin + 1, (width, height)), 0).astype(np.int64).tolist()
    )
    x = np.arange(left, right, dtype=np.float32)[None, :] + (0.5 - start[0])
    y = np.arange(top, bottom, dtype=np.float32)[:, None] + (0.5 - start[1])
    u = x * (cosine / length) + y * (sine / length)
    t = np.minimum(np.maximum(u, -0.1), 1.1)
    rest = 1 - t
    bow = t * rest * (stroke.leave * rest - stroke.arrive * t) * length
    slope = stroke.leave * rest * (1 - 3 * t) - stroke.arrive * t * (2 - 3 * t)
    v = (y * cosine - x * sine - bow) / np.sqrt(1 + slope * slope)
    inside = np.flatnonzero((np.abs(v) < half + 0.5) & (np.abs(u - 0.5) < 0.5 + half / length))
    rows, columns = np.divmod(inside, max(right - left, 1))
    return Ribbon((rows + top) * width + columns + left, u.ravel()[inside], v.ravel()[inside], length, half)


def _touch(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> Array:
    """Sample the brush's texture (n, 2) at the ribbon's pixels, linearly between columns."""
    column = ribbon.across * (REFERENCE_SIZE / size) + (
        stroke.column + 512
    )  # 512: positive, so that truncation is floor
    left = column.astype(np.intp)
    row = (ribbon.along * (1.5 * REFERENCE_SIZE * ribbon.length / size) + (stroke.row + 512)).astype(np.intp) % 1024
    fraction = (column - left).astype(np.float32)[:, None]
    return bristles[row, left % 512] * (1 - fraction) + bristles[row, (left + 1) % 512] * fraction


def _mix(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> tuple[Array, Array]:
    """Return the coat of paint (n, 4), color and thickness, and its opacity at each pixel (n,)."""
    u, half = ribbon.along, ribbon.half
    bristle, second = _touch(stroke, ribbon, bristles, size).T
    side = np.abs(ribbon.across) / half
    late = np.maximum(u - 0.5, 0) * 2
    taper = 1 - 0.45 * late * np.sqrt(late) - 0.2 * np.maximum(1 - u * 6, 0)
    side = side / np.maximum(taper, 0.2)
    square = side * side
    lead = u * ribbon.length + half * (0.55 - 0.55 * square - 0.35 * bristle)
    tail = (1 - u) * ribbon.length + half * (0.6 - 0.6 * square - 2.2 * (1 - bristle))
    edge = (1 - side) * (half * taper) + 0.3 * half * (bristle - 0.5)
    alpha = np.minimum(np.maximum(np.minimum(np.minimum(lead, tail), edge) * 0.8 + 0.5, 0), 1)
    dry = np.maximum(u - 0.3, 0) * 1.3
    alpha *= 1 - dry * np.minimum(np.maximum(0.6 - bristle, 0) * 1.8, 0.9)
    ridge = np.exp(-(((side - 0.82) / 0.16) ** 2)) * 0.45
    coat = np.empty((len(u), 4), np.float32)
    coat[:, :3] = (stroke.first + (stroke.second - stroke.first) * second[:, None]) * (0.88 + 0.22 * bristle)[:, None]
    coat[:, 3] = 0.4 * stroke.width**0.5 * (0.5 + 0.85 * bristle + ridge) * (1 - 0.3 * dry)
    return coat, alpha


def light(color: Array, height: Array) -> Array:
    """Shade the relief with diffuse light from the upper left and highlights on the ridges (Blinn and Phong).

    Args:
        color: The colors of the paint, (H, W, 3) in [0, 1].
        height: The height of the paint, (H, W).

    Returns:
        The shaded colors, float32, (H, W, 3) in [0, 1].

    """
    size, border = height.shape[1], 8
    soft = 0.5 * size / REFERENCE_SIZE
    settled = blur(np.pad(height, border, "edge"), soft, soft)
    down, right = np.gradient(settled[border:-border, border:-border] * (RELIEF * size))
    normal = unit(np.stack([-right, -down, np.ones_like(height)], -1))
    lamp = unit(LIGHT)
    halfway = unit(lamp + np.array([0, 0, 1], np.float32))
    shade = np.maximum(1 + 0.75 * (normal @ lamp - lamp[2]), 0.5)
    gloss = 0.15 * np.maximum(np.maximum(normal @ halfway, 0) ** 40 - halfway[2] ** 40, 0)
    return np.clip(color * shade[..., None] + gloss[..., None], 0, 1).astype(np.float32)
