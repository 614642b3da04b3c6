"""Workers, as the scheduler sees them: each has one job at a time. Here is the one in this process."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from impasto.batch.outcome import Outcome
from impasto.batch.painter import Painter
from impasto.jobs.job import Job
from impasto.transfer.progress import Progress

__all__ = ["WAIT_SECONDS", "LocalWorkers", "Report", "Workers"]

WAIT_SECONDS = 0.5
"""The most seconds that `Workers.wait` waits: how late new jobs and Ctrl-C are seen."""


class Report(NamedTuple):
    """What a worker says at the end of a job, or what is said of one that died."""

    worker: int
    """The number of the worker, from 0."""
    outcome: Outcome | None
    """What came of the job; None, if the worker died."""
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
        """Let a worker that is free paint a job."""
        ...

    def prepare(self, worker: int, job: Job) -> None:
        """Tell a worker its next job, whose photograph it opens while it paints."""
        ...

    def wait(self) -> Sequence[Report]:
        """Let the workers paint until one of them has something to report, for `WAIT_SECONDS` at most."""
        ...

    def progress(self) -> Mapping[int, Progress]:
        """Return the latest progress of each worker that paints."""
        ...

    def cancel(self) -> None:
        """Let the workers end their jobs after the running evaluations, with checkpoints; signal handlers call it."""
        ...

    def close(self) -> None:
        """End the workers; what they paint is saved if they can still do so."""
        ...


class LocalWorkers:
    """One worker in this process and in the thread that waits for it.

    Args:
        painter: What paints.

    """

    count = 1

    def __init__(self, painter: Painter | None = None) -> None:
        self._painter = painter or Painter()
        self._painting: Generator[Progress, None, Outcome] | None = None
        self._progress: Progress | None = None

    def start(self, worker: int, job: Job) -> None:  # noqa: ARG002 (there is one)
        """Let the worker paint a job."""
        self._painting, self._progress = self._painter.paint(job), None

    def prepare(self, worker: int, job: Job) -> None:  # noqa: ARG002
        """Begin to open the photograph of the next job."""
        self._painter.prepare(job)

    def wait(self) -> Sequence[Report]:
        """Paint until the next evaluation is done."""
        if self._painting is None:
            time.sleep(WAIT_SECONDS)
            return []
        try:
            self._progress = next(self._painting)
        except StopIteration as end:
            self._painting = self._progress = None
            return [Report(0, end.value)]
        return []

    def progress(self) -> Mapping[int, Progress]:
        """Return the latest progress."""
        return {} if self._progress is None else {0: self._progress}

    def cancel(self) -> None:
        """End the job after the running evaluation."""
        self._painter.cancel()

    def close(self) -> None:
        """Save what is painted, and end."""
        if self._painting is not None:
            with suppress(KeyboardInterrupt):
                self._painting.close()
