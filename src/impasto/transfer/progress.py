"""The report of a run after each evaluation: its losses, and the remaining time, as plain numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Progress", "Stopped"]


@dataclass(frozen=True, repr=False)
class Progress:
    """The report of a run after one evaluation, as plain numbers."""

    stage: int
    """The number of the stage, from 1."""
    stages: int
    """The number of stages of the run."""
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
    """Seconds since the run began, without pauses and forecasts."""
    fraction: float
    """The fraction of the run's work that is done, from 0 to 1; work that an early end of a stage saves counts as done.
    In a run with a budget of time, the fraction of the time that is over."""
    seconds_left: float | None
    """Seconds to the end of the run, estimated from the latest evaluations; None before the first ones are timed. In a
    run with a budget of time, what is left of it."""
    remark: str = ""
    """What went wrong since the previous report, and what was done about it: a line for each sentence or two."""
    layers: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]], hash=False)
    """The value of each term at each layer: `layers["style"]["conv1_1"]`; those of a term add up to it. The pixels are
    the layer `image`."""

    def __repr__(self) -> str:
        where = f"stage {self.stage} of {self.stages}, {self.width} × {self.height}"
        terms = ", ".join(f"{term} {value:.4g}" for term, value in self.terms.items())
        return f"Progress({where}, evaluation {self.evaluation} of {self.evaluations}, loss {self.loss:.4g}: {terms})"

    def as_dict(self) -> dict[str, Any]:
        """Return the values of its JSON record."""
        return asdict(self)


Stopped = Literal["finished", "converged", "unfinished", "diverged"]
"""finished: all evaluations done; converged: a plateau; unfinished: left before its end; diverged: no finite loss."""
