"""A painter paints jobs one after another with what they share: network, targets of style images, opened pictures."""

import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from impasto import files
from impasto.batch.outcome import Outcome
from impasto.errors import RunError, sentence_of
from impasto.jobs import outputs
from impasto.jobs.events import Ended, Evaluated, Remarked
from impasto.jobs.job import Job
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.network.weights import Weights
from impasto.transfer.progress import Progress
from impasto.transfer.target_cache import TargetCache

__all__ = ["Painter"]

PICTURE_BYTES = 256e6
"""The most bytes of opened pictures in memory: the paintings, and the photographs of this job and the next."""


class Painter:
    """Paints jobs one after another, and skips jobs that are painted already.

    Args:
        name: The name of the worker.
        folder: A folder for what painters share: targets, and locks that let only one of them paint a picture; None:
            targets are cached in memory alone, and nothing else paints these pictures.
        load: A function that returns the weights of a name that `Settings.weights` accepts.

    """

    def __init__(
        self, name: str = "", folder: Path | None = None, load: Callable[[str], Weights] | None = None
    ) -> None:
        self._name, self._folder = name or str(os.getpid()), folder
        self.targets = TargetCache(None if folder is None else folder / "targets")
        """The targets of the paintings so far."""
        self._resources = Resources(load, targets=self.targets, picture_bytes=PICTURE_BYTES)
        self._session: Session | None = None
        self._is_cancelled = threading.Event()

    def prepare(self, job: Job) -> None:
        """Begin to open the photograph of the next job, while another one is painted."""
        if isinstance(job.content, Path):
            self._resources.prepare(job.content, allow_large=job.allow_large)

    def cancel(self) -> None:
        """End the current job early, with a checkpoint; it may be called from any thread."""
        self._is_cancelled.set()
        if self._session is not None:
            self._session.cancel()

    def paint(self, job: Job, original: Job | None = None) -> Generator[Progress, None, Outcome]:
        """Paint a job, from its checkpoint if there is one.

        Args:
            job: The job.
            original: The job that the metadata of the picture name, if the files of `job` are copies of its files.

        Yields:
            The progress of each evaluation.

        Returns:
            The outcome of the job; an error is the sentence of a job that failed.

        """
        began = time.monotonic()
        try:
            with self._alone(job):
                outcome = yield from self._carry_out(job, original)
        except Exception as error:  # the next job gets its chance
            outcome = Outcome(job, "failed", sentence_of(error))
        finally:
            self._session = None
        return replace(outcome, seconds=time.monotonic() - began, worker=self._name)

    def _alone(self, job: Job) -> AbstractContextManager[object]:
        """Return a context in which no other painter paints the job."""
        if self._folder is None or job.output is None:
            return nullcontext()
        locks = self._folder / "locks"
        files.make_folder(locks)
        return _lock(locks / hashlib.sha256(str(job.output.absolute()).encode()).hexdigest()[:32])

    def _carry_out(self, job: Job, original: Job | None) -> Generator[Progress, None, Outcome]:
        """Paint a job that is not painted."""
        stopped = outputs.recorded_stop(job)
        if stopped in {"finished", "converged"}:
            return Outcome(job, "skipped", "painted before from equal settings and inputs")
        if job.output is not None:
            files.make_folder(job.output.parent)
        # The picture so far of a run that ended early may be replaced.
        job_to_paint = job if stopped is None else outputs.with_replaceable_files(job, is_replaceable=True)
        with closing(Session(job_to_paint, resources=self._resources, original=original)) as session:
            self._session = session
            if self._is_cancelled.is_set():
                session.cancel()
            remarks: list[str] = []
            for event in session:
                if isinstance(event, Evaluated):
                    yield event.progress
                elif isinstance(event, Remarked):
                    remarks.append(event.sentence)
                elif isinstance(event, Ended):
                    loss = math.nan if session.run is None else session.run.loss
                    loss = loss if math.isfinite(loss) else None
                    return Outcome(job, event.ending, event.sentence, loss=loss, remarks=tuple(remarks))
        raise RunError("the run ended without a result.")


@contextmanager
def _lock(path: Path) -> Generator[None, None, None]:
    """Hold a lock in a block; the system releases it if the process dies.

    The file is deleted at the end of the block; Windows refuses that as long as it is open. A painter that waited for
    the deleted file and one that made a new file may then be in the block together, but both of them find the picture
    painted, or the file that cannot be used.
    """
    with FileLock(path):
        try:
            yield
        finally:
            with suppress(OSError):
                path.unlink()
