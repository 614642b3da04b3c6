"""The actor of Ray: a painter in a process of its own, with an allocation of its machine."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from impasto.batch.outcome import Outcome
from impasto.batch.sending import rename_paths, unpack, weight_files
from impasto.files import atomic_write
from impasto.jobs.job import Job
from impasto.settings import Runtime
from impasto.settings.limits import cores

if TYPE_CHECKING:
    from impasto.batch.painter import Painter
    from impasto.transfer.progress import Progress

__all__ = ["Actor", "Allocation"]

FREE_FRACTION = 0.8
"""The fraction of the free memory that all workers of a machine take together, equal to the one in `machine.memory`."""


class Allocation(NamedTuple):
    """The threads and the GPU that an actor takes of its machine."""

    threads: int
    """Threads of the processor."""
    gpu: float = 0.0
    """The fraction of a GPU, from 0 to 1; 0 means that the processor computes."""


class Actor:
    """A painter in a process of Ray's.

    Args:
        make: Makes the painter, or what stands for one, from the name of the worker.
        name: The name of the worker.
        allocation: The threads and the GPU that it takes.
        folder: The folder to which the paths of jobs are relative, or None if it does not see their files.

    """

    def __init__(
        self, make: Callable[[str], "Painter"], name: str, allocation: Allocation, folder: Path | None
    ) -> None:
        if folder is not None:
            os.chdir(folder)
        self._painter = make(name)
        self._threads, self._memory = allocation.threads, _memory(allocation)
        self._progress: Progress | None = None
        self._weights: TemporaryDirectory[str] | None = None
        """The folder of copies of files of weights, for all jobs."""

    def paint(self, job: Job, references: Mapping[str, Any] | None = None) -> tuple[Outcome, bytes]:
        """Paint a job with the threads and the memory of this worker.

        Args:
            job: The job.
            references: References to its files by their paths, if this machine does not see them.

        Returns:
            The outcome of the job, and the file of its picture if its files were sent.

        """
        limited = job.replace(runtime=self._limit(job.runtime))
        if references is None:
            return self._paint(limited), b""
        pictures = dict(references)
        weights = {str(path): self._store_weights(path, pictures.pop(str(path))) for path in weight_files(job)}
        with TemporaryDirectory(prefix="impasto-") as folder:
            files = dict(zip(pictures, importlib.import_module("ray").get([*pictures.values()]), strict=True))
            copy = unpack(limited, files, Path(folder), weights)
            outcome = self._paint(copy, job)
            picture = copy.output.read_bytes() if outcome.state == "done" and copy.output else b""
            return replace(outcome, job=job, sentence=rename_paths(outcome.sentence, copy, job)), picture

    def _store_weights(self, path: Path, reference: Any) -> str:
        """Return the copy of a file of weights, which is fetched for the first job that reads it."""
        self._weights = self._weights or TemporaryDirectory(prefix="impasto-weights-")
        copy = Path(self._weights.name, reference.hex(), path.name)
        if not copy.exists():
            copy.parent.mkdir()
            with atomic_write(copy) as temporary:
                temporary.write_bytes(importlib.import_module("ray").get(reference))
        return str(copy)

    def _paint(self, job: Job, original: Job | None = None) -> Outcome:
        """Paint a job, and hold its progress for those who ask."""
        painting = self._painter.paint(job, original)
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

    def _limit(self, runtime: Runtime) -> Runtime:
        """Return a runtime with the threads and the memory of this worker, where the job leaves them open."""
        memory = self._memory if runtime.memory == "auto" else runtime.memory
        return runtime.replace(threads=runtime.threads or self._threads, memory=memory)


for _name in ("prepare", "progress", "cancel", "end"):
    setattr(getattr(Actor, _name), "__ray_concurrency_group__", "control")  # noqa: B010 (what ray.method does)


def _memory(allocation: Allocation) -> str:
    """Return the memory that this worker may take of what is free, as `Runtime.memory` has it."""
    if allocation.gpu == 1:
        return "auto"
    if allocation.gpu:
        import torch  # noqa: PLC0415 (the GPU that Ray gave to this worker)

        return f"{allocation.gpu * torch.cuda.mem_get_info()[1] / 1e6:.0f}MB"
    import psutil  # noqa: PLC0415 (the actor's machine)

    fraction = FREE_FRACTION * min(1.0, allocation.threads / cores())
    return f"{fraction * psutil.virtual_memory().available / 1e6:.0f}MB"
