"""The demo's two pictures: a photograph that matplotlib carries, and a painting that this module paints.

It knows a palette, a landscape by the sea, a flow field, oil strokes and the light on thick paint. It knows nothing of
style transfer, of image files or of the network: numpy paints, and torch only carries the finished picture.

Lengths are in units of the long side: x runs over [0, 1] and y, downward, over [0, 0.8]. Random numbers are drawn for
the landscape and for the strokes, never for pixels, so every size shows the same painting.
"""

from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.random import PCG64, Generator
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import PictureError

__all__ = ["painting", "photograph"]

Array: TypeAlias = NDArray[np.floating[Any]]
Pigment: TypeAlias = tuple[float, float, float]

NIGHT = (0.045, 0.060, 0.170)
ULTRAMARINE = (0.085, 0.130, 0.440)
COBALT = (0.120, 0.300, 0.640)
TEAL = (0.070, 0.440, 0.500)
CERULEAN = (0.420, 0.670, 0.740)
VIOLET = (0.300, 0.220, 0.460)
LAVENDER = (0.560, 0.440, 0.760)
VIRIDIAN = (0.060, 0.330, 0.260)
SAP = (0.330, 0.440, 0.150)
UMBER = (0.200, 0.110, 0.090)
SIENNA = (0.560, 0.260, 0.110)
OCHRE = (0.800, 0.560, 0.170)
ORANGE = (0.930, 0.560, 0.140)
NAPLES = (0.960, 0.820, 0.450)
CORAL = (0.920, 0.500, 0.360)
VERMILION = (0.860, 0.230, 0.120)
WHITE = (0.970, 0.940, 0.840)
PALETTE = np.array(
    [NIGHT, ULTRAMARINE, COBALT, TEAL, CERULEAN, VIOLET, LAVENDER, VIRIDIAN, SAP,
     UMBER, SIENNA, OCHRE, ORANGE, NAPLES, CORAL, VERMILION, WHITE],
    np.float32,
)  # fmt: skip

GRID = 640
"""Samples along the long side of the landscape that the strokes take their colors from."""
REFERENCE = 1024
"""The size at which one column of the brush's texture is one pixel."""
SMALLEST = 64
SUN = (0.660, 0.265, 0.062)
MOON = (0.215, 0.125, 0.030)
HORIZON = 0.440
LIGHT = np.array([-0.57, -0.57, 0.59], np.float32)
"""From the canvas to the lamp: right, down, toward the viewer."""
RELIEF = 0.058
"""Slope of the paint's surface for a unit of height over the long side."""


class Landscape(NamedTuple):
    """What the painter sees: a color and a direction for the brush at every point of the grid."""

    color: Array  # (h, w, 3)
    flow: Array  # (h, w, 2), unit vectors (x, y)


class Layer(NamedTuple):
    """One pass over the canvas with one brush, where the landscape's contrast ranks above `detail`."""

    width: float
    length: float
    spacing: float
    detail: float


LAYERS = (
    Layer(0.0460, 0.170, 0.0230, 0.00),
    Layer(0.0260, 0.120, 0.0140, 0.00),
    Layer(0.0155, 0.085, 0.0120, 0.25),
    Layer(0.0095, 0.056, 0.0090, 0.55),
    Layer(0.0060, 0.034, 0.0070, 0.80),
)


class Stroke(NamedTuple):
    """One touch of the brush: a cubic curve over its chord, two colors, and the place where it reads the bristles."""

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
    """The pixels that a stroke may touch, in the stroke's own coordinates."""

    pixels: NDArray[np.intp]  # (n,), into the flattened canvas
    along: Array  # (n,), 0 at the start, 1 at the end
    across: Array  # (n,), pixels from the curve
    length: float  # pixels
    half: float  # half the width, pixels


