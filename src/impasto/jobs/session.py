"""A session carries a job out: it yields events, obeys requests, and saves the picture however the job ends.

    session = Session(job)
    for event in session:
        print(event.as_dict())

A session starts no thread. Requests (`cancel`, `pause`, `resume`) may come from any thread or from a signal handler;
the session obeys them after the current evaluation.
"""

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

from impasto import losses
from impasto.errors import ImpastoError, InputError, RunError, WriteError
from impasto.images import Picture
from impasto.jobs import outputs, sources
from impasto.jobs.durations import clock
from impasto.jobs.events import Ended, Evaluated, Event, Paused, Planned, PreviewReady, Remarked, Resumed, Saved
from impasto.jobs.job import Job
from impasto.machine.processes import ALONE
from impasto.network import weights
from impasto.network.weights import Weights
from impasto.transfer.progress import Result
from impasto.transfer.run import Run
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Session"]


class Session:
    """Carries a job out; iterate over its events.

    Args:
        job: The job.
        load: A function that returns the weights of a name that `Settings.weights` accepts. Several sessions may share
            one that caches the weights.
        forecasts: Whether `Planned` predicts the time of the run, which costs a few evaluations of a small square.
        preview_seconds: The least seconds from one `PreviewReady` to the next; infinite for no `PreviewReady`.

    Raises:
        InputError: a file of the job could not be written, or would replace a file that the job reads.

    """

    def __init__(
        self,
        job: Job,
        *,
        load: Callable[[str], Weights] | None = None,
        forecasts: bool = False,
        preview_seconds: float = math.inf,
    ) -> None:
        self.job = outputs.prepared(job)
        outputs.check_formats(self.job)
        self.run: Run | None = None
        """The current run, once it is planned."""
        self._load = load or weights.load_weights
        self._group = ALONE
        self._forecasts = forecasts
        self._preview_seconds = preview_seconds
        self._is_cancelled = threading.Event()
        self._may_continue = threading.Event()
        self._may_continue.set()
        self._events = self._carry_out()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def cancel(self) -> None:
        """End the job early: the picture so far and a checkpoint are saved, and the last event is `Ended`."""
        self._is_cancelled.set()
        self._may_continue.set()

    def pause(self) -> None:
        """Make the session save a checkpoint, yield `Paused` and wait for `resume` or `cancel`."""
        self._may_continue.clear()

    def resume(self) -> None:
        """Let a paused session continue."""
        self._may_continue.set()

    def close(self) -> None:
        """End the session: the picture so far and a checkpoint are saved, and no more events come."""
        self._events.close()

    def preview(self) -> Picture:
        """Return the picture so far; call it between two events, from the thread that iterates.

        Raises:
            InputError: nothing has been planned yet.

        """
        return self._started_run().preview()

    def result(self) -> Result:
        """Return the picture so far, with the history of its losses and the reason why the run stopped.

        Raises:
            InputError: nothing has been planned yet.

        """
        return self._started_run().result()

    def _started_run(self) -> Run:
        if self.run is None:
            raise InputError("the job has not started; iterate over its session first.")
        return self.run

    def _carry_out(self) -> Generator[Event, None, None]:
        job = self.job
        opened = sources.open_job(job)
        yield from map(Remarked, opened.remarks)
        settings, inputs = opened.settings, opened.inputs
        extra = [losses.load(path) for path in job.losses]
        transfer = StyleTransfer(settings, job.runtime, weights=self._load(settings.weights), extra_losses=extra)
        self._group = transfer.machine.group
        run = self.run = transfer.start(
            inputs.content,
            inputs.styles,
            initial=inputs.initial,
            keep=inputs.keep,
            focus=inputs.focus,
            checkpoint=job.checkpoint,
        )
        outputs.check_frames(job, run.plan.evaluations)
        if run.resumed and job.checkpoint is not None:
            yield Resumed(run.resumed, job.checkpoint)
        yield Planned(run.plan, run.forecast() if self._forecasts else None)
        yield from self._paint(run)

    def _paint(self, run: Run) -> Iterator[Event]:
        """Paint to the end, and save the picture or the picture so far however painting ends."""
        try:
            yield from self._evaluate(run)
        except RunError as error:  # another process was lost, or there was too little memory
            self._save(run)
            raise RunError(f"{error} {self._where()}".rstrip()) from error
        except BaseException:  # the caller failed or stopped iterating, or did not catch Ctrl-C
            if run.history and self._group.size == 1 and not self._is_cancelled.is_set():
                with suppress(ImpastoError):
                    self._save_early(run)
            raise
        if run.stopped == "unfinished":
            yield Ended("unfinished", self._save_early(run))
            return
        yield from self._save(run)
        run.delete_checkpoint()
        yield Ended(run.stopped, self._outcome(run))

    def _evaluate(self, run: Run) -> Iterator[Event]:
        """Yield the events of each evaluation until the run is done, or until one of its processes is cancelled."""
        job = self.job
        run.report_at = job.save_every
        reported, previewed = len(run.history), time.monotonic()
        for _ in run:
            for progress in run.history[reported:]:
                yield Evaluated(progress)
            reported = len(run.history)
            if job.save_every and reported % job.save_every == 0 and self._writes:
                yield self._save_frame(run)
            if time.monotonic() - previewed >= self._preview_seconds:
                previewed = time.monotonic()
                yield PreviewReady(reported)
            if not self._may_continue.is_set():
                run.save_checkpoint()
                yield Paused(reported)
                self._may_continue.wait()
            if run.agree(wanted=self._is_cancelled.is_set()):
                return

    @property
    def _writes(self) -> bool:
        """Whether this process is the one that writes files."""
        return self._group.rank == 0 and self.job.output is not None

    def _save_frame(self, run: Run) -> Saved:
        path = outputs.frame(self._output(), len(run.history))
        run.save(path, overwrite=self.job.overwrite)
        return Saved(path, "picture so far")

    def _save(self, run: Run) -> list[Event]:
        """Save the picture and the plot; if that fails, save at least a checkpoint."""
        if not self._writes:
            return []
        job, output = self.job, self._output()
        try:
            run.save(output, overwrite=job.overwrite)
        except (InputError, WriteError) as error:  # the disk is full, the folder gone, another file in its place
            raise WriteError(f"{error} {self._rescue(run)}") from error
        events: list[Event] = [Saved(output, "picture")]
        if job.plot is not None and run.history:
            from impasto.reports.charts import plot_losses  # noqa: PLC0415 (half a second, only for plots)

            plot_losses(run.history, job.plot, overwrite=job.overwrite)
            events.append(Saved(job.plot, "plot"))
        return events

    def _save_early(self, run: Run) -> str:
        """Save the picture so far and a checkpoint; return a sentence about both."""
        try:
            run.save_checkpoint()
            later = f"start the same command again to continue from {self.job.checkpoint}"
        except ImpastoError as error:
            later = str(error).removesuffix(".")
        self._save(run)
        count = len(run.history)
        if self.job.output is None:
            return f"Interrupted after {count} evaluations."
        return f"Interrupted after {count} evaluations; the picture so far is in {self.job.output}; {later}."

    def _rescue(self, run: Run) -> str:
        """Save a checkpoint, or name the last one if there are several processes; return a sentence about it."""
        try:
            if self._group.size > 1:
                return f"The last checkpoint is {self.job.checkpoint}."
            run.save_checkpoint()
        except ImpastoError as error:
            return str(error)
        return f"A checkpoint is in {self.job.checkpoint}; correct this and start the same command again."

    def _where(self) -> str:
        return "" if self.job.output is None else f"The picture so far is in {self.job.output}."

    def _output(self) -> Path:
        if self.job.output is None:
            raise InputError("the job names no output.")
        return self.job.output

    def _outcome(self, run: Run) -> str:
        """Describe the result of a run in one line."""
        size, count = run.plan.stages[-1].size, len(run.history)
        if run.stopped == "diverged":
            return (
                f"the loss was not finite, or far too large, after {count} evaluations; the best picture so far is in "
                f"{self.job.output or 'memory'}; try --dtype float32 or smaller weights."
            )
        if not run.history:
            return f"{size}, no evaluations"
        last = run.history[-1]
        loss = min(progress.loss for progress in run.history if progress.stage == last.stage)
        return f"{size}, loss {loss:.4g}, {count} evaluations in {clock(last.seconds)} ({run.stopped})"
