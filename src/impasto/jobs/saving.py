"""The files of a run: previews and pictures so far while it paints, and the picture or what is left when it ends."""

import io
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import cast

from impasto import files
from impasto.errors import ImpastoError, InputError, WriteError
from impasto.images import Picture
from impasto.jobs import outputs
from impasto.jobs.amounts import amount
from impasto.jobs.events import Event, Remarked, Saved
from impasto.jobs.job import Job
from impasto.machine.interruption import deferred_signals
from impasto.machine.processes import Group
from impasto.transfer.run import Run

__all__ = ["Saving", "encode"]

PREVIEW_SECONDS = 2.0
"""The least seconds from one preview file to the next."""

PREVIEW_TIME_FRACTION = 0.05
"""The most of a run's time that preview files take."""


def encode(picture: Picture, suffix: str) -> bytes:
    """Return the bytes of the file of a picture.

    Args:
        picture: The picture.
        suffix: The suffix of its format, such as `.png`.

    Returns:
        The bytes.

    """
    file = io.BytesIO()
    picture.save(file, format=suffix)
    return file.getvalue()


class Saving:
    """Writes the files that a job names, from the pictures of its run; without an output it writes none.

    Args:
        job: The job.
        run: The run that paints it.
        group: The processes of the run, of which the first writes files.

    """

    def __init__(self, job: Job, run: Run, group: Group) -> None:
        self._job = job
        self._run = run
        self._group = group
        self._output = job.output if group.rank == 0 else None
        """The picture's file; None in a process that writes none."""
        self._next_preview = 0.0

    @property
    def suffix(self) -> str | None:
        """The suffix of the picture's file; None in a process that writes no files."""
        return None if self._output is None else self._output.suffix

    def save_frame(self) -> Iterator[Event]:
        """Save the picture so far, if it is due by the number of evaluations.

        Raises:
            WriteError: it could not be saved.

        """
        job, count = self._job, len(self._run.history)
        if self._output is not None and job.save_every and count % job.save_every == 0:
            path = outputs.frame(self._output, count)
            try:
                self._run.save(path, overwrite=job.overwrite)
            except InputError as error:  # its path was checked before the run began
                raise WriteError(str(error)) from error
            yield Saved(path, "picture so far")

    def save_preview(self) -> Iterator[Event]:
        """Save the picture so far where the job wants a preview, if it is time; a failure ends only the previews."""
        path, now = self._job.preview, time.monotonic()
        if path is None or self._output is None or now < self._next_preview:
            return
        try:
            self._run.save(path, overwrite=True)
        except ImpastoError as error:
            self._next_preview = math.inf
            yield Remarked(f"there are no more previews: {error}")
            return
        cost = time.monotonic() - now
        self._next_preview = now + max(PREVIEW_SECONDS, cost / PREVIEW_TIME_FRACTION)

    def save_picture(self) -> list[Event]:
        """Save the picture and the plot; if that fails, save a checkpoint, or else the picture in a temporary folder.

        Raises:
            WriteError: the picture could not be saved at the output, or the plot; the sentence says what was saved.

        """
        job, run, output = self._job, self._run, self._output
        if output is None:
            return []
        with deferred_signals():  # until there is a picture or a checkpoint
            try:
                run.save(output, overwrite=job.overwrite)
            except (InputError, WriteError) as error:  # the disk is full, the folder gone, another file in its place
                raise WriteError(f"{error} {self._save_instead()}") from error
        events: list[Event] = [Saved(output, "picture")]
        if self._next_preview < math.inf:
            self._next_preview = 0.0  # the preview shows the end, too
            events.extend(self.save_preview())
        if job.plot is not None and run.history:
            from impasto.transfer.loss_chart import plot_losses  # noqa: PLC0415 (half a second, only for plots)

            try:
                plot_losses(run.history, job.plot, overwrite=job.overwrite)
            except (InputError, WriteError) as error:
                raise WriteError(f"{error} The picture is in {output}.") from error
            events.append(Saved(job.plot, "plot"))
        return events

    def save_unfinished(self) -> str:
        """Save the picture so far and a checkpoint; return a sentence about both.

        Raises:
            WriteError: the picture could not be saved.

        """
        run, output = self._run, self._job.output
        try:
            with deferred_signals():
                run.save_checkpoint()
            advice = f"start the same command again to continue from {self._job.checkpoint}"
        except ImpastoError as error:
            advice = str(error).removesuffix(".")
        self.save_picture()
        evaluations = amount(len(run.history), "evaluation")
        if output is None:
            return f"Interrupted after {evaluations}."
        stage, stages = run.stage, len(run.plan.stages)
        size = f"{run.plan.stages[stage - 1].size}, stage {stage} of {stages}"
        return f"Interrupted after {evaluations}; the picture so far ({size}) is {output}; {advice}."

    def save_after_failure(self) -> str:
        """Save the picture so far of a run that failed; return a sentence about it, empty if there is no output."""
        try:
            self.save_picture()
        except WriteError as error:
            return f"The picture so far could not be saved: {error}"
        return f"The picture so far is in {self._job.output}." if self._job.output else ""

    def _save_instead(self) -> str:
        """Save a checkpoint, or else the picture in a temporary folder; return a sentence about what was saved."""
        checkpoint = self._job.checkpoint
        with suppress(ImpastoError):
            if self._group.size == 1:
                self._run.save_checkpoint()
                return f"A checkpoint is in {checkpoint}; correct this and start the same command again."
            if checkpoint is not None and files.exists(checkpoint):  # all processes together would save another
                return f"The last checkpoint is {checkpoint}."
        try:
            return f"The picture is in {self._save_in_temporary_folder()}."
        except (ImpastoError, OSError) as error:
            return f"Nothing could be saved instead: {error}"

    def _save_in_temporary_folder(self) -> Path:
        """Save the picture in a new folder among the system's temporary ones, and return its path."""
        folder = Path(mkdtemp(prefix="impasto-"))
        path = folder / cast("Path", self._output).name
        try:
            self._run.save(path)
        finally:
            if not path.exists():
                folder.rmdir()
        return path
