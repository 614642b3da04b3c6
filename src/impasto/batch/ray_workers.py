"""Workers that are actors of Ray, on this machine or on many. Ray places them, and starts machines where it may.

An actor holds a painter, and paints one job at a time. One that died is started again, and its job given back to the
scheduler. Signals are obeyed in `wait`, since Ray must not be called from their handlers.
"""

import importlib
import math
import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from impasto.batch.outcome import Outcome
from impasto.batch.workers import WAIT_SECONDS, Report
from impasto.errors import InputError, RunError
from impasto.jobs.job import Job
from impasto.settings import Runtime

if TYPE_CHECKING:
    from impasto.batch.sending import Courier
    from impasto.transfer.progress import Progress

__all__ = ["Paints", "RayWorkers", "joined"]

LOOK_SECONDS = 1.0
"""The least seconds from one question for the progress of all workers to the next."""

END_SECONDS = 30.0
"""The most seconds that workers have to save checkpoints when they are ended."""

OBJECT_STORE_BYTES = 200_000_000
"""The size of the object store that is started on this machine: jobs and outcomes are small."""

FREE_PART = 0.8
"""The part of the free memory that all workers of a machine take together, as `machine.memory.FREE_FRACTION`."""

QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
"""What the environment tells Ray: it sends no statistics, and does not warn of a change in how it hides GPUs."""

ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""What the environment tells a Ray that is started here: it listens on the loopback alone, as it does on macOS."""


class Paints(Protocol):
    """What an actor holds: a `Painter`, or what stands for one."""

    def paint(self, job: Job, noted: Job | None = None) -> "Generator[Progress, None, Outcome]":
        """Paint a job, and note another one in the metadata of the picture if its files are copies."""
        ...

    def prepare(self, job: Job) -> None:
        """Get ready for the next job."""
        ...

    def cancel(self) -> None:
        """End the current job early."""
        ...


class RayWorkers:
    """Actors of Ray that paint.

    Args:
        count: The number of workers; 0 means as many as the cluster has GPUs, or else processors.
        address: `local` starts Ray on this machine, and `close` ends it; `auto` finds the one that runs here; anything
            else is the address of a cluster.
        threads: Processor threads of each worker; 0 means an equal part of this machine's.
        folder: The folder that painters share.
        sends_files: Whether the files of each job travel to the actor, and its picture back, because the actors do not
            see the folders of this machine. The job of an actor that died then begins anew.
        make: Makes the painter of a worker from its name, in the actor; by default a `Painter`.

    Raises:
        InputError: Ray is not installed, the number of workers is negative, or the address cannot be reached.

    """

    def __init__(
        self,
        count: int = 0,
        *,
        address: str = "local",
        threads: int = 0,
        folder: Path | None = None,
        sends_files: bool = False,
        make: Callable[[str], Paints] | None = None,
    ) -> None:
        if count < 0:
            raise InputError(f"workers cannot be {count}; it takes a whole number, at least 0.")
        self._ray = _imported(address)
        self._make = make or partial(_painter, None if sends_files else folder)
        self._folder = None if sends_files else Path.cwd()
        self._owns_ray = joined(self._ray, address, max(_cores(), count * max(1, threads)))
        resources = self._ray.cluster_resources()
        gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
        self.count = count or gpus or max(1, cpus // max(1, threads))
        self._threads = threads or max(1, (_cores() if address == "local" else cpus) // self.count)
        self._gpu_part = 1 / math.ceil(self.count / gpus) if gpus else 0.0
        self._actors = [self._hire(worker) for worker in range(self.count)]
        self._jobs: dict[Any, int] = {}
        """The number of the worker by the reference to what comes of its job."""
        self._questions: dict[Any, int] = {}
        """The number of the worker by the reference to its progress."""
        self._progress: dict[int, Progress] = {}
        self._next_look = 0.0
        self._is_cancelled = self._is_told = False
        self._courier = _courier(self._ray.put) if sends_files else None
        self._reports: list[Report] = []
        """What came of jobs that were not sent."""

    def start(self, worker: int, job: Job) -> None:
        """Let a worker that is free paint a job."""
        sent, outcome = ({}, None) if self._courier is None else self._courier.collect(job)
        if outcome is None:
            self._jobs[self._actors[worker].paint.remote(job, sent)] = worker
        else:
            self._reports.append(Report(worker, outcome))

    def prepare(self, worker: int, job: Job) -> None:
        """Let a worker open the photograph of its next job, if it sees it."""
        if self._courier is None:
            self._actors[worker].prepare.remote(job)

    def wait(self) -> Sequence[Report]:
        """Wait until a job ends or a worker dies, for `WAIT_SECONDS` at most."""
        if self._is_cancelled and not self._is_told:
            self._is_told = True
            for worker in self._jobs.values():
                self._actors[worker].cancel.remote()
        self._look()
        if self._reports:
            reports, self._reports = self._reports, []
            return reports
        if not self._jobs:
            time.sleep(WAIT_SECONDS)
            return []
        ended, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=WAIT_SECONDS)
        return [self._reported(reference) for reference in ended]

    def progress(self) -> "Mapping[int, Progress]":
        """Return the latest progress of each worker that paints, a second old or so."""
        return dict(self._progress)

    def cancel(self) -> None:
        """Let the workers end their jobs early, the next time that they are waited for."""
        self._is_cancelled = True

    def close(self) -> None:
        """Let the workers save checkpoints, and end them."""
        self.cancel()
        last = time.monotonic() + END_SECONDS
        while self._jobs and time.monotonic() < last:
            self.wait()
        for actor in self._actors:
            self._ray.kill(actor)
        if self._owns_ray:
            self._ray.shutdown()

    def _hire(self, worker: int) -> Any:
        """Start the actor of a worker."""
        options = {"num_cpus": self._threads, "num_gpus": self._gpu_part, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(**options, concurrency_groups={"control": 1})(_Actor)
        return actor.remote(self._make, str(worker + 1), self._folder, self._threads, self._gpu_part)

    def _reported(self, reference: Any) -> Report:
        """Return what a worker says of its job, or start it again if it died."""
        worker = self._jobs.pop(reference)
        progress = self._progress.pop(worker, None)
        try:
            outcome, picture = self._ray.get(reference)
            return Report(worker, outcome if self._courier is None else self._courier.deliver(outcome, picture))
        except self._ray.exceptions.RayError as error:
            if "creation task" in str(error):
                raise RunError(f"a worker could not be started: {_last_line(error)}") from None
            self._actors[worker] = self._hire(worker)
            tenth = math.floor(10 * progress.fraction) / 10 if progress else 0.0
            return Report(worker, None, f"ended ({type(error).__name__})", tenth)

    def _look(self) -> None:
        """Ask all workers for their progress now and then, and take the answers that are there."""
        if self._questions:
            answered, _ = self._ray.wait(list(self._questions), num_returns=len(self._questions), timeout=0)
            for reference in answered:
                self._take(self._questions.pop(reference), reference)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            busy = set(self._jobs.values()) - set(self._questions.values())
            self._questions |= {self._actors[worker].progress.remote(): worker for worker in busy}

    def _take(self, worker: int, reference: Any) -> None:
        """Take the progress of a worker; one that died has none."""
        try:
            progress = self._ray.get(reference)
        except self._ray.exceptions.RayError:
            return
        if progress is not None and worker in self._jobs.values():
            self._progress[worker] = progress


class _Actor:
    """A painter in a process of Ray's."""

    def __init__(
        self, make: Callable[[str], Paints], name: str, folder: Path | None, threads: int, gpu_part: float
    ) -> None:
        if folder is not None:
            os.chdir(folder)  # paths of jobs are relative to the driver's folder
        self._painter = make(name)
        self._threads, self._memory = threads, _memory(threads, gpu_part)
        self._progress: Progress | None = None

    def paint(self, job: Job, sent: Mapping[str, Any]) -> tuple[Outcome, bytes]:
        """Paint a job with this worker's part of the machine.

        Args:
            job: The job.
            sent: References to its files by their paths, if this machine does not have them.

        Returns:
            What came of the job, and the file of its picture if its files were sent.

        """
        divided = job.replace(runtime=self._divided(job.runtime))
        if not sent:
            return self._painted(divided), b""
        from impasto.batch.sending import unpacked  # noqa: PLC0415 (where files are sent)

        with TemporaryDirectory(prefix="impasto-") as folder:
            files = dict(zip(sent, importlib.import_module("ray").get([*sent.values()]), strict=True))
            here = unpacked(divided, files, Path(folder))
            outcome = self._painted(here, job)
            picture = here.output.read_bytes() if outcome.state == "done" and here.output else b""
            return replace(outcome, job=job), picture

    def _painted(self, job: Job, noted: Job | None = None) -> Outcome:
        """Paint a job, and hold its progress for those who ask."""
        painting = self._painter.paint(job, noted)
        self._progress = None
        while True:
            try:
                self._progress = next(painting)
            except StopIteration as end:
                return end.value

    def prepare(self, job: Job) -> None:
        """Begin to open the photograph of the next job."""
        self._painter.prepare(job)

    def progress(self) -> "Progress | None":
        """Return the progress of the job."""
        return self._progress

    def cancel(self) -> None:
        """End the job early."""
        self._painter.cancel()

    def _divided(self, runtime: Runtime) -> Runtime:
        """Return how a job is computed with this worker's part of the machine, where the job leaves that open."""
        memory = self._memory if runtime.memory == "auto" else runtime.memory
        return runtime.replace(threads=runtime.threads or self._threads, memory=memory)


