"""How the time of a run is divided among stages: which sizes there is time for, and how many evaluations of each.

Pure arithmetic on stages and seconds; it knows no clock.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from impasto.planning.plan import Stage

__all__ = ["Pace", "divided"]

FINAL_FRACTION = 0.85
"""The fraction of the time that the last stage has; each stage before has the same fraction of what is left. The loss
is lowest from 0.77 to 0.97, and larger forms move only in the stages before (docs/notes/seconds.md)."""

MIN_FINAL_EVALUATIONS = 20
"""Evaluations that there has to be time for at a size for the picture to become as large: fewer show no strokes."""

MIN_EVALUATIONS = 10
"""Evaluations of a run, at least, even if its time is over before it begins: one or two paint nothing."""

BEFORE_FIRST_EVALUATIONS = 20
"""Evaluations of a stage that is smaller than the settings' first one, at most: more would change large forms."""

TARGET_EVALUATIONS = 1
"""The time, in evaluations, that the targets of a stage take: content and style, forward."""

MIN_STEP = 1.2
"""Times as large that a stage is than the one before, at least."""

GUESSED_PACE = 5e-6
"""Seconds per pixel of an evaluation before any is timed: those of two cores of a processor of 2022."""

OVERHEAD = 10_000
"""The pixels whose evaluation takes as long as what does not grow with the picture (docs/notes/seconds.md)."""

TIMED_EVALUATIONS = 6
"""The number of latest evaluations of a stage whose times predict the next one."""


class Pace(NamedTuple):
    """How long evaluations take, as far as it is known."""

    stage: Stage | None = None
    """The stage under way."""
    seconds: tuple[float, ...] = ()
    """The times of its latest evaluations, without the first, which also measures the targets."""
    per_work: float = GUESSED_PACE
    """Seconds per unit of work in the stage before, `OVERHEAD` included."""

    def timed(self, stage: Stage, seconds: float) -> "Pace":
        """Return the pace with one more evaluation."""
        if self.stage is None or stage.size != self.stage.size:
            return Pace(stage, (), self.of(stage) / (stage.work + OVERHEAD))
        return Pace(stage, (*self.seconds, seconds)[-TIMED_EVALUATIONS:], self.per_work)

    def of(self, stage: Stage) -> float:
        """Return the seconds that an evaluation of a stage will take."""
        if self.stage is None or not self.seconds:
            return self.per_work * (stage.work + OVERHEAD)
        return median(self.seconds) * (stage.work + OVERHEAD) / (self.stage.work + OVERHEAD)


def divided(
    candidates: Sequence[Stage], current: int, done: int, pace: Pace, *, seconds: float, elapsed: float, first_size: int
) -> tuple[Stage, ...]:
    """Divide the time of a run among the stages that there is time for.

    Args:
        candidates: The stages to choose from, from the smallest to the size that was asked for.
        current: The number of the stage under way among them, from 0.
        done: Evaluations of that stage that are done.
        pace: How long evaluations take.
        seconds: The time from the beginning of the first evaluation to the end of the last.
        elapsed: How much of that time is over.
        first_size: The long side of the first stage of the settings, in pixels.

    Returns:
        The stage under way and those that follow, each with the evaluations that there is time for, at least 1; those
        that are done count in the first.

    """
    for final in range(len(candidates) - 1, current, -1):
        path = _path(candidates, current, final)
        begins = max(_ends(len(path))[-2] * seconds, elapsed)
        if seconds - begins >= (MIN_FINAL_EVALUATIONS + TARGET_EVALUATIONS) * pace.of(candidates[final]):
            break
    else:
        path = [candidates[current]]
    least = MIN_EVALUATIONS if current == 0 and len(path) == 1 else 1
    return tuple(_counted(path, done, pace, seconds=seconds, elapsed=elapsed, first_size=first_size, least=least))


def _path(candidates: Sequence[Stage], current: int, final: int) -> list[Stage]:
    """Return the stages from the one under way to a final one, each about twice as large as the one before."""
    path = [candidates[final]]
    least = MIN_STEP * max(candidates[current].size)
    for stage in reversed(candidates[current + 1 : final]):
        if max(stage.size) >= least and 2 * max(stage.size) <= max(path[0].size) + 1:
            path.insert(0, stage)
    return [candidates[current], *path]


def _ends(count: int) -> list[float]:
    """Return the fraction of the time at which each of so many stages ends."""
    return [(1 - FINAL_FRACTION) ** (count - 1 - number) for number in range(count)]


def _counted(
    path: Sequence[Stage], done: int, pace: Pace, *, seconds: float, elapsed: float, first_size: int, least: int
) -> Iterator[Stage]:
    """Yield the stages of a path, each with the evaluations that there is time for."""
    begins = elapsed
    for stage, fraction in zip(path, _ends(len(path)), strict=True):
        each = pace.of(stage)
        targets = 0 if done else TARGET_EVALUATIONS
        fitting = math.floor((fraction * seconds - begins) / each - targets)
        if stage is not path[-1] and max(stage.size) < first_size:
            fitting = min(fitting, BEFORE_FIRST_EVALUATIONS - done)
        more = max(least - done, fitting, 0)
        yield stage._replace(evaluations=done + more)
        begins, done = begins + (more + targets) * each, 0
