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

__all__ = ["Courier", "refuse_weights", "renamed", "unpacked"]

MAX_FILES = 64
"""Files that stay in the store, beside those of jobs under way: so each painting is sent once."""

NAMED_WEIGHTS = ("codebook", "torchvision")
"""Weights that a machine has by itself, from the installed packages or a download."""


class Courier:
    """Sends the files of jobs, and writes the pictures that come back.

    Args:
        put: Puts bytes into a store, and returns a reference to them.

    """

    def __init__(self, put: Callable[[bytes], Any]) -> None:
        self._put = put
        self._sent: OrderedDict[tuple[str, int], Any] = OrderedDict()

    def collect(self, job: Job) -> tuple[dict[str, Any], Outcome | None]:
        """Put the files of a job into the store, unless its picture is painted already.

        Args:
            job: The job.

        Returns:
            References to the files by their paths; and what came of the job, if it need not or cannot be sent.

        """
        try:
            refuse_weights(job)
            if outputs.painted(job) in {"finished", "converged"}:
                return {}, Outcome(job, "skipped", "painted before from equal settings and inputs")
            return {str(path): self._reference(path) for path in job.all_inputs}, None
        except ImpastoError as error:
            return {}, Outcome(job, "failed", str(error))

    def deliver(self, outcome: Outcome, picture: bytes) -> Outcome:
        """Write the picture of a job that is done, and return what came of the job then."""
        job = outcome.job
        if job.output is None or not picture:
            return outcome
        try:
            overwrite = job.overwrite or outputs.painted(job) is not None
            files.make_folder(job.output.parent)
            with files.whole(job.output, overwrite=overwrite) as temporary:
                temporary.write_bytes(picture)
        except ImpastoError as error:
            return replace(outcome, state="failed", sentence=str(error))
        return outcome

    def _reference(self, path: Path) -> Any:
        """Return the reference to a file, which is put into the store where it is not there yet."""
        try:
            key = str(path), path.stat().st_mtime_ns
            if key not in self._sent:
                self._sent[key] = self._put(path.read_bytes())
        except (OSError, ValueError) as error:
            said = files.reason(error) if isinstance(error, OSError) else "it holds a zero byte"
            raise InputError(f"{path} cannot be read: {said}; give another file.") from error
        self._sent.move_to_end(key)
        while len(self._sent) > MAX_FILES:
            self._sent.popitem(last=False)
        return self._sent[key]


def refuse_weights(job: Job) -> None:
    """Refuse a job whose weights are a file, which does not travel: each machine has the named ones by itself.

    Raises:
        InputError: the weights are a file.

    """
    weights = job.settings.weights
    if weights not in NAMED_WEIGHTS:
        raise InputError(
            f"the weights {weights} do not travel with --send-files; take codebook or torchvision, or leave "
            "--send-files out where all machines see the file."
        )


def renamed(sentence: str, copy: Job, job: Job) -> str:
    """Return a sentence about a copy of a job, with the job's own paths."""
    for there, here in zip(copy.all_inputs, job.all_inputs, strict=True):
        sentence = sentence.replace(str(there), str(here))
    return sentence.replace(str(copy.output), str(job.output))


def unpacked(job: Job, received: Mapping[str, bytes], folder: Path) -> Job:
    """Write files that were sent into a folder, and return the job that reads them and paints there.

    Args:
        job: The job, with the paths of the driver.
        received: The bytes of its files, by these paths.
        folder: The folder.

    Returns:
        The job, with paths in the folder.

    """
    names: dict[str, str] = {}
    for number, (path, data) in enumerate(received.items()):
        target = folder / str(number) / Path(path).name
        files.make_folder(target.parent)
        target.write_bytes(data)
        names[path] = str(target)
    output = None if job.output is None else folder / job.output.name
    return job.with_files(names).replace(output=output, checkpoint=None, preview=None, plot=None, save_every=0)