for _name in ("prepare", "progress", "cancel"):
    setattr(getattr(_Actor, _name), "__ray_concurrency_group__", "control")  # noqa: B010 (what ray.method does)


def _painter(folder: Path | None, name: str) -> Paints:
    from impasto.batch.painter import Painter  # noqa: PLC0415 (torch, which the driver does not need)

    return Painter(name, folder)


def _courier(put: Callable[[bytes], Any]) -> "Courier":
    from impasto.batch.sending import Courier  # noqa: PLC0415 (where files are sent)

    return Courier(put)


def _memory(threads: int, gpu_part: float) -> str:
    """Return this worker's part of the memory that is free, as `Runtime.memory` has it."""
    if gpu_part == 1:
        return "auto"
    if gpu_part:
        import torch  # noqa: PLC0415 (the GPU that Ray gave to this worker)

        return f"{gpu_part * torch.cuda.mem_get_info()[1] / 1e6:.0f}MB"
    import psutil  # noqa: PLC0415 (the actor's machine)

    part = min(1.0, threads / _cores())
    return f"{FREE_PART * part * psutil.virtual_memory().available / 1e6:.0f}MB"


def _cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _imported(address: str) -> Any:
    """Return the module ray, which reads the environment when it is imported.

    Raises:
        InputError: it is not installed.

    """
    wanted = {**QUIET, **(ON_LOOPBACK if address == "local" else {})}
    os.environ.update({name: value for name, value in wanted.items() if name not in os.environ})
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise InputError(
            f"several workers need {error.name}, which is not installed; install it with: pip install 'impasto[ray]'"
        ) from None


def joined(ray: Any, address: str, cpus: int | None = None) -> bool:
    """Join a cluster, or start Ray on this machine, if this process has not joined one yet.

    Args:
        ray: The module.
        address: local, auto or an address, as `RayWorkers` takes it.
        cpus: The processors that Ray counts when it is started here; by default those of this machine.

    Returns:
        Whether this call joined one.

    Raises:
        InputError: there is no cluster at the address.

    """
    if ray.is_initialized():
        return False
    ray._private.worker._worker_logs_enabled = False  # noqa: SLF001 (it prints the death of workers; its debugger's switch)
    common = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == "local":
        local = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        ray.init(**common, **local, num_cpus=cpus)
        return True
    try:
        ray.init(address=address, **common)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(
            f"there is no cluster of Ray at {address}: {_last_line(error)}; start one with ray start --head, or give "
            "--ray local."
        ) from None
    return True


def _last_line(error: Exception) -> str:
    """Return the last line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip().rstrip(".")
