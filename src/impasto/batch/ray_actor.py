"""The actor of Ray: a painter in a process of its own, which takes its part of its machine."""

import importlib
import os
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from impasto.batch.outcome import Outcome
from impasto.files import atomic_write
from impasto.jobs.job import Job
from impasto.settings import Runtime
from impasto.settings.limits import cores

if TYPE_CHECKING:
    from impasto.transfer.progress import Progress

__all__ = ["Actor", "Paints", "Part"]

FREE_FRACTION = 0.8
"""The fraction of the free memory that all workers of a machine take together, equal to the one in `machine.memory`."""


class Paints(Protocol):
    """What an actor holds: a `Painter`, or what stands for one."""

    def paint(self, job: Job, noted: Job | None = None) -> "Generator[Progress, None, Outcome]":
        """Paint a job.

        Args:
            job: The job.
            noted: The job that the metadata of the picture name, if the files of `job` are copies of its files.

        Returns:
            A generator that yields the progress of each evaluation, and returns the outcome of the job.

        """
        ...

    def prepare(self, job: Job) -> None:
        """Get ready for the next job."""
        ...

    def cancel(self) -> None:
        """End the current job early."""
        ...


class Part(NamedTuple):
    """The part of its machine that an actor takes."""

    threads: int
    """Threads of the processor."""
    gpu: float = 0.0
    """The part of a GPU, from 0 to 1; 0 means that the processor computes."""


class Actor:
    """A painter in a process of Ray's.

    Args:
        make: Makes the painter from the name of the worker.
        name: The name of the worker.
        part: The part of its machine that it takes.
        folder: The folder to which the paths of jobs are relative, or None if it does not see their files.

    """

    def __init__(self, make: Callable[[str], Paints], name: str, part: Part, folder: Path | None) -> None:
        if folder is not None:
            os.chdir(folder)
        self._painter = make(name)
        self._threads, self._memory = part.threads, _memory(part)
        self._progress: Progress | None = None
        self._weights: TemporaryDirectory[str] | None = None
        """The folder of copies of files of weights, for all jobs."""

    def paint(self, job: Job, sent: Mapping[str, Any] | None = None) -> tuple[Outcome, bytes]:
        """Paint a job with this worker's part of the machine.

        Args:
            job: The job.
            sent: References to its files by their paths, if this machine does not see them.

        Returns:
            What came of the job, and the file of its picture if its files were sent.

        """
        divided = job.replace(runtime=self._divided(job.runtime))
        if sent is None:
            return self._painted(divided), b""
        from impasto.batch.sending import renamed, unpacked, weight_files  # noqa: PLC0415 (where files are sent)

        pictures = dict(sent)
        weights = {str(path): self._stored(path, pictures.pop(str(path))) for path in weight_files(job)}
        with TemporaryDirectory(prefix="impasto-") as folder:
            files = dict(zip(pictures, importlib.import_module("ray").get([*pictures.values()]), strict=True))
            here = unpacked(divided, files, Path(folder), weights)
            outcome = self._painted(here, job)
            picture = here.output.read_bytes() if outcome.state == "done" and here.output else b""
            return replace(outcome, job=job, sentence=renamed(outcome.sentence, here, job)), picture

    def _stored(self, path: Path, reference: Any) -> str:
        """Return the copy of a file of weights, which is fetched for the first job that reads it."""
        self._weights = self._weights or TemporaryDirectory(prefix="impasto-weights-")
        copy = Path(self._weights.name, reference.hex(), path.name)
        if not copy.exists():
            copy.parent.mkdir()
            with atomic_write(copy) as temporary:
                temporary.write_bytes(importlib.import_module("ray").get(reference))
        return str(copy)

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

    def end(self) -> None:
        """Delete the files that were sent."""
        if self._weights is not None:
            self._weights.cleanup()

    def _divided(self, runtime: Runtime) -> Runtime:
        """Return how a job is computed with this worker's part of the machine, where the job leaves that open."""
        memory = self._memory if runtime.memory == "auto" else runtime.memory
        return runtime.replace(threads=runtime.threads or self._threads, memory=memory)


for _name in ("prepare", "progress", "cancel", "end"):
    setattr(getattr(Actor, _name), "__ray_concurrency_group__", "control")  # noqa: B010 (what ray.method does)


def _memory(part: Part) -> str:
    """Return this worker's part of the memory that is free, as `Runtime.memory` has it."""
    if part.gpu == 1:
        return "auto"
    if part.gpu:
        import torch  # noqa: PLC0415 (the GPU that Ray gave to this worker)

        return f"{part.gpu * torch.cuda.mem_get_info()[1] / 1e6:.0f}MB"
    import psutil  # noqa: PLC0415 (the actor's machine)

    fraction = FREE_FRACTION * min(1.0, part.threads / cores())
    return f"{fraction * psutil.virtual_memory().available / 1e6:.0f}MB"
