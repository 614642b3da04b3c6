"""How the time of a run is divided among stages: which sizes there is time for, and how many evaluations of each.

Pure arithmetic on stages and seconds; it knows no clock.
"""

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from impasto.planning.plan import Stage

__all__ = ["Pace", "beginning", "divided"]

FINAL_FRACTION = 0.85
"""The fraction of the time that the last stage has; each stage before has the same fraction of what is left. The loss
is lowest from 0.77 to 0.97, and larger forms move only in the stages before (docs/notes/seconds.md)."""

MIN_FINAL_EVALUATIONS = 20
"""Evaluations that there has to be time for at a size for the picture to become as large: fewer show no strokes."""

MIN_PREVIEW_EVALUATIONS = 5
"""Evaluations that there has to be time for at a size of at most half the first one: they lead to a lower loss than 30
at half of that size (docs/notes/seconds.md)."""

MIN_EVALUATIONS = 5
"""Evaluations of a run, at least, even if its time is over before it begins, as far as `GRACE_SECONDS` allow."""

GRACE_SECONDS = 0.3
"""Seconds by which a run may be late so that it has `MIN_EVALUATIONS`: after one or two no change can be seen."""

BEFORE_FIRST_EVALUATIONS = 20
"""Evaluations of a stage that is smaller than the settings' first one, at most: more would change large forms."""

TARGET_EVALUATIONS = 1
"""The time, in evaluations, that the targets of a stage take: content and style, forward."""

MIN_SIZE_RATIO = 1.2
"""The least long side of a stage, over that of the stage before it."""

GUESSED_PACE = 5e-6
"""Seconds per pixel of an evaluation before any is timed: those of two cores of a processor of 2022."""

OVERHEAD_PIXELS = 3_000
"""The part of an evaluation's time that does not grow with the picture, in pixels whose evaluation takes as long
(docs/notes/seconds.md)."""

TIMED_EVALUATIONS = 6
"""The number of latest evaluations of a stage whose times predict the next one."""


class Pace(NamedTuple):
    """How long evaluations take, as far as it is known."""

    stage: Stage | None = None
    """The stage under way."""
    seconds: tuple[float, ...] = ()
    """The times of its latest evaluations, without the first, which also measures the targets."""
    per_work: float | None = None
    """Seconds per unit of work, `OVERHEAD_PIXELS` included, in the stage before or by a forecast; None: not known."""

    @property
    def is_known(self) -> bool:
        """Whether any evaluation was timed."""
        return bool(self.seconds) or self.per_work is not None

    def timed(self, stage: Stage, seconds: float) -> "Pace":
        """Return the pace with one more evaluation.

        Args:
            stage: The stage of the evaluation.
            seconds: The time that it took.

        Returns:
            The pace.

        """
        if self.stage is None or stage.size != self.stage.size:
            return Pace(stage, (), self.of(stage) / (stage.work + OVERHEAD_PIXELS) if self.is_known else None)
        return Pace(stage, (*self.seconds, seconds)[-TIMED_EVALUATIONS:], self.per_work)

    def of(self, stage: Stage) -> float:
        """Return the seconds that an evaluation of a stage will take."""
        if self.stage is None or not self.seconds:
            return (self.per_work or GUESSED_PACE) * (stage.work + OVERHEAD_PIXELS)
        return median(self.seconds) * (stage.work + OVERHEAD_PIXELS) / (self.stage.work + OVERHEAD_PIXELS)


def beginning(candidates: Sequence[Stage], pace: Pace, seconds: float) -> int:
    """Return the number of the stage in which a run begins, from 0: that of twice the smallest size, if it is fast.

    Args:
        candidates: The stages to choose from, from the smallest, a quarter of the first size of the settings.
        pace: How long evaluations take.
        seconds: The time that is left.

    Returns:
        The number of the stage in `candidates`.

    """
    usual = max(number for number, each in enumerate(candidates) if max(each.size) <= 2 * max(candidates[0].size))
    is_fast = (MIN_FINAL_EVALUATIONS + TARGET_EVALUATIONS) * pace.of(candidates[usual]) <= seconds
    return usual if is_fast else 0


def divided(
    candidates: Sequence[Stage],
    current: int,
    done: int,
    pace: Pace,
    *,
    seconds: float,
    elapsed: float,
    first_size: int,
    is_first: bool,
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
        is_first: Whether the stage under way is the first one of the run.

    Returns:
        The stage under way and the following ones, each with the evaluations that there is time for, at least 1;
        evaluations that are done count in the first.

    """
    for final in range(len(candidates) - 1, current, -1):
        path = _path(candidates, current, final)
        begins = max(_ends(len(path))[-2] * seconds, elapsed)
        least = MIN_PREVIEW_EVALUATIONS if 2 * max(candidates[final].size) <= first_size else MIN_FINAL_EVALUATIONS
        if seconds - begins >= (least + TARGET_EVALUATIONS) * pace.of(candidates[final]):
            break
    else:
        path = [candidates[current]]
    least = 1
    if is_first and len(path) == 1:
        late = (max(seconds, 0) + GRACE_SECONDS - elapsed) / pace.of(path[0]) - (0 if done else TARGET_EVALUATIONS)
        least = max(1, min(MIN_EVALUATIONS, done + math.floor(late)))
    return tuple(_counted(path, done, pace, seconds=seconds, elapsed=elapsed, first_size=first_size, least=least))


def _path(candidates: Sequence[Stage], current: int, final: int) -> list[Stage]:
    """Return the stages from the one under way to a final one, each about twice as large as the one before."""
    path = [candidates[final]]
    least = MIN_SIZE_RATIO * max(candidates[current].size)
    for stage in reversed(candidates[current + 1 : final]):
        if max(stage.size) >= least and 2 * max(stage.size) <= max(path[0].size) + 1:
            path.insert(0, stage)
    return [candidates[current], *path]


def _ends(count: int) -> list[float]:
    """Return the fraction of the time at which each stage ends."""
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
