"""The evaluations and steps of a run, so that an exception at any place leaves a state to continue from.

It has the state of the run, and decides neither how often to evaluate nor when a stage has ended.
"""

from contextlib import ExitStack
from dataclasses import replace

from impasto.machine import allocator
from impasto.machine.interruption import deferred_signals
from impasto.planning.plan import Plan, Stage
from impasto.settings.limits import PLATEAU_WINDOW
from impasto.transfer import verdict
from impasto.transfer.iteration import Iteration, IterationResult, Point
from impasto.transfer.run_state import RunState
from impasto.transfer.schedule import Schedule
from impasto.transfer.solver import Solver

__all__ = ["Descent"]


class Descent:
    """The state of a run, and its evaluations and steps from there on.

    An evaluation changes nothing, so it can be interrupted at any place and done again. A step changes the optimizer's
    state in place, so signals wait until the state of the run has the step in it.

    Args:
        solver: The solver of the run.
        state: The state of the run.

    """

    def __init__(self, solver: Solver, state: RunState) -> None:
        self.solver, self.state = solver, state
        self._iterate: Iteration | None = None
        self._is_stepping = False
        """Whether a step is under way, so that the state of the run does not contain it yet."""

    def evaluate(self, schedule: Schedule, count: int) -> None:
        """Evaluate and step in the stage under way.

        Args:
            schedule: The schedule of the run, which times and reports the evaluations.
            count: Evaluations, at least 1; those that follow several useless ones in a row do not count.

        """
        state, plan = self.state, schedule.plan
        with allocator.caching(plan.caching), ExitStack() as stack:
            self._iterate = self._iterate or self.solver.iteration(plan.stages[state.stage], state.rescues)
            if plan.caching != "all":
                allocator.release()  # or small blocks leave holes

            def on_step() -> None:
                if not self._is_stepping:
                    stack.enter_context(deferred_signals())
                    self._is_stepping = True

            point = Point(state.image, state.optimizer, state.best, state.image.new_full((), state.bests[-1]))
            self._report(self._iterate(point, count, on_step), schedule)

    def mend(self, stage: Stage) -> None:
        """Return to the best image if an exception ended a step: the optimizer's state is of no use then."""
        if self._is_stepping:
            self.return_to_best(stage, "a step was interrupted, so the best image is painted on.")

    def return_to_best(self, stage: Stage, remark: str) -> None:
        """Return to the best image with a new state of the optimizer.

        Args:
            stage: The stage under way, in which the descent continues.
            remark: A sentence about the reason, for the next report.

        """
        self.release()
        self.state, self._is_stepping = self.solver.restarted(self.state, stage).with_remark(remark), False

    def enlarge(self, plan: Plan, number: int) -> None:
        """Bring the best image to the size of another stage, and continue there.

        Args:
            plan: The plan of the run.
            number: The number of the stage in the plan, from 0.

        """
        self.release()
        self.state = self.solver.enlarged(self.state, plan, number)

    def release(self) -> None:
        """Release the memory of the objective; the next evaluation makes it again."""
        self._iterate = None

    def _report(self, result: IterationResult, schedule: Schedule) -> None:
        """Count and report evaluations, and return to the best image where several in a row are of no use."""
        image, optimizer, best, _ = result.point
        state, stage = self.state, schedule.plan.stages[self.state.stage]
        state = replace(state, image=image, optimizer=optimizer, best=best)
        times = schedule.time_evaluations(stage, len(result.readings))
        for reading, seconds in zip(result.readings, times, strict=True):
            state, trouble = verdict.count_evaluation(state, reading.loss)
            has_failed = state.failures == verdict.FAILURES_TO_RESCUE
            if has_failed and state.rescues < verdict.MAX_RESCUES:
                state = self.solver.rescued(state, stage, trouble)
            state = schedule.reported(state, reading, seconds)
            if has_failed:
                break
        if self.solver.settings.min_change and state.evaluation % PLATEAU_WINDOW == 0:
            state = self.solver.compared(state)
        if state.rescues > self.state.rescues:
            self.release()
        self.state, self._is_stepping = state, False
