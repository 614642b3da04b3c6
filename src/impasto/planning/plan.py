"""What a run will do, known before it begins: the stages, from coarse to fine, and how each fits into memory.

Pure arithmetic on settings and sizes; no tensors, no files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from impasto.errors import PictureError, SpaceError
from impasto.planning.footprint import Caching, Footprint, Overhead
from impasto.planning.memory import Budget, Layout, cheapest
from impasto.planning.tiles import Wraps
from impasto.settings import Settings
from impasto.settings.limits import GRID, MIN_SIDE

__all__ = ["Plan", "Size", "Stage", "make_plan"]

_MIN_FIRST_SIDE = 128
"""Pixels of the short side of a first stage, where the picture has as many: the receptive field of conv5_1 sees no
forms in less."""

_MIN_PROCESS_PIXELS = 32
"""Pixels of a picture's long side that each process needs."""

_MAX_STYLE_RATIO = 16
"""Long over short side that a style image may have: its short side follows the picture's, so its long side is work."""


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"

    def with_long_side(self, pixels: int) -> "Size":
        """Scale to a long side of `pixels`, in the same proportions.

        Args:
            pixels: The long side.

        Returns:
            The size, rounded to whole pixels.

        """
        return self._scaled(pixels / max(self))

    def with_short_side(self, pixels: float) -> "Size":
        """Scale to a short side of `pixels`, in the same proportions.

        Args:
            pixels: The short side; a fraction is allowed.

        Returns:
            The size, rounded to whole pixels.

        """
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
    """How the stage fits into memory."""

    @property
    def work(self) -> float:
        """The work of one evaluation, in pixels of an image that is evaluated whole: time grows with it."""
        return math.prod(self.size) * self.layout.work


class Plan(NamedTuple):
    """The stages of a run, smallest first, and the memory that it takes."""

    stages: tuple[Stage, ...]
    """The sizes at which the picture is painted, each with its `size`, `evaluations` and `layout` in memory."""
    baseline: float = 0
    """Bytes that the process takes before the run, with the network ready."""
    limit: float = math.inf
    """The most bytes that the plan may predict for the process."""
    overheads: Mapping[Caching, Overhead] = {"none": Overhead()}
    """What the allocator takes beyond the need, by what it caches, the fastest first."""
    candidates: tuple[Stage, ...] = ()
    """In a run with a budget of time, the sizes that it may choose from, the smallest first, the asked one last."""

    def __repr__(self) -> str:
        stages = ", then ".join(f"{stage.size} with {stage.evaluations} evaluations" for stage in self.stages)
        return f"Plan({stages}; {self.bytes / 1e9:.2f} GB)"

    @property
    def possible(self) -> tuple[Stage, ...]:
        """The stages that the run may paint: in a run with a budget of time, all candidates."""
        return self.candidates or self.stages

    @property
    def asked_size(self) -> Size:
        """The size that the settings ask for; a budget of time may be too short for it."""
        return self.possible[-1].size

    def laid_out_as(self, other: "Plan") -> "Plan":
        """Return the stages of this plan with the layouts and limits of another plan.

        Args:
            other: A plan of the same pictures with less memory.

        Returns:
            The plan.

        Raises:
            PictureError: the other plan has not all sizes, such as one without a budget of time for a run that had one.

        """
        fitted = {stage.size: stage for stage in other.possible}
        missing = next((stage.size for stage in self.stages if stage.size not in fitted), None)
        if missing is not None:
            raise PictureError(f"a picture of {missing} is not planned with these options; give the first ones.")
        stages = (fitted[stage.size]._replace(evaluations=stage.evaluations) for stage in self.stages)
        return other._replace(stages=tuple(stages))

    @property
    def evaluations(self) -> int:
        """Evaluations of all stages together, at most."""
        return sum(stage.evaluations for stage in self.stages)

    @property
    def work(self) -> float:
        """The work of all evaluations together, in pixels of images that are evaluated whole."""
        return sum(stage.work * stage.evaluations for stage in self.stages)

    @property
    def needed(self) -> float:
        """Bytes that the run needs at the peak, in addition to what the process takes before."""
        return max(stage.layout.bytes for stage in self.stages)

    @property
    def checkpoint_bytes(self) -> int:
        """Bytes of the largest checkpoint: two images in float32 and the curvature pairs."""
        return max(math.prod(stage.size) * 3 * (8 + stage.layout.pair_bytes) for stage in self.stages)

    @property
    def caching(self) -> Caching:
        """What the allocator caches: as much as fits."""
        for caching in self.overheads:
            if self._taken(caching) < self.limit:
                return caching
        return "none"

    @property
    def bytes(self) -> float:
        """Bytes that the process takes at the peak."""
        return self._taken(self.caching)

    def _taken(self, caching: Caching) -> float:
        return self.baseline + self.overheads[caching].taken(self.needed)


_UNLIMITED = Budget()


