"""What a run says of itself after each evaluation: plain numbers, and the time that is left."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Literal

from impasto.planning.plan import Plan

__all__ = ["Clock", "Progress", "Stopped"]


@dataclass(frozen=True, repr=False)
class Progress:
    """Where a run stands after one evaluation: plain numbers only."""

    stage: int
    """The number of the stage, from 1."""
    stages: int
    """How many stages the run has."""
    width: int
    """The width of the picture in this stage, in pixels."""
    height: int
    """The height of the picture in this stage, in pixels."""
    evaluation: int
    """The number of the evaluation in this stage, from 1."""
    evaluations: int
    """Evaluations of this stage, at most."""
    loss: float
    """The whole objective."""
    terms: Mapping[str, float] = field(hash=False)
    """The value of each term of the objective, by the name that its losses have."""
    seconds: float
    """Seconds since the run began."""
    fraction: float
    """The part of the run's work that is done, from 0 to 1; work that an early end of a stage saves counts as done. In
    a run with a budget of time, the part of the time that is over."""
    seconds_left: float | None
    """Seconds to the end of the run, estimated from the latest evaluations; None before the first ones are timed. In a
    run with a budget of time, what is left of it."""
    remark: str = ""
    """What went wrong since the report before, and what was done about it, in a sentence."""
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]], hash=False)
    """The value of each term at each layer: `layers["style"]["conv1_1"]`; those of a term add up to it. The pixels are
    the layer `image`."""

    def __repr__(self) -> str:
        where = f"stage {self.stage} of {self.stages}, {self.width} × {self.height}"
        terms = ", ".join(f"{term} {value:.4g}" for term, value in self.terms.items())
        return f"Progress({where}, evaluation {self.evaluation} of {self.evaluations}, loss {self.loss:.4g}: {terms})"

    def as_dict(self) -> dict[str, Any]:
        """Return what a JSON record of it holds."""
        return asdict(self)


Stopped = Literal["finished", "converged", "unfinished", "diverged"]
"""finished: all evaluations done; converged: a plateau; unfinished: left before its end; diverged: no finite loss."""


TIMED_EVALUATIONS = 8
"""The number of latest evaluations whose times estimate the time that is left."""

UNTIMED_EVALUATIONS = 2
"""The number of evaluations at the start of a stage that are not timed: they also compile, measure and allocate."""


class Clock:
    """The time since a run started, and the work and the time that are left."""

    def __init__(self, plan: Plan, history: Sequence[Progress] = ()) -> None:
        self._stages = plan.stages
        self._last = self._counted = history[-1].seconds if history else 0.0
        self.taken = 0.0
        """Seconds between the last two calls of `tick`, without those in which the run stood still."""
        self.stood_still = 0.0
        """Seconds since the last call of `tick` in which the run stood still."""
        self._started = time.perf_counter() - self._last
        self._paces: deque[float] = deque(maxlen=TIMED_EVALUATIONS)
        """Seconds per unit of work in the latest evaluations."""
        self._untimed = UNTIMED_EVALUATIONS
        self._stage = history[-1].stage - 1 if history else 0

    def tick(self, evaluations: int) -> list[float]:
        """Return the seconds from the run's start to each of the evaluations since the last call, evenly spaced."""
        before, self._last = self._last, self.now
        self.taken, self.stood_still = self._last - before - self.stood_still, 0.0
        return [before + (self._last - before) * (place + 1) / evaluations for place in range(evaluations)]

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.perf_counter() - self._started

    def left(self, number: int, evaluation: int, seconds: float) -> tuple[float, float | None]:
        """Count one more evaluation; return the fraction of the work that is done and the seconds that are left.

        Args:
            number: The stage of the evaluation, from 0.
            evaluation: Its number in the stage, from 1.
            seconds: When it ended, in seconds from the start of the run.

        Returns:
            The fraction, from 0 to 1, and the seconds, at the median pace of the latest evaluations; None before any
            are timed.

        """
        self._time(number, seconds)
        total = sum(stage.work * stage.evaluations for stage in self._stages)
        left = sum(stage.work * stage.evaluations for stage in self._stages[number:])
        left -= evaluation * self._stages[number].work
        fraction = 1 - left / total if total else 1.0
        return fraction, median(self._paces) * left if self._paces else None

    def _time(self, number: int, seconds: float) -> None:
        """Store the pace of an evaluation, unless it is among the first of its stage."""
        taken, self._counted = seconds - self._counted, seconds
        if number != self._stage:
            self._stage, self._untimed = number, UNTIMED_EVALUATIONS
        if self._untimed > 0:
            self._untimed -= 1
        else:
            self._paces.append(taken / self._stages[number].work)
