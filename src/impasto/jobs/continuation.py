"""What a job continues from: the checkpoint of a run that ended early, or a picture that was painted to its end.

It reads what impasto wrote in either, and paints nothing.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast

from impasto import files
from impasto.errors import InputError
from impasto.images import read_note
from impasto.jobs import outputs
from impasto.jobs.fingerprint import FILES, replaced_file
from impasto.jobs.job import Job
from impasto.settings import Settings
from impasto.transfer.checkpoint import saved_run

__all__ = ["CHANGES_MADE", "EVALUATIONS_BEFORE", "Continuation", "find_continuation"]

CHANGES_MADE = "changes made"
"""The name in a note of the number of changes of the job that the run had made."""

EVALUATIONS_BEFORE = "evaluations before"
"""The name in a note of the number of evaluations of the picture that the run went on from."""


class Continuation(NamedTuple):
    """What a job continues from."""

    job: Job
    """What was painted so far, with its changes; `Job.current` is what was painted last."""
    evaluations: int
    """The number of evaluations so far."""
    picture: Path | None
    """The finished picture; None: the checkpoint."""

    def changed(self, job: Job) -> Job:
        """Return the job that paints on.

        Args:
            job: What is painted from now on, and the files that it writes.

        Returns:
            What was painted so far, and `job` as a change after it; no change, if the checkpoint is that of a run that
            paints the same.

        Raises:
            InputError: the plot or the preview could not be written, or a picture so far would replace a file that
                impasto did not paint.

        """
        outputs.check_plot_and_preview(job, continues=True)
        fields = {name: getattr(job, name) for name in ("runtime", "output", *_OUTPUT_FIELDS)}
        is_replaceable = None if self.picture is None else True  # `find_continuation` has read its metadata
        earlier_job = outputs.with_replaceable_files(
            self.job.replace(**fields, overwrite=job.overwrite), is_replaceable=is_replaceable
        )
        if self.picture is None and earlier_job.current().changeable == job.changeable:
            return earlier_job
        return earlier_job.changed(self.evaluations, job, through="" if self.picture is None else self.picture.suffix)


_OUTPUT_FIELDS = ("save_every", "preview", "plot", "checkpoint", "allow_large")
"""The fields of a job that say which files it writes and reads, besides its output."""


def find_continuation(output: Path, checkpoint: str | Path | None = None) -> Continuation:
    """Return what there is to continue from: the checkpoint, or else the picture.

    Args:
        output: The picture.
        checkpoint: The file of the checkpoint; None: the one in the folder of the picture.

    Returns:
        What was painted so far, and where it is.

    Raises:
        InputError: there is neither of them, it does not say how it was painted, or there is another file of the name
            of one that it was painted from.

    """
    path = Path(checkpoint) if checkpoint else files.sibling(output, ".checkpoint")
    if files.exists(path):
        settings, note, count = saved_run(path)
        return Continuation(_job(note, settings, path, output), count + int(note.get(EVALUATIONS_BEFORE, 0)), None)
    if not files.exists(output):
        raise InputError(f"there is nothing to continue: neither {output} nor {path} is there; leave out --continue.")
    note: Mapping[str, Any] = {}
    with suppress(ValueError):
        note = cast("Mapping[str, Any]", json.loads(read_note(output) or "{}"))
    count = int(note.get("evaluations", 0)) + int(note.get(EVALUATIONS_BEFORE, 0))
    return Continuation(_job(note, note.get("settings"), output, output), count, output)


def _job(note: Mapping[str, Any], settings: object, path: Path, output: Path) -> Job:
    """Return the job of a note, without the changes that were not made yet."""
    fields = note.get("job")
    if not isinstance(fields, dict) or not isinstance(settings, dict):
        raise InputError(f"{path} does not say what it was painted from, so it cannot be continued; paint it again.")
    job = Job(**cast("dict[str, Any]", fields))
    job = job.replace(changes=job.changes[: int(note.get(CHANGES_MADE, 0))])
    if not job.changes:
        job = job.replace(settings=Settings(**cast("dict[str, Any]", settings)))
    file = replaced_file(job, note.get(FILES))
    if file is not None:
        raise InputError(
            f"{path} was painted from another file {file} than the one that is here; put that there again, go to the "
            f"folder in which it was painted, or start from the picture as it is: --init {output} without --continue."
        )
    return job
