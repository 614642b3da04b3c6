"""Workers, as the scheduler sees them: each paints one job at a time."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from impasto.batch.outcome import Outcome
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from impasto.transfer.progress import Progress

__all__ = ["WAIT_SECONDS", "Report", "Workers"]

WAIT_SECONDS = 0.5
"""The most seconds that `Workers.wait` waits: how late new jobs and Ctrl-C are seen."""


class Report(NamedTuple):
    """What a worker says at the end of a job, or what is said of one that died."""

    worker: int
    """The number of the worker, from 0."""
    outcome: Outcome | None
    """The outcome of the job; None, if the worker died."""
    cause: str = ""
    """Why the worker died."""
    tenth: float = 0.0
    """The last tenth of the job that was done when the worker died, from 0 to 0.9."""


class Workers(Protocol):
    """Workers that each paint one job at a time. A worker that died is started again before it is reported."""

    @property
    def count(self) -> int:
        """The number of workers."""
        ...

    def start(self, worker: int, job: Job) -> None:
        """Let a worker that is free paint a job.

        Args:
            worker: The number of the worker, from 0.
            job: The job.

        """
        ...

    def prepare(self, worker: int, job: Job) -> None:
        """Tell a worker its next job, whose photograph it opens while it paints.

        Args:
            worker: The number of the worker, from 0.
            job: Its next job.

        """
        ...

    def wait(self) -> Sequence[Report]:
        """Let the workers paint until one of them has something to report, for `WAIT_SECONDS` at most."""
        ...

    def progress(self) -> "Mapping[int, Progress]":
        """Return the latest progress of each worker that paints."""
        ...

    def cancel(self) -> None:
        """Let the workers end their jobs after the running evaluations, with checkpoints; signal handlers call it."""
        ...

    def close(self) -> None:
        """End the workers; what they paint is saved if they can still do so."""
        ...
