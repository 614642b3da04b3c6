"""A budget of time: it follows the evaluations of a run, and says after each which ones there is still time for."""

import math
from dataclasses import dataclass, field, replace

from impasto.planning.division import Pace, divided
from impasto.planning.plan import Plan, Stage

__all__ = ["TimeBudget"]

FINISHING_SECONDS = 0.05
"""Seconds from the last evaluation to the saved file, whatever the size: a small PNG file, and what a system does."""

FINISHING_PACE = 0.3e-6
"""Seconds per pixel from the last evaluation to the saved file, before it is measured: those of a PNG file."""


@dataclass(frozen=True)
class TimeBudget:
    """The time that a run has; all times are those of the clock of the run, in seconds since it began.

    It replaces itself with each evaluation, and asks no clock: who asks it says how late it is.
    """

    seconds: float
    """The time that was asked for, from the start of the program to the saved file."""
    began: float
    """When painting began: the moment of the first evaluation."""
    ends: float
    """When the picture is to be saved."""
    first_size: int
    """The long side of the first stage of the settings, in pixels."""
    finishing_pace: float = FINISHING_PACE
    """Seconds per pixel from the last evaluation to the saved file."""
    pace: Pace = field(default_factory=Pace)
    """How long evaluations take."""

    def timed(self, stage: Stage, seconds: float) -> "TimeBudget":
        """Return the budget with one more evaluation.

        Args:
            stage: Its stage.
            seconds: How long it took, with what was done since the evaluation before.

        """
        return replace(self, pace=self.pace.timed(stage, seconds))

    def later(self, seconds: float) -> "TimeBudget":
        """Return the budget of a run that has stood still for some seconds, which do not count."""
        return replace(self, began=self.began + seconds, ends=self.ends + seconds)

    def stages(self, plan: Plan, current: int, done: int, now: float) -> tuple[Stage, ...]:
        """Return the stages of a run: those before the one under way, that one, and those that there is time for.

        Args:
            plan: The plan, with its candidates.
            current: The number of the stage under way in the plan, from 0.
            done: Evaluations of that stage that are done.
            now: How late it is.

        """
        candidates, stage = plan.candidates, plan.stages[current]
        number = next(number for number, each in enumerate(candidates) if each.size == stage.size)
        finishing = FINISHING_SECONDS + self.finishing_pace * math.prod(plan.stages[-1].size)
        following = divided(
            candidates,
            number,
            done,
            self.pace,
            seconds=self.ends - finishing - self.began,
            elapsed=now - self.began,
            first_size=self.first_size,
            is_first=current == 0,
        )
        return (*plan.stages[:current], *following)

    def left(self, now: float) -> tuple[float, float]:
        """Return the fraction of the time that is over, from 0 to 1, and the seconds that are left."""
        seconds = max(0.0, self.ends - now)
        return min(1.0, max(0.0, 1 - seconds / self.seconds)), seconds