def photograph() -> Path:
    """Return the path of matplotlib's sample photograph, the portrait of Grace Hopper (public domain)."""
    from matplotlib import cbook  # noqa: PLC0415  matplotlib is slow to import

    return Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def painting(size: int = 1024, seed: int = 0) -> Tensor:
    """Paint a landscape by the sea in thick oil, float32 (3, 0.8·size, size) in [0, 1] sRGB.

    The same size and seed give the same bytes; another seed gives the same motif with other clouds and other strokes.

    Raises:
        PictureError: `size`, the long side in pixels, is too small for a stroke to be seen.
    """
    if size < SMALLEST:
        raise PictureError(f"The painting's long side is {size} pixels, but it needs at least {SMALLEST}.")
    generator = Generator(PCG64(seed))
    landscape = compose(generator)
    bristles = brush(generator)
    detail = contrast(landscape.color)
    strokes = [stroke for layer in LAYERS for stroke in plan_strokes(landscape, detail, layer, generator)]
    color, height = paint(landscape.color, strokes, bristles, size)
    return torch.from_numpy(np.ascontiguousarray(light(color, height).transpose(2, 0, 1)))  # (3, H, W)


# Fields: smooth noise, reading a grid, mixing pigments.


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
    place = (points * GRID).astype(np.intp)
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


def over(below: Landscape, above: Landscape, mask: NDArray[np.bool_]) -> Landscape:
    """Lay one landscape over another where the mask is true."""
    chosen = mask[..., None]
    return Landscape(np.where(chosen, above.color, below.color), np.where(chosen, above.flow, below.flow))


# Flow: the direction of the brush.


def along(slope: Array) -> Array:
    """Return the direction (1, slope)."""
    return unit(np.stack([np.ones_like(slope), slope], -1))


def swirl(x: Array, y: Array, vortices: list[tuple[float, float, float, float]], wind: Array) -> Array:
    """Add vortices (x, y, reach, strength) to the wind."""
    total = wind.copy()
    for center_x, center_y, reach, strength in vortices:
        dx, dy = x - center_x, y - center_y
        radius = np.hypot(dx, dy) + 0.006
        total += np.stack([-dy, dx], -1) * (strength * np.exp(-((radius / reach) ** 2)) / radius)[..., None]
    return total


def streaks(flow: Array, grain: Array, steps: int = 16) -> Array:
    """Smear grain along the flow, squashed into [0, 1] (line integral convolution; Cabral and Leedom, 1993)."""
    rows, columns = np.mgrid[0 : grain.shape[0], 0 : grain.shape[1]]
    origin = (np.stack([columns, rows], -1) + 0.5).astype(np.float32) / GRID
    total = grain.copy()
    for step in (-2.6 / GRID, 2.6 / GRID):
        at = origin
        for _ in range(steps):
            at = at + step * look(flow, at)
            total += look(grain, at)
    return 0.5 + 0.5 * np.tanh(0.9 * (total - total.mean()) / total.std())


# Composition: the forms of the landscape, from far to near; each paints over the scene behind it.


