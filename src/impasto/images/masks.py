"""Masks: which part of a picture is meant, from files and other pictures as they come.

A mask is a weight in [0, 1] for each pixel: white is inside, gray is a soft edge, and what is transparent is outside.
Every mask passes one check here, so that none is silently empty. What a mask is for is not known; how it is brought to
the units of a layer is known to `guides`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from torch import Tensor

from impasto.errors import PictureError
from impasto.files import split_label
from impasto.images.cropping import center_crop
from impasto.images.formats import is_lossless
from impasto.images.picture import Picture
from impasto.images.resampling import resample

__all__ = ["Mask"]

_LABEL_TOLERANCE = 24
"""Gray levels in each channel by which a color may differ from a label: JPEG files blur them."""

_MAX_LABELS = 256
"""Colors of a lossless file up to which each is a label of its own, and none stands for its neighbors."""

_SHAPE_TOLERANCE = 0.03
"""Difference of proportions from the picture's up to which a mask fits it, as a fraction."""

_MIN_BRIGHTEST = 32 / 255
"""The brightest weight below which a file is no mask: class maps hold 0, 1, 2 … and would be all but black."""

_MIN_WHITE = 254.5 / 255
"""The least weight that is white in a file of 8 bits."""

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask of any size; its shape is that of the picture that it belongs to.

    Raises:
        PictureError: the weights are of another shape, dtype or range, or nothing is inside.

    """

    weights: Tensor = field(repr=False)
    """In [0, 1], (H, W), floats; or bool, True inside."""
    name: str = "the mask"
    """What messages call it."""

    def __post_init__(self) -> None:
        weights = self.weights
        if not isinstance(cast("object", weights), Tensor):
            raise PictureError(
                f"{self.name} cannot be of type {type(weights).__name__}; give a torch tensor (H, W), or use Mask.of."
            )
        if weights.dtype == torch.bool:
            weights = weights.float()
            object.__setattr__(self, "weights", weights)
        if weights.ndim != 2 or not weights.is_floating_point() or 0 in weights.shape:
            kind = f"{weights.dtype} of shape {tuple(weights.shape)}"
            raise PictureError(f"{self.name} is {kind}; a mask takes floats from 0 to 1, or bool, of shape (H, W).")
        darkest, brightest = float(weights.min()), float(weights.max())
        if not 0 <= darkest <= brightest <= 1:
            raise PictureError(f"{self.name} goes from {darkest:g} to {brightest:g}; a mask takes weights from 0 to 1.")
        if brightest == 0:
            raise PictureError(f"{self.name} is black everywhere, so nothing is inside; draw in white what is meant.")

    @classmethod
    def open(cls, source: str | Path, *, allow_large: bool = False) -> Self:
        """Read a mask from an image file.

        Args:
            source: The path of an image, white inside; or `FILE#rrggbb`, the pixels of that color in an image of
                labels.
            allow_large: Whether the file may have more than `MAX_PIXELS`.

        Returns:
            The mask, at the size of the file.

        Raises:
            PictureError: the file cannot be read, nothing is inside, or nothing in it has that color.

        """
        path, color = split_label(str(source))
        picture = Picture.open(path, allow_large=allow_large)
        if color is not None:
            return cls(_label(picture, color, path), str(source))
        return cls(_luminance(picture, str(source)), str(source))

    @classmethod
    def of(cls, source: object, *, name: str = "the mask", allow_large: bool = False) -> "Mask":
        """Return the mask that whatever holds one holds; a mask is returned as it is.

        Args:
            source: A mask; a path, as `open` takes it; a tensor or an array of weights, (H, W), floats from 0 to 1 or
                bool; or a picture that is white inside, in any form that `Picture.of` takes.
            name: What messages call it, if it is not from a path.
            allow_large: Whether a file may have more than `MAX_PIXELS`.

        Returns:
            The mask.

        Raises:
            PictureError: it is none of those, cannot be read, or nothing is inside.

        """
        if isinstance(source, Mask):
            return source
        if isinstance(source, str | Path):
            return cls.open(source, allow_large=allow_large)
        if isinstance(source, Tensor) and source.ndim == 2:
            return cls(source.detach().cpu(), name)
        if isinstance(source, np.ndarray) and source.ndim == 2 and source.dtype.kind in "bf":
            return cls(torch.from_numpy(source.astype(bool if source.dtype.kind == "b" else np.float32)), name)
        return cls(_luminance(Picture.of(cast("object", source), allow_large=allow_large), name), name)

    @classmethod
    def of_opacity(cls, picture: Picture) -> Self | None:
        """Return what of a picture is not transparent, by its opacity; None where all of it is opaque.

        Args:
            picture: The picture.

        Returns:
            The opacity in [0, 1] as a mask, or None.

        Raises:
            PictureError: all of it is transparent.

        """
        opacity = picture.opacity
        if opacity is not None and not opacity.any():
            raise PictureError("a picture is wholly transparent; give one that shows something.")
        return None if opacity is None else cls(opacity, "the opaque part")

    def cropped(self, ratio: float) -> "Mask":
        """Return the largest middle part of the mask whose width divided by its height is `ratio`.

        Args:
            ratio: Width divided by height, above 0.

        Returns:
            The mask.

        Raises:
            PictureError: nothing in that part is inside.

        """
        return Mask(self.weights[center_crop(self.weights.shape[0], self.weights.shape[1], ratio)], self.name)

    def white(self, width: int, height: int) -> Tensor:
        """Return 1 where the mask is white at another size, and 0 where it is gray or black, (height, width).

        Args:
            width: In pixels.
            height: In pixels.

        Returns:
            float32, (height, width).

        Raises:
            PictureError: the mask is of another shape.

        """
        return (self.resized(width, height) >= _MIN_WHITE).float()

    def resized(self, width: int, height: int) -> Tensor:
        """Return the weights at another size.

        Args:
            width: In pixels.
            height: In pixels.

        Returns:
            Weights in [0, 1], (height, width).

        Raises:
            PictureError: the mask is of another shape.

        """
        rows, columns = self.weights.shape
        if abs(rows * width - columns * height) > max(rows, height) * max(columns, width) * _SHAPE_TOLERANCE:
            raise PictureError(
                f"{self.name} is {columns} × {rows} pixels, which is not the shape of the picture, {width} × {height}; "
                "draw it on a copy of the picture."
            )
        return resample(self.weights[None], height, width)[0].clamp(0, 1)


def _luminance(picture: Picture, name: str) -> Tensor:
    """Return the luminance times the opacity of a picture, (H, W), or refuse one as dark as maps of classes are."""
    pixels, opacity = picture.in_profile(None).pixels, picture.opacity
    with torch.autocast(pixels.device.type, enabled=False):  # a caller's would compute it in bfloat16
        light = torch.einsum("c,chw->hw", pixels.new_tensor(_LUMA), pixels).clamp(0, 1)
    weights = light if opacity is None else light * opacity
    brightest = float(weights.max())
    if opacity is not None and brightest < _MIN_BRIGHTEST:
        raise PictureError(
            f"{name} is black or transparent everywhere, so nothing is inside; draw in white what is meant, for black "
            "and transparent parts are both outside."
        )
    if 0 < brightest < _MIN_BRIGHTEST:
        white = 65535 if picture.bits == 16 else 255
        label = f"{name}#{_common_colors(pixels, dark=False)[0]}"
        raise PictureError(
            f"{name} is nearly black, at most {brightest * white:.0f} of {white}, as maps of classes are; name one of "
            f"its colors, such as {label}, or make white what is meant."
        )
    return weights


def _label(picture: Picture, color: str, path: str) -> Tensor:
    """Return 1 where a picture has a color, written as `rrggbb`, and 0 elsewhere and where it is transparent."""
    pixels, opacity = picture.in_profile(None).pixels, picture.opacity
    levels = (pixels * 255).round().int()
    label = torch.tensor([int(color[start : start + 2], 16) for start in (0, 2, 4)], dtype=torch.int32)
    distance = (levels - label[:, None, None]).abs().amax(0)  # (H, W)
    is_exact = bool((distance == 0).any()) and _is_map_of_labels(path, pixels)
    inside = distance <= (0 if is_exact else _LABEL_TOLERANCE)
    inside = inside if opacity is None else inside & (opacity >= 0.5)
    if not inside.any():
        examples = ", ".join(f"#{name}" for name in _common_colors(pixels)[:4])
        raise PictureError(f"nothing in {path} has the color #{color}; its commonest are {examples}.")
    return inside.float()


def _is_map_of_labels(path: str, pixels: Tensor) -> bool:
    """Tell whether the colors of a file, (3, H, W), are few and as they were drawn."""
    with Path(path).open("rb") as file:
        is_as_drawn = is_lossless(file.read(16))
    return is_as_drawn and cast("Tensor", _packed_colors(pixels).unique()).numel() <= _MAX_LABELS


def _common_colors(pixels: Tensor, *, dark: bool = True) -> Sequence[str]:
    """List the colors of an image, (3, H, W), as `rrggbb`, the commonest first; black only if `dark`."""
    colors, counts = cast("tuple[Tensor, Tensor]", _packed_colors(pixels).unique(return_counts=True))
    names = [f"{int(color):06x}" for color in colors[counts.argsort(descending=True)][:8]]
    return names if dark else [color for color in names if color != "000000"] or names


def _packed_colors(pixels: Tensor) -> Tensor:
    """Return the colors of an image, (3, H, W), as numbers of 24 bits, (H·W)."""
    levels = (pixels * 255).round().int().flatten(1)
    return (levels[0] << 16) | (levels[1] << 8) | levels[2]
