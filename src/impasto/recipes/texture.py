"""A texture: a picture of any shape in the style of samples, without a photograph."""

import re
from collections.abc import Sequence
from dataclasses import replace

import torch

from impasto.errors import InputError
from impasto.images import Picture
from impasto.transfer.inputs import Inputs
from impasto.transfer.styles import Style

__all__ = ["inputs", "sides"]

_SHAPE = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")


def inputs(samples: Sequence[Style], shape: str, size: int) -> Inputs:
    """Return the inputs of a run that paints a texture: a gray content image, and the samples at their own size.

    Args:
        samples: The styles; the scale of a sample multiplies the size of its strokes.
        shape: Width to height of the texture, such as `3:2`.
        size: The long side of the texture, in pixels.

    Returns:
        The inputs.

    Raises:
        InputError: the shape is not of that form, or there is no sample.

    """
    if not samples:
        raise InputError("a texture needs a sample; give at least one style image.")
    width, height = sides(shape, size)
    scaled = [_at_native_size(sample, min(width, height)) for sample in samples]
    return Inputs(_gray_picture(width, height, samples[0].picture), scaled)


def sides(shape: str, size: int) -> tuple[int, int]:
    """Return width and height, in pixels, of a texture.

    Args:
        shape: Width to height, such as `3:2`.
        size: The long side, in pixels.

    Returns:
        The width and the height, in pixels.

    Raises:
        InputError: the shape is not of that form.

    """
    match = _SHAPE.fullmatch(shape)
    ratio = [float(number) for number in match.groups()] if match else [0.0]
    if min(ratio) <= 0:
        raise InputError(f"shape cannot be {shape}; it takes width to height, such as 3:2.")
    width, height = (max(1, round(size * number / max(ratio))) for number in ratio)
    return width, height


def _gray_picture(width: int, height: int, sample: Picture) -> Picture:
    """Return a gray picture with the size of the texture and the metadata of the sample; it takes no memory."""
    gray = torch.full((3, 1, 1), 128, dtype=torch.uint8).expand(3, height, width)
    return Picture(gray, profile=sample.profile, bits=sample.bits, dpi=sample.dpi)


def _at_native_size(sample: Style, short_side: int) -> Style:
    """Return a sample whose pixels are not resampled in a run with a short side of `short_side` pixels."""
    return replace(sample, scale=sample.scale * min(sample.picture.width, sample.picture.height) / short_side)
