"""The worker in this process, which paints in the thread that waits for it."""

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress

from impasto.batch.outcome import Outcome
from impasto.batch.painter import Painter
from impasto.batch.workers import WAIT_SECONDS, Report
from impasto.jobs.job import Job
from impasto.transfer.progress import Progress

__all__ = ["LocalWorkers"]


class LocalWorkers:
    """One worker, of number 0, in this process and in the thread that waits for it.

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
        """Begin to open the photograph of the next job in another thread."""
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
