"""Files that travel with a job to workers that do not see the driver's folders, and the picture that comes back."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from impasto import files
from impasto.batch.outcome import Outcome
from impasto.errors import ImpastoError, InputError
from impasto.jobs import outputs
from impasto.jobs.job import Job

__all__ = ["Courier", "rename_paths", "unpack", "weight_files"]

MAX_FILES = 64
"""Files that stay in the store after their jobs: so each painting and each file of weights is sent once."""

NAMED_WEIGHTS = ("codebook", "torchvision")
"""Weights that a machine has by itself, from the installed packages or a download."""


class Courier:
    """Sends the files of jobs, and writes the pictures that come back.

    Args:
        put: Puts bytes into a store, and returns a reference to them.

    """

    def __init__(self, put: Callable[[bytes], Any]) -> None:
        self._put = put
        self._references: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def collect(self, job: Job) -> tuple[dict[str, Any], Outcome | None]:
        """Put the files of a job into the store, unless its picture is painted already.

        Args:
            job: The job.

        Returns:
            References to the files by their paths; and the outcome of the job, if it need not or cannot be sent.

        """
        try:
            if outputs.recorded_stop(job) in {"finished", "converged"}:
                return {}, Outcome(job, "skipped", "painted before from equal settings and inputs")
            return {str(path): self._reference(path) for path in (*job.all_inputs, *weight_files(job))}, None
        except ImpastoError as error:
            return {}, Outcome(job, "failed", str(error))

    def deliver(self, outcome: Outcome, picture: bytes) -> Outcome:
        """Write the picture of a job that is done.

        Args:
            outcome: The outcome of the job, as the worker reports it.
            picture: The bytes of the picture's file; empty, if there is no picture to write.

        Returns:
            The outcome; a picture that could not be written is a job that failed.

        """
        job = outcome.job
        if job.output is None or not picture:
            return outcome
        try:
            overwrite = job.overwrite or outputs.recorded_stop(job) is not None
            files.make_folder(job.output.parent)
            with files.atomic_write(job.output, overwrite=overwrite) as temporary:
                temporary.write_bytes(picture)
        except ImpastoError as error:
            return replace(outcome, state="failed", sentence=str(error))
        return outcome

    def _reference(self, path: Path) -> Any:
        """Return the reference to a file, which is put into the store where it is not there yet."""
        try:
            key = str(path), path.stat().st_mtime_ns
            if key not in self._references:
                self._references[key] = self._put(path.read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{path} cannot be read: {files.reason(error)}; give another file.") from error
        self._references.move_to_end(key)
        while len(self._references) > MAX_FILES:
            self._references.popitem(last=False)
        return self._references[key]


def weight_files(job: Job) -> list[Path]:
    """List the files of weights that a job and its changes read, each once; each machine has the named weights."""
    names = dict.fromkeys(each.settings.weights for each in (job, *(change.job for change in job.changes)))
    return [Path(name) for name in names if name not in NAMED_WEIGHTS]


def rename_paths(sentence: str, copy: Job, job: Job) -> str:
    """Return a sentence about a copy of a job as a sentence about the job.

    Args:
        sentence: The sentence, with the paths of the copy.
        copy: The job that reads and writes copies of the files.
        job: The job.

    Returns:
        The sentence, with the paths of the job.

    """
    copies, paths = ((*each.all_inputs, *weight_files(each), each.output) for each in (copy, job))
    for copied, path in zip(copies, paths, strict=True):
        sentence = sentence.replace(str(copied), str(path))
    return sentence


def unpack(job: Job, received: Mapping[str, bytes], folder: Path, weights: Mapping[str, str] | None = None) -> Job:
    """Write files that were sent into a folder, and return the job that reads them and paints there.

    Args:
        job: The job, with the paths of the driver.
        received: The bytes of its pictures and masks, by these paths.
        folder: The folder.
        weights: The copies of its files of weights, by the paths of the driver.

    Returns:
        The job, with the paths of the copies.

    """
    names = dict(weights or {})
    for number, (path, data) in enumerate(received.items()):
        target = folder / str(number) / Path(path).name
        files.make_folder(target.parent)
        target.write_bytes(data)
        names[path] = str(target)
    output = None if job.output is None else folder / job.output.name
    return job.with_files(names).replace(output=output, checkpoint=None, preview=None, plot=None, save_every=0)
