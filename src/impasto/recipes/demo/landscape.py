"""The landscape by the sea that the demo paints: its palette, its forms, and the direction of the brush.

Lengths are in units of the long side: x is in [0, 1], and y, which points down, in [0, 0.8]. This module knows no
strokes.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from impasto.recipes.demo.fields import Array, Pigment, noise, ramp, sample_field, unit

__all__ = ["PALETTE", "Landscape", "compose"]

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
"""Samples along the long side of the landscape, from which the strokes take their colors."""
SUN = (0.660, 0.265, 0.062)
MOON = (0.215, 0.125, 0.030)
HORIZON = 0.440


class Landscape(NamedTuple):
    """The motif of the painting: a color and a direction of the brush at every point of the grid."""

    color: Array  # (h, w, 3)
    flow: Array  # (h, w, 2), unit vectors (x, y)


def compose(generator: Generator) -> Landscape:
    """Compose the landscape: an evening sky, mountains, the sea, fields, a pine, rows of lavender."""
    y, x = (np.mgrid[0 : GRID * 4 // 5, 0:GRID].astype(np.float32) + 0.5) / GRID
    scene = _sky(x, y, generator)
    for form in (_mountains, _sea, _fields, _pine, _lavender):
        scene = form(scene, x, y, generator)
    return Landscape(scene.color.astype(np.float32), scene.flow.astype(np.float32))


def _sky(x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint wind and vortices, dark above and orange at the horizon, with the sun and a pale moon."""
    turbulence = 0.45 * np.sin(7 * x + 8 * y + 2) + 0.25 * noise(generator, x, 60, 60)
    eddies = [(0.40, 0.22, 0.09, 3.0), (0.93, 0.12, 0.10, -3.0), (0.56, 0.03, 0.06, -2.2)]
    shifts = generator.uniform(-0.015, 0.015, (len(eddies), 2)).tolist()
    vortices = [
        (a + dx, b + dy, radius, strength) for (a, b, radius, strength), (dx, dy) in zip(eddies, shifts, strict=True)
    ]
    wind = np.stack([np.ones_like(x), turbulence], -1)
    flow = _swirl(x, y, [(*SUN[:2], 0.20, 5.0), (*MOON[:2], 0.11, -3.5), *vortices], wind)
    flow[..., 1] *= np.clip((HORIZON - y) / 0.10, 0.12, 1)  # the air is calm above the sea
    flow = unit(flow)
    streak = _streaks(flow, noise(generator, x, 7, 7))
    sun, moon = (np.hypot(x - a, y - b) / radius for a, b, radius in (SUN, MOON))
    tone = 0.44 * streak + 0.50 * np.clip(y / HORIZON, 0, 1) ** 2.2 - 0.01
    tone += 0.46 * np.exp(-((sun / 2.3) ** 2)) * (0.60 + 0.40 * np.cos(4.4 * (sun - 1.35) + 1.5 * streak))
    tone += 0.36 * np.exp(-((moon / 2.4) ** 2)) * (0.70 + 0.30 * np.cos(4.5 * moon))
    air = ramp(tone, NIGHT, ULTRAMARINE, COBALT, TEAL, CERULEAN, NAPLES, NAPLES, ORANGE, CORAL, VERMILION)
    scene = Landscape(air, flow)
    scene = _over(scene, Landscape(ramp(streak, VERMILION, VERMILION, ORANGE), flow), sun < 1.14)
    scene = _over(scene, Landscape(ramp(streak + 0.3 * (1 - sun), ORANGE, NAPLES, WHITE, WHITE), flow), sun < 0.86)
    return _over(scene, Landscape(ramp(streak, NAPLES, WHITE, WHITE), flow), moon < 1)


def _ground(y: Array, top: Array, slant: Array, grain: Array, *pigments: Pigment) -> Landscape:
    """Paint ground that is lighter along its upper contour `top`, with strokes that follow the contour plus `slant`."""
    flow = _direction(np.gradient(top, axis=1) * GRID + slant)
    tone = 0.75 * _streaks(flow, grain) + 0.25 * np.clip(1 - (y - top) / 0.10, 0, 1)
    return Landscape(ramp(tone, *pigments), flow)


def _hump(x: Array, center: float, width: float) -> Array:
    """Return a Gaussian hill of height 1."""
    return np.exp(-(((x - center) / width) ** 2))


