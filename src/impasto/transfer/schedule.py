"""The schedule of a run: the stages that it paints, and the remaining time, with a budget of time or without one.

A schedule has the clock of its run. It evaluates nothing.
"""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from impasto.machine.processes import Group
from impasto.planning.division import Timings, divide_time, first_stage
from impasto.planning.plan import Plan, Size, Stage
from impasto.settings import Settings
from impasto.transfer.iteration import Reading
from impasto.transfer.progress import Progress
from impasto.transfer.run_state import RunState
from impasto.transfer.setup import Setup

__all__ = ["Schedule", "continued_plan", "plan_in_time", "start_schedule"]

FINISHING_SECONDS = 0.05
"""Seconds from the last evaluation to the saved file, whatever the size: a small PNG file, and system calls."""

FINISHING_SECONDS_PER_PIXEL = 0.3e-6
"""Seconds per pixel from the last evaluation to the saved file, before it is measured: the time of a PNG file."""


def start_schedule(setup: Setup, plan: Plan, state: RunState, elapsed: float = 0.0) -> "Schedule":
    """Return the schedule of a run that begins, continues or was changed now.

    Args:
        setup: The setup of the run, such as the seconds that it has.
        plan: The plan of the run.
        state: The state of the run; a budget of time began with its last change.
        elapsed: Seconds of the budget that passed before the run began, the same in all processes.

    Returns:
        The schedule.

    """
    if not setup.seconds:
        return Schedule(plan, state.history)
    start = state.history[state.changed_after - 1].seconds if state.changed_after else 0.0
    end, first_size = start + setup.seconds - elapsed, setup.settings.first_size
    budget = TimeBudget(setup.seconds, start, end, first_size, setup.machine.group)
    schedule = Schedule(plan._replace(candidates=plan.possible_stages), state.history, budget)
    schedule.update(state)
    return schedule


def plan_in_time(plan: Plan, seconds: float) -> Plan:
    """Return the plan of a run whose first stage is fast enough for its budget of time, if it has one.

    Args:
        plan: The plan.
        seconds: The remaining time.

    Returns:
        The plan.

    """
    candidates = plan.candidates
    return plan._replace(stages=candidates[first_stage(candidates, Timings(), seconds) :]) if candidates else plan


def continued_plan(plan: Plan, size: Size) -> Plan:
    """Return the plan of a run that continues from a picture, without smaller stages if it has a budget of time.

    Args:
        plan: The plan.
        size: The size of the picture.

    Returns:
        The plan.

    """
    stages = tuple(stage for stage in plan.candidates if max(stage.size) >= max(size))
    return plan._replace(stages=stages or plan.candidates[-1:]) if plan.candidates else plan


class TimeBudget(NamedTuple):
    """The time that a run has; moments are in seconds since the run began."""

    seconds: float
    """The time that was asked for, from the start of the program to the saved file."""
    start: float
    """The moment of the first evaluation."""
    end: float
    """The moment at which the picture is to be saved."""
    first_size: int
    """The long side of the first stage of the settings, in pixels."""
    group: Group
    """The processes that paint together: all plan with the times that the first one measures."""