def make_plan(
    settings: Settings,
    content: Size,
    styles: Sequence[Size],
    footprint: Footprint,
    budget: Budget = _UNLIMITED,
    *,
    scales: Sequence[float] | None = None,
    is_timed: bool = False,
) -> Plan:
    """Plan the stages of a run.

    Args:
        settings: The picture.
        content: The size of the photograph.
        styles: The sizes of the style images.
        footprint: What the parts of a run take in memory.
        budget: What there is to compute with.
        scales: The styles' own scales, in addition to that of the settings; 1, if not given.
        is_timed: Whether the stages are those from which a run with a budget of time chooses: `Plan.candidates`.

    Returns:
        The stages, each with the layout of least work that fits.

    Raises:
        PictureError: a picture is too small, or too thin for the size asked for or for the processes.
        SpaceError: a stage is too large for the budget.

    """
    final = content.with_long_side(settings.size)
    _check_pictures(content, styles)
    _check_final(content, final, settings, budget.processes)
    chosen = scales or [1.0] * len(styles)

    def _stage(long_side: int, evaluations: int, longest: int) -> Stage | None:
        size = content.with_long_side(long_side).on_grid(settings.wraps)
        scaled = zip(styles, chosen, strict=True)
        sizes = tuple(_style_size(size, style, settings.style_scale * scale) for style, scale in scaled)
        with_styles = budget._replace(styles=sum(map(math.prod, sizes)))
        layout = cheapest(settings, size.height, size.width, footprint, with_styles, longest=longest)
        return layout and Stage(size, sizes, evaluations, layout)

    stages: list[Stage] = []
    evaluations = settings.history if is_timed or settings.stages else 0  # a change may come, with the pairs so far
    timed = dict.fromkeys(_timed_sides(settings, final), settings.history) if is_timed else {}
    for long_side, count in (timed or _schedule(settings, final)).items():
        evaluations += count
        found = _stage(long_side, count, evaluations)
        if found is None:
            raise SpaceError(
                _too_large(settings, content, budget, lambda side: _stage(side, 1, settings.history) is not None)
            )
        stages.append(found)
    planned = tuple(stages)
    return Plan(planned, budget.baseline, budget.usable, budget.overheads, planned if is_timed else ())


def _check_pictures(content: Size, styles: Sequence[Size]) -> None:
    """Refuse pictures that are too small or too thin, whatever the settings."""
    for name, size in [("content", content), *(("style", size) for size in styles)]:
        if min(size) < MIN_SIDE:
            raise PictureError(f"the {name} is {size} pixels; a picture needs at least {MIN_SIDE} on its short side.")
    for style in styles:
        if max(style) > _MAX_STYLE_RATIO * min(style):
            raise PictureError(
                f"the style is {style} pixels, too thin to learn from; crop it to 1 : {_MAX_STYLE_RATIO} at most."
            )


def _check_final(content: Size, final: Size, settings: Settings, processes: int) -> None:
    """Refuse a final size that is too thin to paint or to divide."""
    if min(final) < MIN_SIDE:
        least = math.ceil(MIN_SIDE * max(content) / min(content))
        raise PictureError(
            f"the content is {content} pixels, which is {final} at size {settings.size}, too thin to paint; "
            f"crop it, or give a size of at least {least}."
        )
    if _MIN_PROCESS_PIXELS * processes > max(final):
        raise PictureError(
            f"a picture of {final} pixels cannot be divided among {processes} processes; "
            f"start at most {max(1, max(final) // _MIN_PROCESS_PIXELS)}."
        )


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
        f"of which the program and the pictures as they are take {budget.baseline / 1e9:.2f}; {advice}."
    )


def _schedule(settings: Settings, final: Size) -> dict[int, int]:
    """Return the long sides of the stages with their evaluations: those of the settings, and the usual ones above."""
    last = max(final)
    listed = {side: count for side, count in settings.stages.items() if side <= last}
    if last in listed:
        return listed
    sides = _steps(2 * max(listed), last) if listed else _long_sides(settings, final)
    counts = [math.ceil(settings.iterations * settings.stage_ratio ** (len(listed) + n)) for n in range(len(sides))]
    for number in range(0 if listed else 1, len(sides) - 1):
        counts[number] = min(counts[number], settings.middle_iterations)
    return {**listed, **dict(zip(sides, counts, strict=True))}


def _long_sides(settings: Settings, final: Size) -> list[int]:
    """List the stages' long sides: equal steps of about two from the first to the final size."""
    return _steps(_first_side(settings, final), max(final)) if settings.first_size else [max(final)]


def _timed_sides(settings: Settings, final: Size) -> list[int]:
    """List the long sides that a budget of time chooses from: equal steps of about √2 from a quarter of the first."""
    first, last = _first_side(settings, final) / 4, max(final)
    if settings.first_size == 0 or first >= last:
        return [last]
    steps = max(1, round(2 * math.log2(last / first)))
    sides = (GRID * round(last * (first / last) ** (1 - step / steps) / GRID) for step in range(steps))
    least = MIN_SIDE * last / min(final)
    return [*dict.fromkeys(side for side in sides if least <= side < last), last]


def _first_side(settings: Settings, final: Size) -> int:
    """Return the long side of the first stage, where the picture is as large."""
    return max(settings.first_size, math.ceil(_MIN_FIRST_SIDE * max(final) / min(final)))


def _steps(first: float, last: int) -> list[int]:
    """List long sides in equal steps of about two from the first to the last; the last alone, if it is the smaller."""
    steps = round(math.log2(last / first)) if first < last else 0
    factor = (last / first) ** (1 / steps) if steps else 1.0
    return [round(last / factor**step) for step in range(steps, -1, -1)]


def _style_size(picture: Size, style: Size, scale: float) -> Size:
    """Scale a style image so that its short side is the picture's times `scale`."""
    size = style.with_short_side(min(picture) * scale)
    return size if min(size) >= MIN_SIDE else style.with_short_side(MIN_SIDE)
