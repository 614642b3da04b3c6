"""Masks: which part of a picture is meant, and what that is among the units of a layer.

A mask is a weight in [0, 1] for each pixel: white is inside, gray is a soft edge. It knows nothing of what it is for.

Gatys, Ecker, Bethge, Hertzmann and Shechtman, *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017,
section 4 and its released notebooks: guided Gram matrices, and three ways to bring a mask to a layer.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import PictureError
from impasto.images import Picture, resample
from impasto.layers import up_to
from impasto.settings.choices import MaskSpread

__all__ = ["Mask", "guide"]

_NEAR = 24
"""Gray levels in each channel by which a color may differ from a label: JPEG files blur them."""

_BEND = 0.03
"""Share by which the sides of a mask may be out of proportion."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask of any size; its shape is that of the picture that it belongs to."""

    weights: Tensor = field(repr=False)
    """In [0, 1], (H, W)."""
    name: str = "the mask"
    """What messages call it."""

    @classmethod
    def open(cls, source: str | Path, *, allow_large: bool = False) -> Self:
        """Read a grayscale image, or with `FILE#rrggbb` the pixels of that color of an image of labels.

        Raises:
            PictureError: the file cannot be read, or nothing in it has that color.

        """
        path, color = _parted(str(source))
        pixels = Picture.open(path, allow_large=allow_large).on_white().in_profile(None).pixels
        if color is None:
            return cls(torch.einsum("c,chw->hw", pixels.new_tensor(_LUMA), pixels), str(source))
        levels = torch.tensor([int(color[place : place + 2], 16) for place in (0, 2, 4)])
        inside = ((pixels * 255).round() - levels[:, None, None]).abs().amax(0) <= _NEAR  # (H, W)
        if not inside.any():
            raise PictureError(f"nothing in {path} has the color #{color}; its commonest are {_commonest(pixels)}.")
        return cls(inside.float(), str(source))

    @classmethod
    def of(cls, picture: Picture) -> Self | None:
        """Return what of a picture is not transparent, by its opacity, or None where all of it is opaque."""
        opacity = picture.opacity
        return None if opacity is None else cls(opacity, "the opaque part")

    def inverted(self) -> "Mask":
        """Return the mask of what is outside."""
        return Mask(1 - self.weights, self.name)

    def resized(self, width: int, height: int) -> Tensor:
        """Return the weights at another size, (H, W).

        Raises:
            PictureError: the mask is of another shape.

        """
        rows, columns = self.weights.shape
        if abs(rows * width - columns * height) > max(rows, height) * max(columns, width) * _BEND:
            raise PictureError(
                f"{self.name} is {columns} × {rows} pixels, which is not the shape of the picture, {width} × {height}; "
                "draw it on a copy of the picture."
            )
        return resample(self.weights[None], height, width)[0].clamp(0, 1)


def guide(weights: Tensor, layer: str, spread: MaskSpread, grow: int = 0) -> Tensor:
    """Bring a mask's weights, (H, W), to the units of a layer, (H // stride, W // stride), in [0, 1].

    With `grow`, the inside is widened by so many units of the layer, or with less than 0 narrowed.
    """
    found = weights[None]  # (1, H, W)
    if spread == "simple":
        stride = up_to(layer)[-1].stride
        found = functional.avg_pool2d(found, stride) if stride > 1 else found
    else:
        sign = 1 if spread == "all" else -1
        for passed in up_to(layer):
            found = sign * (functional.max_pool2d(sign * found, 2) if passed.is_pool else _widened(sign * found, 1))
    return (_widened(found, grow) if grow >= 0 else -_widened(-found, -grow))[0]


def _widened(weights: Tensor, reach: int) -> Tensor:
    """Return the largest weight within `reach` units of each; nothing lies beyond the border."""
    return functional.max_pool2d(weights, 2 * reach + 1, stride=1, padding=reach) if reach else weights


def _parted(source: str) -> tuple[str, str | None]:
    """Part a file's name from the color of a label."""
    found = re.fullmatch(r"(.+)#([0-9a-fA-F]{6})", source)
    return (found[1], found[2].lower()) if found and not Path(source).exists() else (source, None)


def _commonest(pixels: Tensor) -> str:
    """List the four commonest colors, (3, H, W)."""
    levels = (pixels * 255).round().int().flatten(1)  # (3, H·W)
    packed = (levels[0] << 16) | (levels[1] << 8) | levels[2]
    colors, counts = cast("tuple[Tensor, Tensor]", packed.unique(return_counts=True))
    return ", ".join(f"#{int(color):06x}" for color in colors[counts.argsort(descending=True)][:4])
