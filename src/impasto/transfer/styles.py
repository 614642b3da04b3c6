"""The styles of a run: paintings with their weights, scales and masks, and the regions of a picture that they make."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import cast, get_args

import torch
from torch import Tensor

from impasto.errors import InputError, PictureError
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Size
from impasto.settings.choices import Color, ColorMatch, one_of

__all__ = ["Style", "ToDevice", "make_regions", "region_areas", "style_list"]

MIN_REGION_PIXELS = 256
"""Pixels that a region needs at every stage: a unit of conv5_1 stands on 16 × 16."""

_FILE_CONTENTS: tuple[type, ...] = (str, bytes, bytearray, memoryview)
"""Sequences that stand for one picture."""

ToDevice = Callable[[Tensor], Tensor]
"""Bring a tensor to the device and precision of a run."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style image, and how it is used together with others.

    The picture may be given as whatever `Picture.of` takes, the masks as whatever `Mask.of` takes.

    Raises:
        InputError: a weight or scale is out of range, or a picture or mask cannot be read.

    """

    picture: Picture
    weight: float = 1.0
    """The weight among the styles of the same region, at least 0."""
    scale: float = 1.0
    """The scale of the strokes, times `style_scale` of the settings; above 0 and at most 10."""
    mask: Mask | None = None
    """The part of the painting that counts; all of it, if not given."""
    region: Mask | None = None
    """The part of the picture that the style paints; if not given, everything that no other style's region claims."""
    color: Color | None = None
    """The kind of colors that the style paints with, as in `Settings.color`; if not given, that of the settings."""
    color_match: ColorMatch | None = None
    """How `content-match` matches the style's colors; if not given, as the settings say."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "picture", Picture.of(self.picture))
        for name in ("mask", "region"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, Mask.of(getattr(self, name), name=f"a style's {name}"))
        if not (isinstance(self.weight, Real) and 0 <= self.weight < math.inf):
            raise InputError(f"a style's weight cannot be {self.weight}; it takes a number, at least 0.")
        if not (isinstance(self.scale, Real) and 0 < self.scale < math.inf):
            raise InputError(f"a style's scale cannot be {self.scale}; it takes a number, above 0.")
        for name, accepted in (("color", get_args(Color)), ("color_match", get_args(ColorMatch))):
            if getattr(self, name) not in {None, *accepted}:
                raise InputError(f"a style's {name} cannot be {getattr(self, name)}; it takes {one_of(accepted)}.")


def style_list(styles: object) -> list[Style]:
    """Return one style or several as a list; a picture may stand for its style."""
    if isinstance(styles, Sequence) and not isinstance(styles, _FILE_CONTENTS):
        return [_to_style(style) for style in cast("Sequence[object]", styles)]
    return [_to_style(cast("object", styles))]


def _to_style(style: object) -> Style:
    """Return a style as it is, or the style of a picture."""
    return style if isinstance(style, Style) else Style(Picture.of(style))


def make_regions(
    styles: Sequence[Style],
    images: Sequence[Tensor],
    size: Size,
    keep: Mask | None,
    to_device: ToDevice,
    *,
    opaque: Mask | None = None,
) -> list[Region]:
    """Return the regions of a stage: styles of one mask are blended there, those without a mask in the remainder.

    Args:
        styles: The styles of the run; those without a weight are left out.
        images: The image of each style at the size of the stage, (3, H, W).
        size: The size of the picture in the stage.
        keep: Where the picture stays as the content is; no style counts where this mask is white.
        to_device: Bring a mask to the device and precision of the run.
        opaque: Where the picture is not transparent; no style counts elsewhere.

    Returns:
        The regions with their masks on the device, each (H, W) in [0, 1].

    Raises:
        PictureError: a region is too small, or a mask and its picture have different shapes.

    """
    blends: dict[Mask | None, list[StyleImage]] = {}
    for style, image in zip(styles, images, strict=True):
        if style.weight:
            image_size = Size(image.shape[2], image.shape[1])
            opacity = Mask.of_opacity(style.picture)
            _check_opaque("a style image", opacity, image_size)
            weights = _product([mask.resized(*image_size) for mask in (style.mask, opacity) if mask is not None])
            style_image = StyleImage(image, style.weight, None if weights is None else to_device(weights))
            blends.setdefault(style.region, []).append(style_image)
    _check_opaque("the content image", opaque, size)
    paintable = _paintable(keep, opaque, size)
    paintable = None if paintable is None else to_device(paintable)
    areas = region_areas(blends, size, to_device) if set(blends) - {None} else {}
    regions: list[Region] = []
    for mask, style_images in blends.items():
        area, name = areas.get(mask), "the rest of the picture" if mask is None else mask.name
        if paintable is not None:
            area = paintable if area is None else area * paintable
        if area is not None:
            _check_area(name, float(area.sum()), size, "transparent" * bool(opaque), "kept" * bool(keep))
        regions.append(Region(style_images, area, name))
    return regions


def region_areas(masks: Iterable[Mask | None], size: Size, to_device: ToDevice) -> dict[Mask | None, Tensor]:
    """Return the area of a picture that each of several regions covers.

    Args:
        masks: The masks of the regions; None stands for the region that no mask covers.
        size: The size of the picture.
        to_device: Bring a mask to the device and precision of the run.

    Returns:
        The area of each region, in [0, 1], (H, W).

    """
    areas: dict[Mask | None, Tensor] = {mask: to_device(mask.resized(*size)) for mask in masks if mask is not None}
    remainder = torch.stack(list(areas.values())).sum(0).neg_().add_(1).clamp_(min=0)
    return {mask: remainder if mask is None else areas[mask] for mask in masks}


def _check_area(name: str, pixels: float, size: Size, *excluded: str) -> None:
    """Refuse a region of too few pixels; adjectives say which pixels do not count."""
    if pixels < MIN_REGION_PIXELS:
        adjectives = " or ".join(filter(None, excluded))
        condition = f" that are not {adjectives}" if adjectives else ""
        raise PictureError(
            f"{name} covers {pixels:.0f} of {size} pixels{condition}; it needs at least {MIN_REGION_PIXELS} at every "
            "stage, so make it larger, or give a larger first_size."
        )


def _check_opaque(name: str, opaque: Mask | None, size: Size) -> None:
    """Refuse an image that is opaque at too few pixels of a size."""
    visible = size.width * size.height if opaque is None else float(opaque.resized(*size).sum())
    if opaque is not None and visible < MIN_REGION_PIXELS:
        raise PictureError(
            f"{name} shows {visible:.0f} of {size} pixels and is transparent elsewhere; {MIN_REGION_PIXELS} have to "
            "show at every stage, so give an image that shows more, or a larger first_size."
        )


def _paintable(keep: Mask | None, opaque: Mask | None, size: Size) -> Tensor | None:
    """Return where the picture is neither kept nor transparent at a size, in [0, 1], (H, W); None: everywhere."""
    free = [] if keep is None else [1 - keep.white(*size)]
    return _product(free if opaque is None else [*free, opaque.resized(*size)])


def _product(weights: Sequence[Tensor]) -> Tensor | None:
    """Return the product of weights, each (H, W); None, if there are none."""
    return torch.stack(list(weights)).prod(0) if weights else None
