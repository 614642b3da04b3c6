"""A texture: a picture of any shape in the style of samples, without a photograph."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from impasto.errors import InputError
from impasto.images import Picture
from impasto.transfer.inputs import Inputs
from impasto.transfer.styles import Style

__all__ = ["inputs"]


def inputs(samples: Sequence[Style], proportions: tuple[float, float], size: int) -> Inputs:
    """Return the inputs of a run that paints a texture: a gray content image, and the samples at their own size.

    Args:
        samples: The styles; the scale of a sample multiplies the size of its strokes.
        proportions: Width and height of the texture, above 0, in any unit.
        size: The long side of the texture, in pixels.

    Returns:
        The inputs.

    Raises:
        InputError: there is no sample.

    """
    if not samples:
        raise InputError("a texture needs a sample; give at least one style image.")
    width, height = (max(1, round(size * number / max(proportions))) for number in proportions)
    scaled = [_native_sample(sample, min(width, height)) for sample in samples]
    return Inputs(_gray_picture(width, height, samples[0].picture), scaled)


def _gray_picture(width: int, height: int, sample: Picture) -> Picture:
    """Return a gray picture with the size of the texture and the metadata of the sample; it takes no memory."""
    gray = torch.full((3, 1, 1), 128, dtype=torch.uint8).expand(3, height, width)
    return Picture(gray, profile=sample.profile, bits=sample.bits, dpi=sample.dpi)


def _native_sample(sample: Style, short_side: int) -> Style:
    """Return a sample whose pixels are not resampled in a run with a short side of `short_side` pixels."""
    return replace(sample, scale=sample.scale * min(sample.picture.width, sample.picture.height) / short_side)
