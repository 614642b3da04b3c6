"""Workers that are actors of Ray, on this machine or on many. Ray places them, and starts machines where it may.

An actor holds a painter, and paints one job at a time. One that died is started again, and its job given back to the
scheduler. Signals are obeyed in `wait`, since Ray must not be called from their handlers.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from impasto.batch.ray_actor import Actor, Allocation
from impasto.batch.ray_cluster import import_ray, join_cluster, last_line
from impasto.batch.sending import Courier
from impasto.batch.workers import WAIT_SECONDS, Report
from impasto.errors import InputError, RunError
from impasto.jobs.job import Job
from impasto.settings.limits import check_per_core, cores

if TYPE_CHECKING:
    from impasto.batch.painter import Painter
    from impasto.transfer.progress import Progress

__all__ = ["RayWorkers"]

POLL_SECONDS = 1.0
"""The least seconds from one question for the progress of all workers to the next."""

QUESTIONS_A_SECOND = 100
"""The most questions in a second: of a thousand workers, each is asked every ten seconds."""

END_SECONDS = 30.0
"""The most seconds that workers have to save checkpoints when they are ended."""

DELETE_SECONDS = 5.0
"""The most seconds that workers have to delete the files that were sent to them."""


class RayWorkers:
    """Actors of Ray that paint.

    Args:
        count: The number of workers; 0 means as many as the cluster has GPUs, or else processors.
        address: `local` starts Ray on this machine, and `close` ends it; `auto` finds the one that runs here; anything
            else is the address of a cluster.
        threads: Processor threads of each worker; 0 means an equal part of this machine's.
        folder: The folder that painters share.
        sends_files: Whether the files of each job travel to the actor, and its picture back, because the actors do not
            see the folders of this machine. The job of an actor that died then begins again.
        make: Makes the painter of a worker from its name, in the actor; by default a `Painter`.

    Raises:
        InputError: Ray is not installed, the number of workers is negative, or far larger than that of the cores of
            this machine, if they are started on it, or the address cannot be reached.

    """

    def __init__(
        self,
        count: int = 0,
        *,
        address: str = "local",
        threads: int = 0,
        folder: Path | None = None,
        sends_files: bool = False,
        make: Callable[[str], "Painter"] | None = None,
    ) -> None:
        if count < 0:
            raise InputError(f"workers cannot be {count}; it takes a whole number, at least 0.")
        if address == "local":
            check_per_core("workers", count)
            check_per_core("threads", threads)
        self._ray = import_ray(address)
        self._make = make or partial(_painter, None if sends_files else folder)
        self._folder = None if sends_files else Path.cwd()
        self._owns_ray = join_cluster(self._ray, address, max(cores(), count * max(1, threads)))
        resources = self._ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        self.count = count or gpus or max(1, cpus // max(1, threads))
        worker_threads = threads or max(1, (cores() if address == "local" else cpus) // self.count)
        self._allocation = Allocation(worker_threads, 1 / math.ceil(self.count / gpus) if gpus else 0.0)
        self._actors = [self._start_actor(worker) for worker in range(self.count)]
        self._jobs: dict[Any, int] = {}
        """The number of the worker by the reference to the outcome of its job."""
        self._questions: dict[Any, int] = {}
        """The number of the worker by the reference to its progress."""
        self._progress: dict[int, Progress] = {}
        self._next_poll = 0.0
        self._is_cancelled = self._is_cancel_sent = False
        self._courier = Courier(self._ray.put) if sends_files else None
        self._reports: list[Report] = []
        """The reports on jobs that were not sent."""

    def start(self, worker: int, job: Job) -> None:
        """Let a worker that is free paint a job; one whose files cannot be sent is not started, and `wait` says why."""
        references, outcome = (None, None) if self._courier is None else self._courier.collect(job)
        if outcome is None:
            self._jobs[self._actors[worker].paint.remote(job, references)] = worker
        else:
            self._reports.append(Report(worker, outcome))

    def prepare(self, worker: int, job: Job) -> None:
        """Let a worker open the photograph of its next job; a worker to which files are sent does nothing."""
        if self._courier is None:
            self._actors[worker].prepare.remote(job)

    def wait(self) -> Sequence[Report]:
        """Wait until a job ends or a worker dies, for `WAIT_SECONDS` at most."""
        if self._is_cancelled and not self._is_cancel_sent:
            self._is_cancel_sent = True
            for worker in self._jobs.values():
                self._actors[worker].cancel.remote()
        self._poll_progress()
        if self._reports:
            reports, self._reports = self._reports, []
            return reports
        if not self._jobs:
            time.sleep(WAIT_SECONDS)
            return []
        ended, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=WAIT_SECONDS)
        return [self._report(reference) for reference in ended]

    def progress(self) -> "Mapping[int, Progress]":
        """Return the latest progress of each worker that paints, a second old or so; older above a hundred workers."""
        return dict(self._progress)

    def cancel(self) -> None:
        """Let the workers end their jobs early, the next time that they are waited for."""
        self._is_cancelled = True

    def close(self) -> None:
        """Let the workers save checkpoints, and end them."""
        self.cancel()
        deadline = time.monotonic() + END_SECONDS
        while self._jobs and time.monotonic() < deadline:
            self.wait()
        if self._courier is not None:
            ends = [actor.end.remote() for actor in self._actors]
            self._ray.wait(ends, num_returns=len(ends), timeout=DELETE_SECONDS)
        for actor in self._actors:
            self._ray.kill(actor)
        if self._owns_ray:
            self._ray.shutdown()

    def _start_actor(self, worker: int) -> Any:
        """Start the actor of a worker."""
        options = {"num_cpus": self._allocation.threads, "num_gpus": self._allocation.gpu, "max_restarts": 0}
        actor = self._ray.remote(**options, concurrency_groups={"control": 1})(Actor)
        return actor.remote(self._make, str(worker + 1), self._allocation, self._folder)

    def _report(self, reference: Any) -> Report:
        """Return what a worker says of its job, or start it again if it died."""
        worker = self._jobs.pop(reference)
        progress = self._progress.pop(worker, None)
        try:
            outcome, picture = self._ray.get(reference)
            return Report(worker, outcome if self._courier is None else self._courier.deliver(outcome, picture))
        except self._ray.exceptions.RayError as error:
            if "creation task" in str(error):
                raise RunError(f"a worker could not be started: {last_line(error)}") from None
            self._actors[worker] = self._start_actor(worker)
            tenth = math.floor(10 * progress.fraction) / 10 if progress else 0.0
            return Report(worker, None, f"ended ({type(error).__name__})", tenth)

    def _poll_progress(self) -> None:
        """Ask all workers for their progress now and then, and receive the answers that have come."""
        if self._questions:
            answered, _ = self._ray.wait(list(self._questions), num_returns=len(self._questions), timeout=0)
            for reference in answered:
                self._receive_progress(self._questions.pop(reference), reference)
        if time.monotonic() >= self._next_poll:
            busy = set(self._jobs.values()) - set(self._questions.values())
            self._next_poll = time.monotonic() + max(POLL_SECONDS, len(busy) / QUESTIONS_A_SECOND)
            self._questions |= {self._actors[worker].progress.remote(): worker for worker in busy}

    def _receive_progress(self, worker: int, reference: Any) -> None:
        """Take the progress of a worker; one that died has none."""
        try:
            progress = self._ray.get(reference)
        except self._ray.exceptions.RayError:
            return
        if progress is not None and worker in self._jobs.values():
            self._progress[worker] = progress


def _painter(folder: Path | None, name: str) -> "Painter":
    """Return the painter of an actor; torch is set up in its process as the command sets it up."""
    from impasto.machine.environment import tune_process  # noqa: PLC0415 (torch, which the driver does not need)

    tune_process()
    from impasto.batch.painter import Painter  # noqa: PLC0415 (torch, which the driver does not need)

    return Painter(name, folder)
