"""What a run will do, known before it begins: the stages, from coarse to fine, and how each fits into memory.

Pure arithmetic on settings and sizes; no tensors, no files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from impasto.errors import PictureError, SpaceError
from impasto.planning.memory import FUSED_TAKING, Budget, Layout, cheapest
from impasto.planning.tiles import Wraps
from impasto.settings import Settings
from impasto.settings.limits import GRID, MIN_SIDE

__all__ = ["Keeping", "Plan", "Size", "Stage", "make_plan"]

_FIRST_SHORT = 128
"""Short side of a first stage, where the picture has it: less than the receptive field of conv5_1 sees no forms."""

_NARROWEST = 32
"""Pixels of a first stage's long side, at least, for each process."""

_THINNEST = 16
"""Long over short side that a style image may have: its short side follows the picture's, so its long side is work."""

Keeping = Literal["all", "small", "none"]
"""Which blocks of memory stay with the process when they are freed: the more, the sooner a run ends."""

_TAKING: Mapping[Keeping, tuple[float, float]] = {"all": (1.75, 0), "small": (1, 0.2e9), "none": (1, 0)}
"""Times what it needs that a run takes, and bytes beside, by what it keeps: docs/notes/speed.md."""

_TAKING_ON_GPU: Mapping[Keeping, tuple[float, float]] = {"all": (1.5, 0.3e9), "none": FUSED_TAKING}
"""The same of a GPU's memory: docs/notes/gpu.md."""


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

    def on_grid(self, wraps: Wraps) -> "Size":
        """Return the nearest size whose sides are multiples of the coarsest layer's stride, where they wrap around."""
        down, across = wraps
        return Size(_rounded(self.width) if across else self.width, _rounded(self.height) if down else self.height)

    def _scaled(self, factor: float) -> "Size":
        return Size(round(self.width * factor), round(self.height * factor))


def _rounded(side: int) -> int:
    return max(2, round(side / GRID)) * GRID


class Stage(NamedTuple):
    """One size at which the picture is painted."""

    size: Size
    styles: tuple[Size, ...]
    """Size of each style image in this stage."""
    evaluations: int
    """Evaluations of the objective, at most."""
    layout: Layout
    """How it fits into memory."""

    @property
    def work(self) -> float:
        """Of an evaluation, in pixels of an image that is evaluated whole: the measure of its time."""
        return math.prod(self.size) * self.layout.work


class Plan(NamedTuple):
    """The stages of a run, smallest first."""

    stages: tuple[Stage, ...]
    held: float = 0
    """Bytes that the process takes before the run, with the network ready."""
    limit: float = math.inf
    """Bytes that it may be predicted to take."""
    fused: bool = False
    """Whether a GPU computes, and bytes are those of its memory."""

    @property
    def evaluations(self) -> int:
        """Evaluations of all stages together, at most."""
        return sum(stage.evaluations for stage in self.stages)

    @property
    def work(self) -> float:
        """Of all evaluations together."""
        return sum(stage.work * stage.evaluations for stage in self.stages)

    @property
    def needed(self) -> float:
        """Bytes that the run needs at the peak, beside what the process takes before."""
        return max(stage.layout.bytes for stage in self.stages)

    @property
    def keeping(self) -> Keeping:
        """What it keeps: as much as fits."""
        for keeping in self._table:
            if self._taking(keeping) < self.limit:
                return keeping
        return "none"

    @property
    def bytes(self) -> float:
        """Memory that the process takes at the peak."""
        return self._taking(self.keeping)

    @property
    def _table(self) -> Mapping[Keeping, tuple[float, float]]:
        return _TAKING_ON_GPU if self.fused else _TAKING

    def _taking(self, keeping: Keeping) -> float:
        factor, beside = self._table[keeping]
        return self.held + factor * self.needed + beside


_UNLIMITED = Budget()


def make_plan(
    settings: Settings,
    content: Size,
    styles: Sequence[Size],
    budget: Budget = _UNLIMITED,
    *,
    scales: Sequence[float] | None = None,
) -> Plan:
    """Plan the stages for a content image and style images of the given sizes; `scales` are the styles' own.

    Raises:
        PictureError: a picture is too small, or too thin for the size asked for.
        SpaceError: it is too large for the budget.

    """
    for name, size in [("content", content), *(("style", size) for size in styles)]:
        if min(size) < MIN_SIDE:
            raise PictureError(f"the {name} is {size} pixels; a picture needs at least {MIN_SIDE} on its short side.")
    for style in styles:
        if max(style) > _THINNEST * min(style):
            raise PictureError(
                f"the style is {style} pixels, too thin to learn from; crop it to 1 : {_THINNEST} at most."
            )
    final = content.with_long_side(settings.size)
    if min(final) < MIN_SIDE:
        least = math.ceil(MIN_SIDE * max(content) / min(content))
        raise PictureError(
            f"the content is {content} pixels, which is {final} at size {settings.size}, too thin to paint; "
            f"crop it, or give a size of at least {least}."
        )
    if _NARROWEST * budget.processes > max(final):
        raise PictureError(
            f"a picture of {final} pixels cannot be divided among {budget.processes} processes; "
            f"start at most {max(1, max(final) // _NARROWEST)}."
        )

    def laid_out(long: int, evaluations: int, longest: int) -> Stage | None:
        size = content.with_long_side(long).on_grid(settings.wraps)
        scaled = zip(styles, scales or [1.0] * len(styles), strict=True)
        placed = tuple(_style_size(size, style, settings.style_scale * scale) for style, scale in scaled)
        there = budget._replace(styles=sum(map(math.prod, placed)))
        layout = cheapest(settings, size.height, size.width, there, longest)
        return layout and Stage(size, placed, evaluations, layout)

    stages: list[Stage] = []
    evaluations = 0
    for index, long in enumerate(_long_sides(settings, final)):
        these = math.ceil(settings.iterations * settings.stage_ratio**index)
        evaluations += these
        stage = laid_out(long, these, evaluations)
        if stage is None:
            raise SpaceError(
                _too_large(settings, content, budget, lambda long: laid_out(long, 1, settings.history) is not None)
            )
        stages.append(stage)
    return Plan(tuple(stages), budget.held, budget.sure, budget.fused)


def _too_large(settings: Settings, content: Size, budget: Budget, fits: Callable[[int], bool]) -> str:
    """Say that nothing fits, and which size would; `fits` judges long sides."""
    least, most = math.ceil(MIN_SIDE * max(content) / min(content)), settings.size
    advice = "give more memory"
    if fits(least):
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if fits(middle) else (least, middle)
        advice = f"give more memory, or a size of at most {least}"
    return (
        f"a picture of {content.with_long_side(settings.size)} pixels does not fit into {budget.limit / 1e9:.3g} GB, "
        f"of which the program and the pictures as they are take {budget.held / 1e9:.2f}; {advice}."
    )


def _long_sides(settings: Settings, final: Size) -> list[int]:
    """List the stages' long sides: equal steps of about two from the first to the final size."""
    last = max(final)
    first = max(settings.first_size, math.ceil(_FIRST_SHORT * last / min(final)))
    steps = 0 if settings.first_size == 0 or first >= last else round(math.log2(last / first))
    factor = (last / first) ** (1 / steps) if steps else 1.0
    return [round(last / factor**step) for step in range(steps, -1, -1)]


def _style_size(picture: Size, style: Size, scale: float) -> Size:
    """Scale a style image so that its short side is the picture's times `scale`."""
    size = style.with_short_side(min(picture) * scale)
    return size if min(size) >= MIN_SIDE else style.with_short_side(MIN_SIDE)
