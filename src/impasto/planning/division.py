"""How the time of a run is divided among stages: which sizes there is time for, and how many evaluations of each.

Pure arithmetic on stages and seconds; it knows no clock.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from impasto.planning.plan import Stage

__all__ = ["Timings", "divide_time", "first_stage"]

FINAL_FRACTION = 0.85
"""The fraction of the time that the last stage has; each earlier stage has the same fraction of what remains. The loss
is lowest from 0.77 to 0.97, and larger forms move only in the earlier stages (docs/notes/seconds.md)."""

MIN_FINAL_EVALUATIONS = 20
"""Evaluations that there has to be time for at a size for the picture to become as large: fewer show no strokes."""

MIN_PREVIEW_EVALUATIONS = 5
"""Evaluations that there has to be time for at a size of at most half the first one: they lead to a lower loss than 30
at half of that size (docs/notes/seconds.md)."""

MIN_EVALUATIONS = 5
"""Evaluations of a run, at least, even if its time is over before it begins, as far as `GRACE_SECONDS` allow."""

GRACE_SECONDS = 0.3
"""Seconds by which a run may be late so that it has `MIN_EVALUATIONS`: after one or two no change can be seen."""

MAX_EARLY_EVALUATIONS = 20
"""Evaluations of a stage that is smaller than the settings' first one, at most: more would change large forms."""

TARGET_EVALUATIONS = 1
"""The time, in evaluations, that the targets of a stage take: content and style, forward."""

MIN_SIZE_RATIO = 1.2
"""The least ratio of the long side of a stage to that of the previous stage."""

GUESSED_SECONDS_PER_PIXEL = 5e-6
"""Seconds per pixel of an evaluation before any is timed: those of two cores of a processor of 2022."""

OVERHEAD_PIXELS = 3_000
"""The part of an evaluation's time that does not grow with the picture, in pixels whose evaluation takes as long
(docs/notes/seconds.md)."""

TIMED_EVALUATIONS = 6
"""The number of latest evaluations of a stage whose times predict the next one."""


class Timings(NamedTuple):
    """The times of evaluations, from which those of later evaluations are predicted."""

    stage: Stage | None = None
    """The stage under way."""
    seconds: tuple[float, ...] = ()
    """The times of its latest evaluations, without the first, which also measures the targets."""
    seconds_per_pixel: float | None = None
    """Seconds per pixel of work, `OVERHEAD_PIXELS` included, in the previous stage or by a forecast; None: unknown."""

    @property
    def is_empty(self) -> bool:
        """Whether no evaluation was timed or forecast."""
        return not self.seconds and self.seconds_per_pixel is None

    def add(self, stage: Stage, seconds: float) -> "Timings":
        """Return the timings with one more evaluation.

        Args:
            stage: The stage of the evaluation.
            seconds: The time that it took.

        Returns:
            The timings.

        """
        if self.stage is None or stage.size != self.stage.size:
            return Timings(stage, (), None if self.is_empty else self.predict(stage) / _timed_pixels(stage))
        return self._replace(stage=stage, seconds=(*self.seconds, seconds)[-TIMED_EVALUATIONS:])

    def predict(self, stage: Stage) -> float:
        """Return the seconds that an evaluation of a stage will take."""
        if self.stage is None or not self.seconds:
            return (self.seconds_per_pixel or GUESSED_SECONDS_PER_PIXEL) * _timed_pixels(stage)
        return median(self.seconds) * _timed_pixels(stage) / _timed_pixels(self.stage)


def first_stage(candidates: Sequence[Stage], timings: Timings, seconds: float) -> int:
    """Return the index of the stage in which a run begins: that of twice the smallest size, if it is fast.

    Args:
        candidates: The stages to choose from, from the smallest, a quarter of the first size of the settings.
        timings: The times of evaluations.
        seconds: The time that remains.

    Returns:
        The index of the stage in `candidates`.

    """
    default = max(index for index, stage in enumerate(candidates) if max(stage.size) <= 2 * max(candidates[0].size))
    is_fast = (MIN_FINAL_EVALUATIONS + TARGET_EVALUATIONS) * timings.predict(candidates[default]) <= seconds
    return default if is_fast else 0


def divide_time(
    candidates: Sequence[Stage],
    current: int,
    done: int,
    timings: Timings,
    *,
    seconds: float,
    elapsed: float,
    first_size: int,
    is_first: bool,
) -> tuple[Stage, ...]:
    """Divide the time of a run among the stages that there is time for.

    Args:
        candidates: The stages to choose from, from the smallest to the size that was asked for.
        current: The index of the stage under way among them.
        done: Evaluations of that stage that are done.
        timings: The times of evaluations.
        seconds: The time from the beginning of the first evaluation to the end of the last.
        elapsed: How much of that time is over.
        first_size: The long side of the first stage of the settings, in pixels.
        is_first: Whether the stage under way is the first one of the run.

    Returns:
        The stage under way and the following ones, each with the evaluations that there is time for, at least 1;
        evaluations that are done count in the first.

    """
    for final in range(len(candidates) - 1, current, -1):
        path = _path(candidates, current, final)
        start = max(_end_fractions(len(path))[-2] * seconds, elapsed)
        is_preview = 2 * max(candidates[final].size) <= first_size
        minimum = MIN_PREVIEW_EVALUATIONS if is_preview else MIN_FINAL_EVALUATIONS
        if seconds - start >= (minimum + TARGET_EVALUATIONS) * timings.predict(candidates[final]):
            break
    else:
        path = [candidates[current]]
    minimum = 1
    if is_first and len(path) == 1:
        remaining = max(seconds, 0) + GRACE_SECONDS - elapsed
        more = remaining / timings.predict(path[0]) - (0 if done else TARGET_EVALUATIONS)
        minimum = max(1, min(MIN_EVALUATIONS, done + math.floor(more)))
    times = {"seconds": seconds, "elapsed": elapsed}
    return tuple(_with_evaluations(path, done, timings, **times, first_size=first_size, minimum=minimum))


def _timed_pixels(stage: Stage) -> float:
    """Return the pixels to which the time of an evaluation of a stage is proportional."""
    return stage.work + OVERHEAD_PIXELS


def _path(candidates: Sequence[Stage], current: int, final: int) -> list[Stage]:
    """Return the stages from the one under way to a final one, each about twice as large as the previous one."""
    path = [candidates[final]]
    min_side = MIN_SIZE_RATIO * max(candidates[current].size)
    for stage in reversed(candidates[current + 1 : final]):
        if max(stage.size) >= min_side and 2 * max(stage.size) <= max(path[0].size) + 1:
            path.insert(0, stage)
    return [candidates[current], *path]


def _end_fractions(count: int) -> list[float]:
    """Return the fraction of the time at which each stage ends."""
    return [(1 - FINAL_FRACTION) ** (count - 1 - index) for index in range(count)]


def _with_evaluations(
    path: Sequence[Stage], done: int, timings: Timings, *, seconds: float, elapsed: float, first_size: int, minimum: int
) -> Iterator[Stage]:
    """Yield the stages of a path, each with the evaluations that there is time for."""
    start = elapsed
    for stage, fraction in zip(path, _end_fractions(len(path)), strict=True):
        evaluation = timings.predict(stage)
        targets = 0 if done else TARGET_EVALUATIONS
        more = math.floor((fraction * seconds - start) / evaluation - targets)
        if stage is not path[-1] and max(stage.size) < first_size:
            more = min(more, MAX_EARLY_EVALUATIONS - done)
        more = max(minimum - done, more, 0)
        yield stage._replace(evaluations=done + more)
        start, done = start + (more + targets) * evaluation, 0
