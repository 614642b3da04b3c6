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
from impasto.settings.limits import MAX_STYLE_SCALE

__all__ = ["Style", "regions"]

_LEAST = 256
"""Pixels that a region needs at every stage: a unit of conv5_1 stands on 16 × 16."""

Place = Callable[[Tensor], Tensor]
"""Bring a tensor to the device and precision of a run."""


@dataclass(frozen=True, eq=False)
class Style:
    """A style image, and how it is used beside others.

    Raises:
        InputError: a weight or scale is out of range.

    """

    picture: Picture
    weight: float = 1.0
    """Beside the other styles of its region."""
    scale: float = 1.0
    """Of its strokes, times that of the settings."""
    mask: Mask | None = None
    """Which part of the painting counts; all of it, if not given."""
    region: Mask | None = None
    """Which part of the picture it paints; if not given, all that no other style's region claims."""

    def __post_init__(self) -> None:
        if not 0 <= self.weight < math.inf:
            raise InputError(f"a style's weight cannot be {self.weight}; it takes a number, at least 0.")
        if not 0 < self.scale <= MAX_STYLE_SCALE:
            raise InputError(
                f"a style's scale cannot be {self.scale}; it takes a number, above 0 and at most {MAX_STYLE_SCALE}."
            )


def regions(
    styles: Sequence[Style],
    images: Sequence[Tensor],
    size: Size,
    keep: Mask | None,
    place: Place,
    *,
    seen: Mask | None = None,
) -> list[Region]:
    """Return the regions of a stage: styles of one mask are blended there, those without one in what is left.

    Args:
        styles: Of the run; those without a weight are left out.
        images: Of each style, at the size of the stage, (3, H, W).
        size: Of the picture in the stage.
        keep: What of the picture stays as the content is, so that no style counts there.
        place: To where masks are brought.
        seen: What of the picture is not transparent; no style counts in the rest.

    Raises:
        PictureError: a region is too small, or a mask is of another shape than what it masks.

    """
    found: dict[Mask | None, list[StyleImage]] = {}
    for style, image in zip(styles, images, strict=True):
        if style.weight:
            own = Size(image.shape[2], image.shape[1])
            counts = _product(style.mask, Mask.of(style.picture), own)
            found.setdefault(style.region, []).append(
                StyleImage(image, style.weight, None if counts is None else place(counts))
            )
    areas = {mask: place(mask.resized(*size)) for mask in found if mask is not None}
    paintable = _product(None if keep is None else keep.inverted(), seen, size)
    free = None if paintable is None else place(paintable)
    rest = free if not areas else torch.stack(list(areas.values())).sum(0).neg_().add_(1).clamp_(min=0)
    listed: list[Region] = []
    for mask, blended in found.items():
        area, name = (rest, "the rest of the picture") if mask is None else (areas[mask], mask.name)
        if area is not None and free is not None and area is not free:
            area = area * free
        if area is not None and float(area.sum()) < _LEAST:
            raise PictureError(
                f"{name} covers {float(area.sum()):.0f} of {size} pixels; it needs at least {_LEAST} at every stage, "
                "so make it larger, or give a larger first_size."
            )
        listed.append(Region(blended, area, name))
    return listed


def _product(one: Mask | None, other: Mask | None, size: Size) -> Tensor | None:
    """Return what is inside two masks at a size, (H, W); None: all."""
    given = [mask.resized(*size) for mask in (one, other) if mask is not None]
    return torch.stack(given).prod(0) if given else None
