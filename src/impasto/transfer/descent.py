"""The evaluations and steps of a run, so that an exception at any place leaves a state to continue from.

It knows where a run stands and what it did, and decides neither how often to evaluate nor when a stage has ended.
"""

from contextlib import ExitStack
from dataclasses import replace

from impasto.machine import allocator
from impasto.machine.interruption import deferred_signals
from impasto.planning.plan import Plan, Stage
from impasto.settings.limits import PLATEAU_WINDOW
from impasto.transfer import verdict
from impasto.transfer.iteration import Iteration, Point, Readings
from impasto.transfer.run_state import RunState
from impasto.transfer.schedule import Schedule
from impasto.transfer.solver import Solver

__all__ = ["Descent"]


class Descent:
    """Where a run stands, and its evaluations and steps from there on.

    An evaluation changes nothing, so it can be interrupted at any place and done again. A step changes the optimizer's
    state in place, so signals wait until the state of the run has the step in it.

    Args:
        solver: What evaluates and steps.
        at: Where the run stands.

    """

    def __init__(self, solver: Solver, at: RunState) -> None:
        self.solver, self.at = solver, at
        self._iterate: Iteration | None = None
        self._is_stepping = False
        """Whether a step is under way, so that the state of the run does not contain it yet."""

    def evaluate(self, schedule: Schedule, count: int) -> None:
        """Evaluate and step in the stage under way.

        Args:
            schedule: The schedule of the run, which times and reports the evaluations.
            count: Evaluations, at least 1; after several in a row of no use, the rest do not count.

        """
        at, plan = self.at, schedule.plan
        with allocator.caching(plan.caching), ExitStack() as step:
            self._iterate = self._iterate or self.solver.iteration(plan.stages[at.stage], at.rescues)
            if plan.caching != "all":
                allocator.release()  # or small blocks leave holes

            def about_to_step() -> None:
                step.enter_context(deferred_signals())
                self._is_stepping = True

            point = Point(at.image, at.optimizer, at.best, at.image.new_full((), at.bests[-1]))
            self._take(self._iterate(point, count, about_to_step), schedule)

    def mend(self, stage: Stage) -> None:
        """Go back to the best image, if a step was left by an exception: the optimizer's state is of no use then."""
        if self._is_stepping:
            self.go_back(stage, "a step was interrupted, so the best image is painted on.")

    def go_back(self, stage: Stage, remark: str) -> None:
        """Go back to the best image with a new state of the optimizer.

        Args:
            stage: The stage under way, in which the descent continues.
            remark: What the next report says about it.

        """
        self.release()
        self.at, self._is_stepping = self.solver.from_best(self.at, stage).remarked(remark), False

    def enlarge(self, plan: Plan, number: int) -> None:
        """Bring the best image to the size of another stage, and continue there.

        Args:
            plan: The plan of the run.
            number: The number of the stage in the plan, from 0.

        """
        self.release()
        self.at = self.solver.enlarged(self.at, plan, number)

    def release(self) -> None:
        """Release the memory of the objective; the next evaluation makes it again."""
        self._iterate = None

    def _take(self, found: Readings, schedule: Schedule) -> None:
        """Count and report evaluations, and go back to the best image where several in a row are of no use."""
        image, optimizer, best, _ = found.point
        at, stage = self.at, schedule.plan.stages[self.at.stage]
        at = replace(at, image=image, optimizer=optimizer, best=best)
        times = schedule.timed(stage, len(found.each))
        for reading, seconds in zip(found.each, times, strict=True):
            at, trouble = verdict.judged(at, reading.loss)
            has_failed = at.failures == verdict.FAILURES_TO_RESCUE
            if has_failed and at.rescues < verdict.MAX_RESCUES:
                at = self.solver.rescued(at, stage, trouble)
            at = schedule.reported(at, reading, seconds)
            if has_failed:
                break
        if self.solver.settings.min_change and at.evaluation % PLATEAU_WINDOW == 0:
            at = self.solver.compared(at)
        if at.rescues > self.at.rescues:
            self.release()
        self.at, self._is_stepping = at, False
