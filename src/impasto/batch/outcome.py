"""The outcome of a job, and the totals of many."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from impasto.jobs.job import Job
from impasto.settings.choices import Ending

if TYPE_CHECKING:
    from impasto.transfer.progress import Progress

__all__ = ["Outcome", "State", "Tally"]

State = Literal["skipped"] | Ending
"""skipped: painted before, from equal settings and inputs."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of a job: what was painted, or why not."""

    job: Job
    state: State
    sentence: str = ""
    """The result, or what went wrong, for people."""
    seconds: float = 0.0
    """The time that the worker took, in seconds."""
    loss: float | None = None
    """The least loss of the last stage; None, if nothing was evaluated or it is not finite."""
    worker: str = ""
    """The worker that painted it."""
    remarks: tuple[str, ...] = ()
    """What the user did not ask for, such as a page of a file that was left out."""
    number: int = 0
    """The number of the job among all, from 1."""

    def as_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON has it, the job without what is as by default."""
        return {
            "number": self.number,
            "state": self.state,
            "output": None if self.job.output is None else str(self.job.output),
            "seconds": round(self.seconds, 3),
            "loss": self.loss,
            "sentence": self.sentence,
            "remarks": list(self.remarks),
            "worker": self.worker,
            "job": self.job.model_dump(mode="json", exclude_defaults=True),
        }


@dataclass
class Tally:
    """The totals of many jobs, and how long the others will take."""

    count: int | None = None
    """The number of all jobs, or None if it is not known."""
    states: dict[State, int] = field(default_factory=dict[State, int])
    """The number of jobs by their outcome."""
    began: float = field(default_factory=time.monotonic)

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.states[outcome.state] = self.states.get(outcome.state, 0) + 1

    def __getitem__(self, state: State) -> int:
        return self.states.get(state, 0)

    @property
    def finished(self) -> int:
        """The number of jobs that need no more work."""
        return self["done"] + self["skipped"] + self["failed"]

    def seconds_left(self, running: "Mapping[int, Progress]") -> float | None:
        """Return the seconds until all jobs are done, by the time that was taken so far.

        Args:
            running: The progress of each worker.

        Returns:
            The seconds; None as long as they are not known.

        """
        partial = sum(progress.fraction for progress in running.values())
        painted = self["done"] + partial
        if self.count is None or not painted:
            return None
        remaining = self.count - self.finished - partial
        return max(0.0, remaining) * (time.monotonic() - self.began) / painted

    def __str__(self) -> str:
        """Return the totals in words: `12 of 60 pictures: 10 painted, 1 was there, 1 failed`."""
        labels = {"done": "painted", "skipped": "there already", "failed": "failed", "stopped": "ended early"}
        counts = [f"{self.states[state]} {label}" for state, label in labels.items() if state in self.states]
        total = "" if self.count is None else f" of {self.count}"
        return f"{self.finished}{total} pictures: {', '.join(counts) or 'none painted'}"
