"""The colors of a picture: the kinds of colors that its styles ask for, and where each of them is.

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
from impasto.transfer.styles import Style, ToDevice, region_areas

__all__ = [
    "Coloring",
    "Palette",
    "check",
    "color_samples",
    "coloring_of",
    "desaturate",
    "make_palettes",
    "recolor_painting",
]


class Coloring(NamedTuple):
    """A kind of colors."""

    color: Color
    match: ColorMatch
    """How `content-match` matches colors; of no effect on other kinds."""

    def recolor_style(self, image: Tensor, samples: Tensor, content_samples: Tensor) -> Tensor:
        """Return a style image in colors of this kind.

        Args:
            image: The style image, (3, H, W).
            samples: The pixels of the style image whose colors count, (3, 1, N), or the image.
            content_samples: The pixels of the content whose colors count, (3, 1, N), or the content, (3, H, W).

        Returns:
            (3, H, W); values may leave [0, 1].

        """
        if self.color == "style":
            return image
        if self.color == "content-luminance":
            return color.match_luminance(image, content_samples, samples)
        return color.match_colors(image, content_samples, self.match, samples)


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
    kinds: dict[Mask | None, Coloring] = {}
    for style in styles:
        if style.weight:
            second = coloring_of(style, settings)
            first = kinds.setdefault(style.region, second)
            if first != second:
                same_color = first.color == second.color
                names = " and ".join(_describe(kind, with_match=same_color) for kind in (first, second))
                raise InputError(
                    f"styles that are blended in one region cannot have the colors {names}; give them the same color, "
                    "or a region each."
                )


def make_palettes(styles: Sequence[Style], settings: Settings, size: Size, to_device: ToDevice) -> list[Palette]:
    """Return the kinds of colors of a picture, and where each of them is.

    Args:
        styles: The styles of the run; those without a weight are left out.
        settings: The color of styles that name none.
        size: The size of the picture.
        to_device: Bring a mask to the device and precision of the run.

    Returns:
        One palette without an area, if all styles have the same kind; else palettes whose areas add up to at most 1 at
        each pixel, and to less where no style paints.

    """
    kinds: dict[Mask | None, Coloring] = {
        style.region: coloring_of(style, settings) for style in styles if style.weight
    }
    different = list(dict.fromkeys(kinds.values())) or [_coloring(settings.color, settings.color_match)]
    if len(different) == 1:
        return [Palette(different[0])]
    areas = region_areas(kinds, size, to_device)
    sums = {kind: torch.stack([areas[mask] for mask in kinds if kinds[mask] == kind]).sum(0) for kind in different}
    total = torch.stack(list(sums.values())).sum(0).clamp_(min=1)
    return [Palette(kind, area / total) for kind, area in sums.items()]


def desaturate(image: Tensor, palettes: Sequence[Palette]) -> Tensor:
    """Return an image that is gray where only the luminance is painted.

    Args:
        image: RGB, (3, H, W).
        palettes: The palettes of the picture.

    Returns:
        The image, (3, H, W).

    """
    for coloring, area in palettes:
        if coloring.color == "content-luminance":
            gray = color.gray(image)
            return gray if area is None else image.lerp(gray, area)
    return image


def recolor_painting(image: Tensor, content: Tensor, picture: Picture, palettes: Sequence[Palette]) -> Tensor:
    """Return a painted image in the colors of its palettes.

    Args:
        image: The painted image, (3, H, W); values may leave [0, 1].
        content: The content image in its own colors, (3, H, W).
        picture: The content, whose transparent pixels do not count where colors are matched.
        palettes: The palettes of the picture.

    Returns:
        (3, H, W), the image itself where it has the colors of the styles.

    """
    result = image
    for coloring, area in palettes:
        if coloring.color == "style":
            continue
        if coloring.color == "content-luminance":
            recolored = color.with_luminance(image.clamp(0, 1), content)
        else:
            content_samples, samples = (color_samples(each, picture, area) for each in (content, image))
            recolored = color.match_colors(image, content_samples, coloring.match, samples)
        result = recolored if area is None else result + area * (recolored - image)
    return result


def color_samples(image: Tensor, picture: Picture, area: Tensor | None = None) -> Tensor:
    """Return the pixels of an image whose colors count.

    Args:
        image: (3, H, W).
        picture: A picture of the image's proportions; its transparent pixels do not count.
        area: Where the image counts, in [0, 1], (H, W); None: everywhere.

    Returns:
        The pixels, (3, 1, N), or the image where all of them count.

    """
    mask = Mask.of_opacity(picture)
    opacity = None if mask is None else mask.resized(image.shape[2], image.shape[1]).to(image.device)
    insides = [weights >= weights.max() / 2 for weights in (opacity, area) if weights is not None]
    if not insides:
        return image
    return image[:, torch.stack(insides).all(0)][:, None]


def _coloring(kind: Color, match: ColorMatch) -> Coloring:
    """Return a coloring; kinds that match nothing are equal whatever their `match`."""
    return Coloring(kind, match if kind == "content-match" else "sym")


def _describe(coloring: Coloring, *, with_match: bool) -> str:
    """Return the words of a message for a kind of colors."""
    return f"{coloring.color} by {coloring.match}" if with_match else coloring.color
