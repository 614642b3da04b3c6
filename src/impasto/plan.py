"""What a run will do, known before it begins: the stages, from coarse to fine, and the sizes of every picture in them.

Pure arithmetic on settings and sizes; no tensors, no files.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from impasto.errors import PictureError
from impasto.settings import Settings

__all__ = ["SHORTEST", "Plan", "Size", "Stage", "make_plan"]

SHORTEST = 32
"""Pixels that the short side of every picture needs: two units of conv5_1, which padding by reflection requires."""

_FIRST_SHORT = 128
"""Short side of a first stage, where the picture has it: less than the receptive field of conv5_1 sees no forms."""

_THINNEST = 16
"""Long over short side that a style image may have: its short side follows the picture's, so its long side is work."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"

    def with_long_side(self, pixels: int) -> "Size":
        """Scale to a long side of `pixels`, keeping the shape."""
        return self._scaled(pixels / max(self))

    def with_short_side(self, pixels: float) -> "Size":
        """Scale to a short side of `pixels`, keeping the shape."""
        return self._scaled(pixels / min(self))

    def _scaled(self, factor: float) -> "Size":
        return Size(round(self.width * factor), round(self.height * factor))


class Stage(NamedTuple):
    """One size at which the picture is painted."""

    size: Size
    styles: tuple[Size, ...]
    """Size of each style image in this stage."""
    evaluations: int
    """Evaluations of the objective, at most."""


class Plan(NamedTuple):
    """The stages of a run, smallest first."""

    stages: tuple[Stage, ...]

    @property
    def evaluations(self) -> int:
        """Evaluations of all stages together, at most."""
        return sum(stage.evaluations for stage in self.stages)

    @property
    def work(self) -> float:
        """Pixels evaluated in all stages together, the measure of the time that a run takes."""
        return sum(math.prod(stage.size) * stage.evaluations for stage in self.stages)


def make_plan(settings: Settings, content: Size, styles: Sequence[Size]) -> Plan:
    """Plan the stages for a content image and style images of the given sizes.

    Raises:
        PictureError: a picture is too small, or too thin for the size asked for.

    """
    for name, size in [("content", content), *(("style", size) for size in styles)]:
        if min(size) < SHORTEST:
            raise PictureError(f"the {name} is {size} pixels; a picture needs at least {SHORTEST} on its short side.")
    for style in styles:
        if max(style) > _THINNEST * min(style):
            raise PictureError(
                f"the style is {style} pixels, too thin to learn from; crop it to 1 : {_THINNEST} at most."
            )
    final = content.with_long_side(settings.size)
    if min(final) < SHORTEST:
        least = math.ceil(SHORTEST * max(content) / min(content))
        raise PictureError(
            f"the content is {content} pixels, which is {final} at size {settings.size}, too thin to paint; "
            f"crop it, or give a size of at least {least}."
        )
    longs = _long_sides(settings, final)
    stages = (
        Stage(
            size=content.with_long_side(long),
            styles=tuple(_style_size(settings, content.with_long_side(long), style) for style in styles),
            evaluations=math.ceil(settings.iterations * settings.stage_ratio**index),
        )
        for index, long in enumerate(longs)
    )
    return Plan(tuple(stages))


def _long_sides(settings: Settings, final: Size) -> list[int]:
    """List the stages' long sides: equal steps of about two from the first to the final size."""
    last = max(final)
    first = max(settings.first_size, math.ceil(_FIRST_SHORT * last / min(final)))
    steps = 0 if settings.first_size == 0 or first >= last else round(math.log2(last / first))
    factor = (last / first) ** (1 / steps) if steps else 1.0
    return [round(last / factor**step) for step in range(steps, -1, -1)]


def _style_size(settings: Settings, picture: Size, style: Size) -> Size:
    """Scale a style image so that its short side is the picture's times `style_scale`."""
    size = style.with_short_side(min(picture) * settings.style_scale)
    return size if min(size) >= SHORTEST else style.with_short_side(SHORTEST)
