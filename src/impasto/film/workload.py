"""The work of a film: how much of it is done, and how long it takes."""

import time
from dataclasses import replace

from impasto.planning.plan import Plan
from impasto.settings import Settings
from impasto.transfer.progress import Progress

__all__ = ["Workload"]


class Workload:
    """How much of the work of a film is done, and how long the remaining work takes, counted in evaluated pixels.

    Args:
        count: The number of frames.
        painted: The number of frames that are painted already.

    """

    def __init__(self, count: int, painted: int) -> None:
        self.count, self.painted = count, painted
        self._frame_work = 0.0
        """The work of a frame that follows another."""
        self._finished_work = 0.0
        self._began = time.perf_counter()
        self._first: tuple[float, float] | None = None
        """Seconds and work at the first evaluation, before which everything is loaded."""

    def plan(self, first: Plan, following: Settings) -> float:
        """Plan the film, by the plan of its first frame.

        Args:
            first: The plan of the first frame.
            following: The settings of a frame that follows another.

        Returns:
            The work of the frames that are not painted yet, in the unit of `Plan.work`.

        """
        self._frame_work = first.stages[-1].work * sum(following.stages.values())
        remaining = (self.count - self.painted) * self._frame_work
        return remaining if self.painted else remaining - self._frame_work + first.work

    def add(self, plan: Plan) -> None:
        """Count a frame that is painted, by its plan."""
        self._finished_work += plan.work
        self.painted += 1

    def progress(self, progress: Progress, plan: Plan, evaluations: int) -> Progress:
        """Return the progress of a frame as that of the film, with frames as stages.

        Args:
            progress: The progress of the frame.
            plan: Its plan.
            evaluations: The evaluations of the frame so far.

        Returns:
            The progress, with the fraction, the seconds and the seconds left of the film since the session began.

        """
        done, seconds = self._finished_work + progress.fraction * plan.work, time.perf_counter() - self._began
        total = self._finished_work + plan.work + (self.count - self.painted - 1) * self._frame_work
        first_seconds, first_done = self._first = self._first or (seconds, done)
        remaining = (seconds - first_seconds) / (done - first_done) * (total - done) if done > first_done else None
        changes = {"stage": self.painted + 1, "stages": self.count, "evaluation": evaluations}
        changes |= {"evaluations": plan.evaluations, "seconds": seconds, "seconds_left": remaining}
        return replace(progress, fraction=done / total, **changes)
