"""The two pictures of the demo: a photograph that comes with matplotlib, and a painting that this package paints.

It uses neither style transfer nor image files nor the network: numpy paints, and the result is a tensor. Random numbers
are drawn for the landscape and for the strokes, but not for pixels, so every size shows the same painting.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.random import PCG64, Generator
from torch import Tensor

from impasto.drawing import importing_matplotlib
from impasto.recipes.demo.landscape import compose
from impasto.recipes.demo.strokes import LAYERS, brush, contrast, paint, plan_strokes, shade_relief

__all__ = ["painting", "photograph"]


def photograph() -> Path:
    """Return the path of matplotlib's sample photograph, the portrait of Grace Hopper (public domain)."""
    with importing_matplotlib():
        from matplotlib import cbook  # noqa: PLC0415

    return Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


def painting(size: int = 1024, seed: int = 0) -> Tensor:
    """Paint a landscape by the sea in thick oil, float32 (3, 0.8·size, size) in [0, 1] sRGB.

    The same size and seed give the same bytes; another seed gives the same motif with other clouds and other strokes.

    Args:
        size: The long side in pixels; below 64, a stroke cannot be seen.
        seed: The seed of the random numbers.

    Returns:
        The painting.

    """
    generator = Generator(PCG64(seed))
    landscape = compose(generator)
    bristles = brush(generator)
    detail = contrast(landscape.color)
    strokes = [stroke for layer in LAYERS for stroke in plan_strokes(landscape, detail, layer, generator)]
    color, height = paint(landscape.color, strokes, bristles, size)
    return torch.from_numpy(np.ascontiguousarray(shade_relief(color, height).transpose(2, 0, 1)))  # (3, H, W)
