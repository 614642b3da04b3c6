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

__all__ = ["Style", "ToDevice", "claimed", "listed", "regions"]

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
    """The colors of what the style paints, as `Settings.color` has them; if not given, those of the settings."""
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


def listed(styles: object) -> list[Style]:
    """Return one style or several as a list; a picture may stand for its style."""
    if isinstance(styles, Sequence) and not isinstance(styles, _FILE_CONTENTS):
        return [_style(style) for style in cast("Sequence[object]", styles)]
    return [_style(cast("object", styles))]


def _style(style: object) -> Style:
    return style if isinstance(style, Style) else Style(Picture.of(style))


def regions(
    styles: Sequence[Style],
    images: Sequence[Tensor],
    size: Size,
    keep: Mask | None,
    to_device: ToDevice,
    *,
    seen: Mask | None = None,
) -> list[Region]:
    """Return the regions of a stage: styles of one mask are blended there, those without one in what is left.

    Args:
        styles: The styles of the run; those without a weight are left out.
        images: The image of each style at the size of the stage, (3, H, W).
        size: The size of the picture in the stage.
        keep: What of the picture stays as the content is; no style counts where this mask is white.
        to_device: Bring a mask to the device and precision of the run.
        seen: What of the picture is not transparent; no style counts in the rest.

    Returns:
        The regions with their masks on the device, each (H, W) in [0, 1].

    Raises:
        PictureError: a region is too small, or a mask is of another shape than what it masks.

    """
    found: dict[Mask | None, list[StyleImage]] = {}
    for style, image in zip(styles, images, strict=True):
        if style.weight:
            own = Size(image.shape[2], image.shape[1])
            opaque = Mask.of_opacity(style.picture)
            _check_opaque("a style image", opaque, own)
            counts = _product(style.mask, opaque, own)
            found.setdefault(style.region, []).append(
                StyleImage(image, style.weight, None if counts is None else to_device(counts))
            )
    _check_opaque("the content image", seen, size)
    paintable = _paintable(keep, seen, size)
    free = None if paintable is None else to_device(paintable)
    areas = claimed(found, size, to_device) if set(found) - {None} else {}
    listed: list[Region] = []
    for mask, blended in found.items():
        area, name = areas.get(mask), "the rest of the picture" if mask is None else mask.name
        if free is not None:
            area = free if area is None else area * free
        if area is not None:
            _check_area(name, float(area.sum()), size, "transparent" * bool(seen), "kept" * bool(keep))
        listed.append(Region(blended, area, name))
    return listed


def claimed(regions: Iterable[Mask | None], size: Size, to_device: ToDevice) -> dict[Mask | None, Tensor]:
    """Return the part of a picture that each of several regions claims.

    Args:
        regions: The masks of the regions; None stands for what no mask claims.
        size: The size of the picture.
        to_device: Bring a mask to the device and precision of the run.

    Returns:
        The part of each region, in [0, 1], (H, W).

    """
    found: dict[Mask | None, Tensor] = {mask: to_device(mask.resized(*size)) for mask in regions if mask is not None}
    rest = torch.stack(list(found.values())).sum(0).neg_().add_(1).clamp_(min=0)
    return {mask: rest if mask is None else found[mask] for mask in regions}


def _check_area(name: str, pixels: float, size: Size, *left_out: str) -> None:
    """Refuse a region of too few pixels; the words say which pixels of it do not count."""
    if pixels < MIN_REGION_PIXELS:
        uncounted = " or ".join(filter(None, left_out))
        counted = f" that are not {uncounted}" if uncounted else ""
        raise PictureError(
            f"{name} covers {pixels:.0f} of {size} pixels{counted}; it needs at least {MIN_REGION_PIXELS} at every "
            "stage, so make it larger, or give a larger first_size."
        )


def _check_opaque(name: str, opaque: Mask | None, size: Size) -> None:
    """Refuse an image at a size of which too little is not transparent."""
    shown = size.width * size.height if opaque is None else float(opaque.resized(*size).sum())
    if opaque is not None and shown < MIN_REGION_PIXELS:
        raise PictureError(
            f"{name} shows {shown:.0f} of {size} pixels and is transparent elsewhere; {MIN_REGION_PIXELS} have to show "
            "at every stage, so give an image that shows more, or a larger first_size."
        )


def _paintable(keep: Mask | None, seen: Mask | None, size: Size) -> Tensor | None:
    """Return what of the picture is neither wholly kept nor transparent at a size, (H, W); None: all."""
    shown = _product(None, seen, size)
    free = None if keep is None else 1 - keep.white(*size)
    return shown if free is None else free if shown is None else free * shown


def _product(one: Mask | None, other: Mask | None, size: Size) -> Tensor | None:
    """Return what is inside two masks at a size, (H, W); None: all."""
    given = [mask.resized(*size) for mask in (one, other) if mask is not None]
    return torch.stack(given).prod(0) if given else None
