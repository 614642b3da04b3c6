"""The styles of a run: paintings with their weights, scales and masks, and the regions of a picture that they make."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import InputError, PictureError
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Size

__all__ = ["Style", "regions"]

MIN_REGION_PIXELS = 256
"""Pixels that a region needs at every stage: a unit of conv5_1 stands on 16 × 16."""

ToDevice = Callable[[Tensor], Tensor]
"""Bring a tensor to the device and precision of a run."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style image, and how it is used beside others.

    Raises:
        InputError: a weight or scale is out of range.

    """

    picture: Picture
    weight: float = 1.0
    """The weight among the styles of the same region, at least 0."""
    scale: float = 1.0
    """The scale of the strokes, times `style_scale` of the settings; above 0 and at most 10."""
    mask: Mask | None = None
    """The part of the painting that counts; all of it, if not given."""
    region: Mask | None = None
    """The part of the picture that the style paints; if not given, all that no other style's region claims."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise InputError(f"a style's weight cannot be {self.weight}; it takes a number, at least 0.")
        if not 0 < self.scale <= 10:
            raise InputError(f"a style's scale cannot be {self.scale}; it takes a number, above 0 and at most 10.")


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
        keep: What of the picture stays as the content is, so that no style counts there.
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
            counts = _product(style.mask, Mask.of(style.picture), own)
            found.setdefault(style.region, []).append(
                StyleImage(image, style.weight, None if counts is None else to_device(counts))
            )
    areas = {mask: to_device(mask.resized(*size)) for mask in found if mask is not None}
    paintable = _product(None if keep is None else keep.inverted(), seen, size)
    free = None if paintable is None else to_device(paintable)
    rest = free if not areas else torch.stack(list(areas.values())).sum(0).neg_().add_(1).clamp_(min=0)
    listed: list[Region] = []
    for mask, blended in found.items():
        area, name = (rest, "the rest of the picture") if mask is None else (areas[mask], mask.name)
        if area is not None and free is not None and area is not free:
            area = area * free
        if area is not None and float(area.sum()) < MIN_REGION_PIXELS:
            raise PictureError(
                f"{name} covers {float(area.sum()):.0f} of {size} pixels; it needs at least {MIN_REGION_PIXELS} at "
                "every stage, so make it larger, or give a larger first_size."
            )
        listed.append(Region(blended, area, name))
    return listed


def _product(one: Mask | None, other: Mask | None, size: Size) -> Tensor | None:
    """Return what is inside two masks at a size, (H, W); None: all."""
    given = [mask.resized(*size) for mask in (one, other) if mask is not None]
    return torch.stack(given).prod(0) if given else None
