"""The schedule of a run: which stages it paints, and how much time is left, with a budget of time or without one.

A schedule has the clock of its run. It counts and chooses, and evaluates nothing.
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

__all__ = ["Schedule", "continued", "in_time", "schedule"]

FINISHING_SECONDS = 0.05
"""Seconds from the last evaluation to the saved file, whatever the size: a small PNG file, and system calls."""

FINISHING_PACE = 0.3e-6
"""Seconds per pixel from the last evaluation to the saved file, before it is measured: the time of a PNG file."""


def schedule(setup: Setup, plan: Plan, state: RunState, gone: float = 0.0) -> "Schedule":
    """Return the schedule of a run that begins, continues or was changed now.

    Args:
        setup: What the run is set up with, such as the seconds that it has.
        plan: The plan of the run.
        state: Where the run stands; a budget of time began with its last change.
        gone: Seconds of the budget that passed before the run began, the same in all processes.

    Returns:
        The schedule.

    """
    if not setup.seconds:
        return Schedule(plan, state.history)
    begins = state.history[state.changed_after - 1].seconds if state.changed_after else 0.0
    ends, first_size = begins + setup.seconds - gone, setup.settings.first_size
    budget = TimeBudget(setup.seconds, begins, ends, first_size, setup.machine.group)
    found = Schedule(plan._replace(candidates=plan.possible), state.history, budget)
    found.update(state)
    return found


def in_time(plan: Plan, seconds: float) -> Plan:
    """Return the plan of a run that begins with the stage that is fast enough for its budget of time, if it has one.

    Args:
        plan: The plan.
        seconds: The time that is left.

    Returns:
        The plan.

    """
    candidates = plan.candidates
    return plan._replace(stages=candidates[first_stage(candidates, Timings(), seconds) :]) if candidates else plan


def continued(plan: Plan, size: Size) -> Plan:
    """Return the plan of a run that continues from a picture, without smaller stages if it has a budget of time.

    Args:
        plan: The plan.
        size: The size of the picture.

    Returns:
        The plan.

    """
    fitting = tuple(stage for stage in plan.candidates if max(stage.size) >= max(size))
    return plan._replace(stages=fitting or plan.candidates[-1:]) if plan.candidates else plan


class TimeBudget(NamedTuple):
    """The time that a run has; moments are in seconds since the run began."""

    seconds: float
    """The time that was asked for, from the start of the program to the saved file."""
    begins: float
    """The moment of the first evaluation."""
    ends: float
    """The moment at which the picture is to be saved."""
    first_size: int
    """The long side of the first stage of the settings, in pixels."""
    group: Group
    """The processes that paint together: all plan with the times that the first one measures."""


class Schedule:
    """The stages of a run, the pace of its evaluations, and the time that is left.

    Args:
        plan: The plan; with a budget, the stages are chosen from its candidates.
        history: The reports of evaluations that were done before: the clock continues where the last one ended.
        budget: The time that the run has; None: as long as it takes.

    """

    def __init__(self, plan: Plan, history: Sequence[Progress] = (), budget: TimeBudget | None = None) -> None:
        self.plan = plan
        """The plan, with the stages that are painted."""
        self._budget = budget
        self._pace, self._finishing_pace = Timings(), FINISHING_PACE
        self._last = history[-1].seconds if history else 0.0
        self._began = time.perf_counter() - self._last

    @property
    def now(self) -> float:
        """Seconds since the run began, without pauses and forecasts."""
        return time.perf_counter() - self._began

    @property
    def needs_pace(self) -> bool:
        """Whether a budget of time has to know how long the next evaluation takes, so that it comes alone."""
        return self._budget is not None and not self._pace.seconds

    def stand_still(self, seconds: float) -> None:
        """Do not count seconds in which the run stood still: a budget of time ends later by them."""
        self._began += seconds

    def update(self, state: RunState) -> None:
        """Choose the stages again, from the current one on, that a budget of time leaves time for."""
        if self._budget is None:
            return
        candidates, stages, number = self.plan.candidates, self.plan.stages, state.stage
        finishing = FINISHING_SECONDS + self._finishing_pace * math.prod(stages[-1].size)
        following = divide_time(
            candidates,
            [each.size for each in candidates].index(stages[number].size),
            state.evaluation,
            self._pace,
            seconds=self._budget.ends - finishing - self._budget.begins,
            elapsed=self._agreed(self.now) - self._budget.begins,
            first_size=self._budget.first_size,
            is_first=number == 0,
        )
        self.plan = self.plan._replace(stages=(*stages[:number], *following))

    def expect(self, seconds: float, state: RunState) -> float:
        """Plan with a forecast, and return the seconds that the run will take, or the rest of its budget.

        Args:
            seconds: How long all stages of the plan would take.
            state: Where the run stands.

        Returns:
            Seconds.

        """
        if self._budget is None:
            return seconds
        targets = sum(stage.work for stage in self.plan.stages)
        self._pace = Timings(seconds_per_pixel=self._agreed(seconds) / (self.plan.work + targets))
        self.update(state)
        return max(0.0, self._budget.ends - self.now)

    def expect_finishing(self, size: Size, seconds: float) -> None:
        """Plan with the time that it takes to finish and save a picture.

        Args:
            size: The size of the picture.
            seconds: The time; larger pictures are assumed to take as much for each pixel.

        """
        self._finishing_pace = self._agreed(seconds) / math.prod(size)

    def timed(self, stage: Stage, evaluations: int) -> list[float]:
        """Time the evaluations that were done since the last call.

        Args:
            stage: Their stage.
            evaluations: How many there were.

        Returns:
            When each ended, in seconds since the run began, evenly spaced.

        """
        before, self._last = self._last, self.now
        each = (self._last - before) / evaluations
        agreed = self._agreed(each)
        for _ in range(evaluations):
            self._pace = self._pace.add(stage, agreed)
        return [before + each * (place + 1) for place in range(evaluations)]

    def left(self, number: int, evaluation: int, seconds: float) -> tuple[float, float | None]:
        """Return the fraction of the run that is over, from 0 to 1, and the seconds that are left.

        Args:
            number: The current stage, from 0.
            evaluation: Evaluations of that stage that are done.
            seconds: The moment, in seconds since the run began.

        Returns:
            Both by the budget of time. Without one, both by the work of the evaluations that are left, and None for
            the seconds before any evaluation is timed.

        """
        if self._budget is not None:
            left = max(0.0, self._budget.ends - seconds)
            return min(1.0, max(0.0, 1 - left / self._budget.seconds)), left
        stages = self.plan.stages[number:]
        counts = [stages[0].evaluations - evaluation, *(stage.evaluations for stage in stages[1:])]
        work = sum(count * stage.work for count, stage in zip(counts, stages, strict=True))
        left = sum(count * self._pace.predict(stage) for count, stage in zip(counts, stages, strict=True))
        return 1 - work / self.plan.work if self.plan.work else 1.0, None if self._pace.is_empty else left

    def reported(self, state: RunState, reading: Reading, seconds: float) -> RunState:
        """Return the state with a report of its last evaluation, to which its remarks are moved.

        Args:
            state: Where the run stands after the evaluation.
            reading: What the evaluation found.
            seconds: When the evaluation ended, in seconds since the run began.

        Returns:
            The state.

        """
        stage = self.plan.stages[state.stage]
        fraction, left = self.left(state.stage, state.evaluation, seconds)
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
            seconds_left=left,
            remark="\n".join(state.remarks),
        )
        return replace(state, history=(*state.history, report), remarks=())

    def painted(self, settings: Settings, state: RunState, *, is_over: bool) -> Settings:
        """Return the settings that paint again, without a budget of time, what was painted since the last change.

        Args:
            settings: The settings of the run.
            state: Where the run stands.
            is_over: Whether the run has ended, so that the size of its picture is known.

        Returns:
            The settings.

        """
        if not self.plan.candidates:
            return settings
        sizes = [Size(each.width, each.height) for each in state.history[state.changed_after :]]
        sides = [settings.size if size == self.plan.asked_size else max(size) for size in sizes]
        size = max(sides, default=settings.size) if is_over else settings.size
        dpi = settings.dpi * size / settings.size  # as large on paper as it was to be
        return settings.replace(size=size, dpi=dpi, stages=Counter(sides))

    def shortfall(self, dpi: float) -> str:
        """Say for which size there was no time; nothing, if the picture has the size that was asked for.

        Args:
            dpi: Pixels per inch on paper; 0: the picture has no size on paper.

        Returns:
            A sentence, or an empty text.

        """
        asked, reached = self.plan.asked_size, self.plan.stages[-1].size
        if self._budget is None or reached == asked:
            return ""
        seconds = f"{self._budget.seconds:g} second{'s' * (self._budget.seconds != 1)}"
        on_paper = f", {dpi:.3g} per inch" if dpi else ""
        return f"{asked} pixels take longer than {seconds} here, so the picture has {reached}{on_paper}."

    def _agreed(self, seconds: float) -> float:
        """Return the time that the first process has measured, where all have to plan with the same."""
        return seconds if self._budget is None else self._budget.group.broadcast(seconds)