def _mountains(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint violet ranges on both sides of the bay."""
    top = HORIZON + 0.012 - 0.060 * _hump(x, 0.10, 0.13) - 0.045 * _hump(x, 0.33, 0.09) - 0.060 * _hump(x, 1.0, 0.10)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    form = _ground(y, top, waver, grain, NIGHT, ULTRAMARINE, VIOLET, VIOLET, TEAL, CERULEAN)
    return _over(scene, form, y > top)


def _sea(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint long waves, and the broken reflection of the sun on them."""
    top = np.full_like(x, HORIZON)
    waves = 0.10 * np.sin(90 * y + 11 * x)
    grain, waver = noise(generator, x, 2.5, 2.5), 0.08 * noise(generator, x, 40, 40)
    water = (NIGHT, ULTRAMARINE, COBALT, TEAL, TEAL, CERULEAN, WHITE)
    form = _ground(y, top, waves + waver, grain, *water)
    glitter = _streaks(form.flow, noise(generator, x, 2.2, 5), 6)
    spread = np.abs(x - SUN[0]) / (0.050 + 0.40 * np.maximum(y - HORIZON, 0))
    fire = Landscape(ramp(glitter, VERMILION, VERMILION, ORANGE, NAPLES, WHITE), form.flow)
    return _over(scene, _over(form, fire, glitter > 0.15 + 0.50 * spread), y > top)


def _fields(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint a green headland, and a hill of ripe wheat in front of it."""
    top = 0.575 + 0.035 * np.sin(4.2 * x + 2.5) - 0.085 * _hump(x, 1.0, 0.15)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    form = _ground(y, top, waver + 2.5 * (y - top), grain, NIGHT, VIRIDIAN, VIRIDIAN, TEAL, SAP, OCHRE)
    scene = _over(scene, form, y > top)
    top = 0.615 - 0.045 * np.sin(3.6 * x + 0.2) + 0.025 * np.sin(8 * x)
    grain, waver = noise(generator, x, 5, 5), 0.2 * noise(generator, x, 40, 40)
    wheat = (VIOLET, SIENNA, OCHRE, OCHRE, ORANGE, NAPLES, NAPLES, WHITE)
    form = _ground(y, top, waver - 7 * (x - 0.45) * (y - top), grain, *wheat)
    return _over(scene, form, y > top)


def _pine(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint a forked pine whose crown consists of flat clusters, lit from above."""
    rise = (0.74 - y) / 0.38
    bent = np.abs(x - 0.105 - 0.125 * np.clip(rise, 0, 1) ** 1.6) < 0.016 - 0.008 * rise
    fork = np.abs(x - 0.105 + 0.060 * np.clip(rise, 0, 1) ** 0.9) < 0.013 - 0.008 * rise
    flow = _direction(np.full_like(x, -3.0))
    bark = ramp(_streaks(flow, noise(generator, x, 4, 3), 8), NIGHT, UMBER, UMBER, SIENNA, ORANGE)
    scene = _over(scene, Landscape(bark, flow), (bent & (rise < 1)) | (fork & (rise < 0.8)))
    clouds = np.array([(0.225, 0.335, 0.115, 0.050), (0.135, 0.385, 0.085, 0.042), (0.300, 0.395, 0.070, 0.032),
                       (0.035, 0.425, 0.080, 0.045), (0.205, 0.435, 0.060, 0.026)])  # fmt: skip
    distance = np.stack([((x - a) / wide) ** 2 + ((y - b) / high) ** 2 for a, b, wide, high in clouds])
    flow = unit(_swirl(x, y, [(a, b, 0.8 * wide, 2.5) for a, b, wide, _ in clouds.tolist()], _direction(0 * x)))
    lit = np.clip(0.5 - (y - clouds[distance.argmin(0), 1]) / 0.07 + 0.8 * (x - 0.15), 0, 1)
    tone = 0.55 * _streaks(flow, noise(generator, x, 4, 4), 8) + 0.45 * lit
    needles = Landscape(ramp(tone, NIGHT, NIGHT, VIRIDIAN, VIRIDIAN, SAP, OCHRE), flow)
    return _over(scene, needles, distance.min(0) + 0.16 * noise(generator, x, 9, 9) < 1)


def _lavender(scene: Landscape, x: Array, y: Array, generator: Generator) -> Landscape:
    """Paint rows of lavender that run to a point below the sun, and poppies between them."""
    top = 0.705 + 0.035 * np.sin(5 * x + 1.6)
    dx, dy = x - 0.60, y - 0.50
    waver = noise(generator, x, 40, 40)
    flow = unit(np.stack([dx + 0.06 * waver, dy], -1))
    streak = _streaks(flow, noise(generator, x, 4, 4))
    in_bloom = np.sin(26 * np.arctan2(dx, dy) + 0.5 * waver) > -0.1
    flowers = Landscape(ramp(streak, VIOLET, VIOLET, LAVENDER, LAVENDER, CORAL), flow)
    rows = _over(Landscape(ramp(streak, NIGHT, NIGHT, VIRIDIAN, SAP, SAP), flow), flowers, in_bloom)
    scene = _over(scene, rows, y > top)
    bloom = noise(generator, x, 3.5, 4.5) + 2.5 * (y - 0.72) - 1.5
    poppies = Landscape(ramp(bloom, CORAL, VERMILION, VERMILION), flow)
    return _over(scene, poppies, (y > top - 0.012) & (bloom > 0))


def _over(background: Landscape, foreground: Landscape, mask: NDArray[np.bool_]) -> Landscape:
    """Replace a landscape by another one where the mask is true."""
    inside = mask[..., None]
    return Landscape(
        np.where(inside, foreground.color, background.color), np.where(inside, foreground.flow, background.flow)
    )


def _direction(slope: Array) -> Array:
    """Return the direction (1, slope)."""
    return unit(np.stack([np.ones_like(slope), slope], -1))


def _swirl(x: Array, y: Array, vortices: list[tuple[float, float, float, float]], wind: Array) -> Array:
    """Add vortices (x, y, radius, strength) to the wind."""
    total = wind.copy()
    for center_x, center_y, radius, strength in vortices:
        dx, dy = x - center_x, y - center_y
        distance = np.hypot(dx, dy) + 0.006
        total += np.stack([-dy, dx], -1) * (strength * np.exp(-((distance / radius) ** 2)) / distance)[..., None]
    return total


def _streaks(flow: Array, grain: Array, steps: int = 16) -> Array:
    """Smooth noise along the flow, and map it to [0, 1] (line integral convolution; Cabral and Leedom, 1993)."""
    rows, columns = np.mgrid[0 : grain.shape[0], 0 : grain.shape[1]]
    origin = (np.stack([columns, rows], -1) + 0.5).astype(np.float32) / GRID
    total = grain.copy()
    for step in (-2.6 / GRID, 2.6 / GRID):
        points = origin
        for _ in range(steps):
            points = points + step * sample_field(flow, points)
            total += sample_field(grain, points)
    return 0.5 + 0.5 * np.tanh(0.9 * (total - total.mean()) / total.std())
