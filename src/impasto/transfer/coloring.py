"""The colors of a picture: which part of it has colors of which kind, as its styles ask for.

Each style paints in its own colors, in luminance alone, or in colors that are matched with the content's. A picture of
several regions may have several of these; where the regions have soft edges, their colors are mixed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.images import Picture, color
from impasto.images.masks import Mask
from impasto.planning.plan import Size
from impasto.settings import Settings
from impasto.settings.choices import Color, ColorMatch
from impasto.transfer.styles import Style, ToDevice, claimed

__all__ = ["Coloring", "Palette", "check", "coloring_of", "counted", "finished", "in_luminance", "palettes"]


class Coloring(NamedTuple):
    """A kind of colors."""

    color: Color
    match: ColorMatch
    """How `content-match` matches colors; of no effect on other kinds."""

    def of_painting(self, image: Tensor, shown: Tensor, content: Tensor) -> Tensor:
        """Return a style image in colors of this kind.

        Args:
            image: The style image, (3, H, W).
            shown: The part of it whose colors count, (3, 1, N), or the image.
            content: The part of the content whose colors count, (3, 1, N), or the content, (3, H, W).

        Returns:
            (3, H, W); values may leave [0, 1].

        """
        if self.color == "style":
            return image
        if self.color == "content-luminance":
            return color.match_luminance(image, content, shown)
        return color.match_colors(image, content, self.match, shown)


class Palette(NamedTuple):
    """A kind of colors, and where a picture has it."""

    coloring: Coloring
    area: Tensor | None = None
    """How much of each pixel's color is of this kind, in [0, 1], (H, W); None: all of it, everywhere."""


def coloring_of(style: Style, settings: Settings) -> Coloring:
    """Return the kind of colors of a style.

    Args:
        style: The style.
        settings: The color where the style names none.

    Returns:
        The kind of colors.

    """
    return _coloring(style.color or settings.color, style.color_match or settings.color_match)


def check(styles: Sequence[Style], settings: Settings) -> None:
    """Refuse styles that are blended in one region and whose colors are of different kinds.

    Args:
        styles: The styles of a run; one without a weight counts for nothing.
        settings: The color of styles that name none.

    Raises:
        InputError: there are such styles; the message names both kinds.

    """
    found: dict[Mask | None, Coloring] = {}
    for style in styles:
        if style.weight:
            one, other = found.setdefault(style.region, coloring_of(style, settings)), coloring_of(style, settings)
            if one != other:
                names = " and ".join(_named(each, with_match=one.color == other.color) for each in (one, other))
                raise InputError(
                    f"styles that are blended in one region cannot have the colors {names}; give them the same color, "
                    "or a region each."
                )


def palettes(styles: Sequence[Style], settings: Settings, size: Size, to_device: ToDevice) -> list[Palette]:
    """Return the kinds of colors of a picture and where each of them is.

    Args:
        styles: The styles of the run; those without a weight are left out.
        settings: The color of styles that name none.
        size: The size of the picture.
        to_device: Bring a mask to the device and precision of the run.

    Returns:
        One palette without an area where all styles agree; else the areas of each pixel add up to at most 1, and to
        less where no style paints.

    """
    kinds: dict[Mask | None, Coloring] = {
        style.region: coloring_of(style, settings) for style in styles if style.weight
    }
    different = list(dict.fromkeys(kinds.values())) or [_coloring(settings.color, settings.color_match)]
    if len(different) == 1:
        return [Palette(different[0])]
    areas = claimed(kinds, size, to_device)
    sums = {kind: torch.stack([areas[mask] for mask in kinds if kinds[mask] == kind]).sum(0) for kind in different}
    total = torch.stack(list(sums.values())).sum(0).clamp_(min=1)
    return [Palette(kind, area / total) for kind, area in sums.items()]


def in_luminance(image: Tensor, found: Sequence[Palette]) -> Tensor:
    """Return an image that is gray where only the luminance is painted.

    Args:
        image: RGB, (3, H, W).
        found: The palettes of the picture.

    Returns:
        The image, (3, H, W).

    """
    for coloring, area in found:
        if coloring.color == "content-luminance":
            gray = color.gray(image)
            return gray if area is None else image.lerp(gray, area)
    return image


def finished(image: Tensor, content: Tensor, picture: Picture, found: Sequence[Palette]) -> Tensor:
    """Return a painted image in the colors that it is to have.

    Args:
        image: The painted image, (3, H, W); values may leave [0, 1].
        content: The content image in its own colors, (3, H, W).
        picture: The content, whose transparent pixels do not count where colors are matched.
        found: The palettes of the picture.

    Returns:
        (3, H, W), the image itself where it has the colors of the styles.

    """
    result = image
    for coloring, area in found:
        if coloring.color == "style":
            continue
        if coloring.color == "content-luminance":
            changed = color.with_luminance(image.clamp(0, 1), content)
        else:
            target, shown = (counted(each, picture, area) for each in (content, image))
            changed = color.match_colors(image, target, coloring.match, shown)
        result = changed if area is None else result + area * (changed - image)
    return result


def counted(image: Tensor, picture: Picture, area: Tensor | None = None) -> Tensor:
    """Return the pixels of an image whose colors count.

    Args:
        image: (3, H, W).
        picture: A picture of the image's shape; what is transparent in it does not count.
        area: The part that counts, in [0, 1], (H, W); None: all.

    Returns:
        The pixels, (3, 1, N), or the image where all of them count.

    """
    mask = Mask.of_opacity(picture)
    opacity = None if mask is None else mask.resized(image.shape[2], image.shape[1]).to(image.device)
    given = [each >= each.max() / 2 for each in (opacity, area) if each is not None]
    if not given:
        return image
    return image[:, torch.stack(given).all(0)][:, None]


def _coloring(kind: Color, match: ColorMatch) -> Coloring:
    """Return a coloring; kinds that match nothing are equal whatever their `match`."""
    return Coloring(kind, match if kind == "content-match" else "sym")


def _named(coloring: Coloring, *, with_match: bool) -> str:
    return f"{coloring.color} by {coloring.match}" if with_match else coloring.color
