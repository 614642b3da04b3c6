"""What a run will do, known before it begins: the stages, from coarse to fine, and how each fits into memory.

Pure arithmetic on settings and sizes; no tensors, no files.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from impasto.errors import PictureError, SpaceError
from impasto.planning.footprint import Caching, Footprint, Overhead
from impasto.planning.memory import Budget, Layout, cheapest_layout
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
        """Return the size of the same proportions with a long side of `pixels`.

        Args:
            pixels: The long side.

        Returns:
            The size, rounded to whole pixels.

        """
        return self._scale_by(pixels / max(self))

    def with_short_side(self, pixels: float) -> "Size":
        """Return the size of the same proportions with a short side of `pixels`.

        Args:
            pixels: The short side; a fraction is allowed.

        Returns:
            The size, rounded to whole pixels.

        """
        return self._scale_by(pixels / min(self))

    def on_grid(self, wraps: Wraps) -> "Size":
        """Return the nearest size whose sides are multiples of the coarsest layer's stride, where they wrap around."""
        rows_wrap, columns_wrap = wraps
        width = _round_to_grid(self.width) if columns_wrap else self.width
        return Size(width, _round_to_grid(self.height) if rows_wrap else self.height)

    def _scale_by(self, factor: float) -> "Size":
        """Return the size times a factor, rounded to whole pixels."""
        return Size(round(self.width * factor), round(self.height * factor))


def _round_to_grid(side: int) -> int:
    """Return the nearest multiple of the coarsest layer's stride, at least two strides."""
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
    def possible_stages(self) -> tuple[Stage, ...]:
        """The stages that the run may paint: in a run with a budget of time, all candidates."""
        return self.candidates or self.stages

    @property
    def asked_size(self) -> Size:
        """The size that the settings ask for; a budget of time may be too short for it."""
        return self.possible_stages[-1].size

    def with_layouts_of(self, other: "Plan") -> "Plan":
        """Return the stages of this plan with the layouts and limits of another plan.

        Args:
            other: A plan of the same pictures with less memory.

        Returns:
            The plan.

        Raises:
            PictureError: the other plan has not all sizes, such as one without a budget of time for a run that had one.

        """
        stages_by_size = {stage.size: stage for stage in other.possible_stages}
        missing = next((stage.size for stage in self.stages if stage.size not in stages_by_size), None)
        if missing is not None:
            raise PictureError(f"a picture of {missing} is not planned with these options; give the first ones.")
        stages = (stages_by_size[stage.size]._replace(evaluations=stage.evaluations) for stage in self.stages)
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
            if self._peak_bytes(caching) < self.limit:
                return caching
        return "none"

    @property
    def bytes(self) -> float:
        """Bytes that the process takes at the peak."""
        return self._peak_bytes(self.caching)

    def _peak_bytes(self, caching: Caching) -> float:
        """Return the bytes that the process takes at the peak, by what the allocator caches."""
        return self.baseline + self.overheads[caching].total(self.needed)


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
    scales = scales or [1.0] * len(styles)

    def _stage(long_side: int, evaluations: int, evaluations_so_far: int) -> Stage | None:
        size = content.with_long_side(long_side).on_grid(settings.wraps)
        style_scales = zip(styles, scales, strict=True)
        sizes = tuple(_style_size(size, style, settings.style_scale * scale) for style, scale in style_scales)
        with_styles = budget._replace(styles=sum(map(math.prod, sizes)))
        layout = cheapest_layout(
            settings, size.height, size.width, footprint, with_styles, evaluations=evaluations_so_far
        )
        return layout and Stage(size, sizes, evaluations, layout)

    def _fits(long_side: int) -> bool:
        return _stage(long_side, 1, settings.history) is not None

    stages: list[Stage] = []
    total = settings.history if is_timed or settings.stages else 0  # a change may come, with the pairs so far
    timed = dict.fromkeys(_timed_sides(settings, final), settings.history) if is_timed else {}
    for long_side, evaluations in (timed or _schedule(settings, final)).items():
        total += evaluations
        stage = _stage(long_side, evaluations, total)
        if stage is None:
            raise SpaceError(_shortage_message(settings, content, budget, _fits))
        stages.append(stage)
    return Plan(tuple(stages), budget.baseline, budget.usable, budget.overheads, tuple(stages) if is_timed else ())


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
        min_size = math.ceil(MIN_SIDE * max(content) / min(content))
        raise PictureError(
            f"the content is {content} pixels, which is {final} at size {settings.size}, too thin to paint; "
            f"crop it, or give a size of at least {min_size}."
        )
    if _MIN_PROCESS_PIXELS * processes > max(final):
        raise PictureError(
            f"a picture of {final} pixels cannot be divided among {processes} processes; "
            f"start at most {max(1, max(final) // _MIN_PROCESS_PIXELS)}."
        )