def compose(generator: Generator) -> Landscape:
    """Compose the landscape: an evening sky, mountains, the sea, fields, a pine, rows of lavender."""
    y, x = (np.mgrid[0 : GRID * 4 // 5, 0:GRID].astype(np.float32) + 0.5) / GRID
    scene = sky(x, y, generator)
    for form in (mountains, sea, fields, pine, lavender):
        scene = form(scene, x, y, generator)
    return Landscape(scene.color.astype(np.float32), scene.flow.astype(np.float32))


def sky(x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint wind and vortices from night above to fire at the horizon, with the sun and a pale moon."""
    turbulence = 0.45 * np.sin(7 * x + 8 * y + 2) + 0.25 * noise(generator, x, 60, 60)
    eddies = [(0.40, 0.22, 0.09, 3.0), (0.93, 0.12, 0.10, -3.0), (0.56, 0.03, 0.06, -2.2)]
    shifts = generator.uniform(-0.015, 0.015, (len(eddies), 2)).tolist()
    vortices = [
        (a + dx, b + dy, reach, strength) for (a, b, reach, strength), (dx, dy) in zip(eddies, shifts, strict=True)
    ]
    wind = np.stack([np.ones_like(x), turbulence], -1)
    flow = swirl(x, y, [(*SUN[:2], 0.20, 5.0), (*MOON[:2], 0.11, -3.5), *vortices], wind)
    flow[..., 1] *= np.clip((HORIZON - y) / 0.10, 0.12, 1)  # the air comes to rest on the sea
    flow = unit(flow)
    streak = streaks(flow, noise(generator, x, 7, 7))
    sun, moon = (np.hypot(x - a, y - b) / radius for a, b, radius in (SUN, MOON))
    tone = 0.44 * streak + 0.50 * np.clip(y / HORIZON, 0, 1) ** 2.2 - 0.01
    tone += 0.46 * np.exp(-((sun / 2.3) ** 2)) * (0.60 + 0.40 * np.cos(4.4 * (sun - 1.35) + 1.5 * streak))
    tone += 0.36 * np.exp(-((moon / 2.4) ** 2)) * (0.70 + 0.30 * np.cos(4.5 * moon))
    air = ramp(tone, NIGHT, ULTRAMARINE, COBALT, TEAL, CERULEAN, NAPLES, NAPLES, ORANGE, CORAL, VERMILION)
    scene = Landscape(air, flow)
    scene = over(scene, Landscape(ramp(streak, VERMILION, VERMILION, ORANGE), flow), sun < 1.14)
    scene = over(scene, Landscape(ramp(streak + 0.3 * (1 - sun), ORANGE, NAPLES, WHITE, WHITE), flow), sun < 0.86)
    return over(scene, Landscape(ramp(streak, NAPLES, WHITE, WHITE), flow), moon < 1)


def ground(y: Array, top: Array, slant: Array, grain: Array, *pigments: Pigment) -> Landscape:
    """Paint ground whose strokes follow its upper contour `top` plus `slant`, and lighter along that contour."""
    flow = along(np.gradient(top, axis=1) * GRID + slant)
    tone = 0.75 * streaks(flow, grain) + 0.25 * np.clip(1 - (y - top) / 0.10, 0, 1)
    return Landscape(ramp(tone, *pigments), flow)


def hump(x: Array, center: float, width: float) -> Array:
    """Return a Gaussian hill of height 1."""
    return np.exp(-(((x - center) / width) ** 2))


def mountains(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint violet ranges on both sides of the bay."""
    top = HORIZON + 0.012 - 0.060 * hump(x, 0.10, 0.13) - 0.045 * hump(x, 0.33, 0.09) - 0.060 * hump(x, 1.0, 0.10)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    form = ground(y, top, waver, grain, NIGHT, ULTRAMARINE, VIOLET, VIOLET, TEAL, CERULEAN)
    return over(scene, form, y > top)


def sea(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint long waves, and the sun's path over them in broken touches."""
    top = np.full_like(x, HORIZON)
    waves = 0.10 * np.sin(90 * y + 11 * x)
    grain, waver = noise(generator, x, 2.5, 2.5), 0.08 * noise(generator, x, 40, 40)
    water = (NIGHT, ULTRAMARINE, COBALT, TEAL, TEAL, CERULEAN, WHITE)
    form = ground(y, top, waves + waver, grain, *water)
    glitter = streaks(form.flow, noise(generator, x, 2.2, 5), 6)
    spread = np.abs(x - SUN[0]) / (0.050 + 0.40 * np.maximum(y - HORIZON, 0))
    fire = Landscape(ramp(glitter, VERMILION, VERMILION, ORANGE, NAPLES, WHITE), form.flow)
    return over(scene, over(form, fire, glitter > 0.15 + 0.50 * spread), y > top)


def fields(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint a green headland, and before it the hill of ripe wheat."""
    top = 0.575 + 0.035 * np.sin(4.2 * x + 2.5) - 0.085 * hump(x, 1.0, 0.15)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    form = ground(y, top, waver + 2.5 * (y - top), grain, NIGHT, VIRIDIAN, VIRIDIAN, TEAL, SAP, OCHRE)
    scene = over(scene, form, y > top)
    top = 0.615 - 0.045 * np.sin(3.6 * x + 0.2) + 0.025 * np.sin(8 * x)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    wheat = (VIOLET, SIENNA, OCHRE, OCHRE, ORANGE, NAPLES, NAPLES, WHITE)
    form = ground(y, top, waver - 7 * (x - 0.45) * (y - top), grain, *wheat)
    return over(scene, form, y > top)


def pine(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint a forked pine whose crown lies in flat clouds, lit from above."""
    rise = (0.74 - y) / 0.38
    bent = np.abs(x - 0.105 - 0.125 * np.clip(rise, 0, 1) ** 1.6) < 0.016 - 0.008 * rise
    fork = np.abs(x - 0.105 + 0.060 * np.clip(rise, 0, 1) ** 0.9) < 0.013 - 0.008 * rise
    flow = along(np.full_like(x, -3.0))
    bark = ramp(streaks(flow, noise(generator, x, 4, 3), 8), NIGHT, UMBER, UMBER, SIENNA, ORANGE)
    scene = over(scene, Landscape(bark, flow), (bent & (rise < 1)) | (fork & (rise < 0.8)))
    clouds = np.array([(0.225, 0.335, 0.115, 0.050), (0.135, 0.385, 0.085, 0.042), (0.300, 0.395, 0.070, 0.032),
                       (0.035, 0.425, 0.080, 0.045), (0.205, 0.435, 0.060, 0.026)])  # fmt: skip
    distance = np.stack([((x - a) / wide) ** 2 + ((y - b) / high) ** 2 for a, b, wide, high in clouds])
    flow = unit(swirl(x, y, [(a, b, 0.8 * wide, 2.5) for a, b, wide, _ in clouds.tolist()], along(0 * x)))
    lit = np.clip(0.5 - (y - clouds[distance.argmin(0), 1]) / 0.07 + 0.8 * (x - 0.15), 0, 1)
    tone = 0.55 * streaks(flow, noise(generator, x, 4, 4), 8) + 0.45 * lit
    needles = Landscape(ramp(tone, NIGHT, NIGHT, VIRIDIAN, VIRIDIAN, SAP, OCHRE), flow)
    return over(scene, needles, distance.min(0) + 0.16 * noise(generator, x, 9, 9) < 1)


def lavender(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint rows of lavender that run to a point beneath the sun, and poppies among them."""
    top = 0.705 + 0.035 * np.sin(5 * x + 1.6)
    dx, dy = x - 0.60, y - 0.50
    waver = noise(generator, x, 40, 40)
    flow = unit(np.stack([dx + 0.06 * waver, dy], -1))
    streak = streaks(flow, noise(generator, x, 4, 4))
    in_bloom = np.sin(26 * np.arctan2(dx, dy) + 0.5 * waver) > -0.1
    flowers = Landscape(ramp(streak, VIOLET, VIOLET, LAVENDER, LAVENDER, CORAL), flow)
    rows = over(Landscape(ramp(streak, NIGHT, NIGHT, VIRIDIAN, SAP, SAP), flow), flowers, in_bloom)
    scene = over(scene, rows, y > top)
    bloom = noise(generator, x, 3.5, 4.5) + 2.5 * (y - 0.72) - 1.5
    poppies = Landscape(ramp(bloom, CORAL, VERMILION, VERMILION), flow)
    return over(scene, poppies, (y > top - 0.012) & (bloom > 0))


# Strokes: where the brush goes, and with which paint.


def plan_strokes(landscape: Landscape, detail: Array, layer: Layer, generator: Generator) -> list[Stroke]:
    """Plan one layer's strokes, in random order, from jittered hexagonal points where `detail` (h, w) asks for them."""
    rows, columns = np.mgrid[-1 : 0.8 / layer.spacing + 1, -1 : 1 / layer.spacing + 1]
    points = np.stack([columns + 0.5 * (rows % 2), rows], -1).reshape(-1, 2)
    points = generator.permutation(points + generator.uniform(-0.5, 0.5, points.shape)) * layer.spacing
    start = points[look(detail, points) >= layer.detail].astype(np.float32)  # (n, 2)
    length = layer.length * generator.uniform(0.6, 1.25, (len(start), 1))
    end, arrive = trace(landscape, start, length)
    first, second = load(look(landscape.color, start), generator)
    place = generator.integers(0, 512, (len(start), 2)).tolist()
    leave, arrive = bend(start, end, look(landscape.flow, start)).tolist(), bend(start, end, arrive).tolist()
    long_enough = np.linalg.norm(end - start, axis=-1) > 0.8 * layer.width
    return [
        Stroke(layer.width, start[k], end[k], leave[k], arrive[k], first[k], second[k], *place[k])
        for k in np.flatnonzero(long_enough).tolist()
    ]


def contrast(color: Array) -> Array:
    """Rank the local contrast of a picture (h, w, 3) in [0, 1]."""
    gray = color.mean(-1)
    variance = blur((gray - blur(gray, 6, 6)) ** 2, 6, 6)
    return variance.ravel().argsort().argsort().reshape(gray.shape) / gray.size


def trace(landscape: Landscape, start: Array, length: Array, steps: int = 12) -> tuple[Array, Array]:
    """Follow the flow until the length is used, the color changes or the path has turned by 70°."""
    leave, color = look(landscape.flow, start), look(landscape.color, start)
    at, heading, going = start, leave, np.ones(len(start), np.bool_)
    for step in range(steps):
        ahead = look(landscape.flow, at)
        to = (at + ahead * (length / steps)).astype(np.float32)
        going &= (ahead * leave).sum(-1) > 0.35
        if step >= 3:  # a stroke is at least a quarter of its length, or edges would dissolve into dots
            going &= np.abs(look(landscape.color, to) - color).sum(-1) < 0.75
        at, heading = np.where(going[:, None], to, at), np.where(going[:, None], ahead, heading)
    return at, heading


def bend(start: Array, end: Array, heading: Array) -> Array:
    """Return the slope of a heading against the chord from start to end, at most 1.5."""
    chord = unit(end - start)
    ahead = (heading * chord).sum(-1)
    aside = heading[:, 1] * chord[:, 0] - heading[:, 0] * chord[:, 1]
    return np.clip(aside / np.maximum(ahead, 0.3), -1.5, 1.5)


def load(seen: Array, generator: Generator) -> tuple[Array, Array]:
    """Load the brush with what is seen, pulled to a pigment near it, and with a second pigment for the streaks."""
    distance: Array = ((seen[:, None] - PALETTE) ** 2).sum(-1)  # (n, pigments)
    order = np.argsort(distance / 0.014 - generator.gumbel(size=distance.shape), axis=1)
    value = 1 + 0.10 * generator.standard_normal((len(seen), 1))
    tint = 0.022 * generator.standard_normal(seen.shape)
    first = (0.5 * seen + 0.5 * PALETTE[order[:, 0]]) * value + tint
    second = 0.45 * first + 0.55 * PALETTE[order[:, 1]]
    return np.clip(first, 0, 1).astype(np.float32), np.clip(second, 0, 1).astype(np.float32)


def brush(generator: Generator) -> Array:
    """Draw the brush's texture (1024, 512, 2) in [0, 1]: the bristles, and the share of the second color.

    Rows run along the stroke and columns across it, so both change fast from bristle to bristle and slowly on the way.
    """
    like = np.empty((1024, 512), np.float32)
    fine = noise(generator, like, 50, 0.95)
    coarse = noise(generator, like, 70, 3.5)
    patches = noise(generator, like, 60, 4.0)
    bristles = np.tanh(0.85 * fine + 0.55 * coarse)
    share = np.tanh(1.6 * patches + 0.6 * fine - 0.5)
    return (0.5 + 0.5 * np.stack([bristles, share], -1)).astype(np.float32)


# Paint: strokes become color and height.


def paint(ground_color: Array, strokes: list[Stroke], bristles: Array, size: int) -> tuple[Array, Array]:
    """Lay the strokes on a toned canvas; return color (H, W, 3) and the height of the paint (H, W)."""
    high = round(0.8 * size)
    rows, columns = np.mgrid[0:high, 0:size]
    tone = look(ground_color, (np.stack([columns, rows], -1) + 0.5) / size)
    canvas = np.concatenate([tone, np.zeros((high, size, 1))], -1).astype(np.float32).reshape(-1, 4)
    if size < REFERENCE:  # bristles finer than a pixel would alias
        soft = 0.4 * REFERENCE / size
        bristles = np.stack([blur(bristles[..., k], 0, soft) for k in range(2)], -1)
    for stroke in strokes:
        ribbon = cover(stroke, size, high)
        coat, alpha = mix(stroke, ribbon, bristles, size)
        under = canvas[ribbon.pixels]
        coat[:, 3] += 0.3 * under[:, 3]  # fresh paint rides on what lies below
        canvas[ribbon.pixels] = under + alpha[:, None] * (coat - under)
    canvas = canvas.reshape(high, size, 4)
    return canvas[..., :3], canvas[..., 3]


def cover(stroke: Stroke, width: int, height: int) -> Ribbon:
    """Find the pixels near the stroke's curve, a cubic Hermite over its chord, with the round of both ends."""
    start, end, half = stroke.start * width, stroke.end * width, stroke.width * width / 2
    length = float(np.hypot(*(end - start)))
    cosine, sine = ((end - start) / length).tolist()
    room = half + 1 + 0.15 * length * (abs(stroke.leave) + abs(stroke.arrive))
    left, top = np.maximum(np.minimum(start, end) - room, 0).astype(np.int64).tolist()
    right, bottom = (
        np.maximum(np.minimum(np.maximum(start, end) + room + 1, (width, height)), 0).astype(np.int64).tolist()
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


def touch(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> Array:
    """Read the brush's texture (n, 2) at the ribbon's pixels, linearly between columns."""
    column = ribbon.across * (REFERENCE / size) + (stroke.column + 512)  # 512: positive, so that truncation is floor
    left = column.astype(np.intp)
    row = (ribbon.along * (1.5 * REFERENCE * ribbon.length / size) + (stroke.row + 512)).astype(np.intp) % 1024
    share = (column - left).astype(np.float32)[:, None]
    return bristles[row, left % 512] * (1 - share) + bristles[row, (left + 1) % 512] * share


def mix(stroke: Stroke, ribbon: Ribbon, bristles: Array, size: int) -> tuple[Array, Array]:
    """Return the coat (n, 4), color and thickness, and how much of it each pixel takes (n,)."""
    u, half = ribbon.along, ribbon.half
    bristle, second = touch(stroke, ribbon, bristles, size).T
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


# Light.


def light(color: Array, height: Array) -> Array:
    """Shade the relief: diffuse light from the upper left, and highlights on the wet ridges (Blinn and Phong)."""
    size, border = height.shape[1], 8
    soft = 0.5 * size / REFERENCE
    settled = blur(np.pad(height, border, "edge"), soft, soft)
    down, right = np.gradient(settled[border:-border, border:-border] * (RELIEF * size))
    normal = unit(np.stack([-right, -down, np.ones_like(height)], -1))
    lamp = unit(LIGHT)
    halfway = unit(lamp + np.array([0, 0, 1], np.float32))
    shade = np.maximum(1 + 0.75 * (normal @ lamp - lamp[2]), 0.5)
    gloss = 0.15 * np.maximum(np.maximum(normal @ halfway, 0) ** 40 - halfway[2] ** 40, 0)
    return np.clip(color * shade[..., None] + gloss[..., None], 0, 1).astype(np.float32)