class Schedule:
    """The stages of a run, the timings of its evaluations, and the remaining time.

    Args:
        plan: The plan; with a budget, the stages are chosen from its candidates.
        history: The reports of earlier evaluations: the clock continues where the last one ended.
        budget: The time that the run has; None: no limit.

    """

    def __init__(self, plan: Plan, history: Sequence[Progress] = (), budget: TimeBudget | None = None) -> None:
        self.plan = plan
        """The plan, with the stages that are painted."""
        self._budget = budget
        self._timings, self._finishing_seconds_per_pixel = Timings(), FINISHING_SECONDS_PER_PIXEL
        self._last_moment = history[-1].seconds if history else 0.0
        self._start = time.perf_counter() - self._last_moment

    @property
    def now(self) -> float:
        """Seconds since the run began, without pauses and forecasts."""
        return time.perf_counter() - self._start

    @property
    def needs_timing(self) -> bool:
        """Whether the next evaluation has to be timed alone, for a budget of time."""
        return self._budget is not None and not self._timings.seconds

    def stand_still(self, seconds: float) -> None:
        """Do not count seconds in which the run stood still: a budget of time ends later by them."""
        self._start += seconds

    def update(self, state: RunState) -> None:
        """Choose the stages again, from the current one on, for the remaining time of a budget."""
        if self._budget is None:
            return
        candidates, stages, number = self.plan.candidates, self.plan.stages, state.stage
        finishing = FINISHING_SECONDS + self._finishing_seconds_per_pixel * math.prod(stages[-1].size)
        next_stages = divide_time(
            candidates,
            [stage.size for stage in candidates].index(stages[number].size),
            state.evaluation,
            self._timings,
            seconds=self._budget.end - finishing - self._budget.start,
            elapsed=self._agree(self.now) - self._budget.start,
            first_size=self._budget.first_size,
            is_first=number == 0,
        )
        self.plan = self.plan._replace(stages=(*stages[:number], *next_stages))

    def expect(self, seconds: float, state: RunState) -> float:
        """Plan with a forecast, and return the seconds that the run will take, or those that remain of its budget.

        Args:
            seconds: The time that all stages of the plan would take.
            state: The state of the run.

        Returns:
            Seconds.

        """
        if self._budget is None:
            return seconds
        targets = sum(stage.work for stage in self.plan.stages)
        self._timings = Timings(seconds_per_pixel=self._agree(seconds) / (self.plan.work + targets))
        self.update(state)
        return max(0.0, self._budget.end - self.now)

    def expect_finishing(self, size: Size, seconds: float) -> None:
        """Plan with the time that it takes to finish and save a picture.

        Args:
            size: The size of the picture.
            seconds: The time; larger pictures are assumed to take as much for each pixel.

        """
        self._finishing_seconds_per_pixel = self._agree(seconds) / math.prod(size)

    def time_evaluations(self, stage: Stage, evaluations: int) -> list[float]:
        """Time the evaluations that were done since the last call.

        Args:
            stage: The stage of the evaluations.
            evaluations: The number of evaluations.

        Returns:
            The moment at which each ended, in seconds since the run began, evenly spaced.

        """
        start, self._last_moment = self._last_moment, self.now
        duration = (self._last_moment - start) / evaluations
        agreed_duration = self._agree(duration)
        for _ in range(evaluations):
            self._timings = self._timings.add(stage, agreed_duration)
        return [start + duration * (index + 1) for index in range(evaluations)]

    def remaining(self, number: int, evaluation: int, seconds: float) -> tuple[float, float | None]:
        """Return the fraction of the run that is over, from 0 to 1, and the remaining seconds.

        Args:
            number: The current stage, from 0.
            evaluation: Evaluations of that stage that are done.
            seconds: The moment, in seconds since the run began.

        Returns:
            Both by the budget of time. Without one, both by the work of the remaining evaluations, and None for the
            seconds before any evaluation is timed.

        """
        if self._budget is not None:
            remaining = max(0.0, self._budget.end - seconds)
            return min(1.0, max(0.0, 1 - remaining / self._budget.seconds)), remaining
        stages = self.plan.stages[number:]
        counts = [stages[0].evaluations - evaluation, *(stage.evaluations for stage in stages[1:])]
        work = sum(count * stage.work for count, stage in zip(counts, stages, strict=True))
        remaining = sum(count * self._timings.predict(stage) for count, stage in zip(counts, stages, strict=True))
        return 1 - work / self.plan.work if self.plan.work else 1.0, None if self._timings.is_empty else remaining

    def reported(self, state: RunState, reading: Reading, seconds: float) -> RunState:
        """Return the state with a report of its last evaluation, to which its remarks are moved.

        Args:
            state: The state of the run after the evaluation.
            reading: The losses of the evaluation.
            seconds: The moment at which the evaluation ended, in seconds since the run began.

        Returns:
            The state.

        """
        stage = self.plan.stages[state.stage]
        fraction, remaining = self.remaining(state.stage, state.evaluation, seconds)
        report = Progress(
            stage=state.stage + 1,
            stages=len(self.plan.stages),
            width=stage.size.width,
            height=stage.size.height,
            evaluation=state.evaluation,
            evaluations=stage.evaluations,
            loss=reading.loss,
            terms=reading.terms,
            layers=reading.layers,
            seconds=seconds,
            fraction=fraction,
            seconds_left=remaining,
            remark="\n".join(state.remarks),
        )
        return replace(state, history=(*state.history, report), remarks=())

    def painted_settings(self, settings: Settings, state: RunState, *, is_over: bool) -> Settings:
        """Return the settings that paint again, without a budget of time, what was painted since the last change.

        Args:
            settings: The settings of the run.
            state: The state of the run.
            is_over: Whether the run has ended, so that the size of its picture is known.

        Returns:
            The settings.

        """
        if not self.plan.candidates:
            return settings
        sizes = [Size(progress.width, progress.height) for progress in state.history[state.changed_after :]]
        sides = [settings.size if size == self.plan.asked_size else max(size) for size in sizes]
        size = max(sides, default=settings.size) if is_over else settings.size
        dpi = settings.dpi * size / settings.size  # as large on paper as it was to be
        return settings.replace(size=size, dpi=dpi, stages=Counter(sides))

    def shortfall(self, dpi: float) -> str:
        """Return a sentence about a size that there was no time for.

        Args:
            dpi: Pixels per inch on paper; 0: the picture has no size on paper.

        Returns:
            The sentence; empty, if the picture has the size that was asked for.

        """
        asked, reached = self.plan.asked_size, self.plan.stages[-1].size
        if self._budget is None or reached == asked:
            return ""
        seconds = f"{self._budget.seconds:g} second{'s' * (self._budget.seconds != 1)}"
        on_paper = f", {dpi:.3g} per inch" if dpi else ""
        return f"{asked} pixels take longer than {seconds} here, so the picture has {reached}{on_paper}."

    def _agree(self, seconds: float) -> float:
        """Return the time that the first process measured, so that all processes plan with the same."""
        return seconds if self._budget is None else self._budget.group.broadcast(seconds)