def _shortage_message(settings: Settings, content: Size, budget: Budget, fits: Callable[[int], bool]) -> str:
    """Return the sentence that nothing fits, and which size would; `fits` tells whether a long side does."""
    low, high = math.ceil(MIN_SIDE * max(content) / min(content)), settings.size
    advice = "give more memory"
    if fits(low):
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        advice = f"give more memory, or a size of at most {low}"
    return (
        f"a picture of {content.with_long_side(settings.size)} pixels does not fit into {budget.limit / 1e9:.3g} GB, "
        f"of which the program and the pictures as they are take {budget.baseline / 1e9:.2f}; {advice}."
    )


def _schedule(settings: Settings, final: Size) -> dict[int, int]:
    """Return the evaluations of the stages by long side: the stages of the settings, and usual ones beyond them."""
    long_side = max(final)
    stages = {side: count for side, count in settings.stages.items() if side <= long_side}
    if long_side in stages:
        return stages
    sides = _steps(2 * max(stages), long_side) if stages else _long_sides(settings, final)
    counts = [math.ceil(settings.iterations * settings.stage_ratio ** (len(stages) + n)) for n in range(len(sides))]
    for index in range(0 if stages else 1, len(sides) - 1):
        counts[index] = min(counts[index], settings.middle_iterations)
    return {**stages, **dict(zip(sides, counts, strict=True))}


def _long_sides(settings: Settings, final: Size) -> list[int]:
    """List the stages' long sides: equal steps of about two from the first to the final size."""
    return _steps(_first_side(settings, final), max(final)) if settings.first_size else [max(final)]


def _timed_sides(settings: Settings, final: Size) -> list[int]:
    """List the long sides that a budget of time chooses from: equal steps of about √2 from a quarter of the first."""
    first, long_side = _first_side(settings, final) / 4, max(final)
    if settings.first_size == 0 or first >= long_side:
        return [long_side]
    steps = max(1, round(2 * math.log2(long_side / first)))
    sides = (GRID * round(long_side * (first / long_side) ** (1 - step / steps) / GRID) for step in range(steps))
    min_side = MIN_SIDE * long_side / min(final)
    return [*dict.fromkeys(side for side in sides if min_side <= side < long_side), long_side]


def _first_side(settings: Settings, final: Size) -> int:
    """Return the long side of the first stage, where the picture is as large."""
    return max(settings.first_size, math.ceil(_MIN_FIRST_SIDE * max(final) / min(final)))


def _steps(first: float, final: int) -> list[int]:
    """List long sides in equal steps of about two from the first to the final one; the final one alone, if smaller."""
    steps = round(math.log2(final / first)) if first < final else 0
    factor = (final / first) ** (1 / steps) if steps else 1.0
    return [round(final / factor**step) for step in range(steps, -1, -1)]


def _style_size(picture: Size, style: Size, scale: float) -> Size:
    """Scale a style image so that its short side is the picture's times `scale`."""
    size = style.with_short_side(min(picture) * scale)
    return size if min(size) >= MIN_SIDE else style.with_short_side(MIN_SIDE)
