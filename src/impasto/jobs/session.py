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
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

from impasto import files, losses
from impasto.errors import CheckpointError, ImpastoError, InputError, OtherRunError, RunError
from impasto.images import Picture
from impasto.jobs import outputs, sources
from impasto.jobs.amounts import amount, clock, cost
from impasto.jobs.continuation import CHANGES_MADE, EVALUATIONS_BEFORE
from impasto.jobs.events import (
    Announced,
    Changed,
    Ended,
    Evaluated,
    Event,
    Paused,
    Planned,
    PreviewReady,
    Remarked,
    Resumed,
)
from impasto.jobs.fingerprint import FILES, FINGERPRINT, file_hashes, fingerprint
from impasto.jobs.job import Job
from impasto.jobs.resources import Resources
from impasto.jobs.saving import Saving, encoded
from impasto.jobs.sources import Opened
from impasto.machine.processes import ALONE
from impasto.planning.plan import Plan
from impasto.transfer.checkpoint import read_note, set_aside
from impasto.transfer.progress import Progress
from impasto.transfer.result import Result
from impasto.transfer.run import Run
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Session"]

LONG_SECONDS = 120.0
"""Seconds of a run from which on its time and memory are announced."""

LONG_WORK = 2e7
"""Pixels that a run evaluates, of all evaluations together, from which on its time is predicted: a little more than a
picture of 512 pixels at the defaults takes."""

LARGE_CHECKPOINT_BYTES = 1e9
"""Bytes of a checkpoint from which on they are announced."""


class Session:
    """Carries a job out; iterate over its events.

    Args:
        job: The job.
        resources: What the session shares with others: weights, networks, targets and opened pictures.
        forecasts: Whether `Planned` predicts the time of the run, which costs a few evaluations of a small square. None
            means only where the run is long.
        preview_seconds: The least seconds from one `PreviewReady` to the next, of which there is one before the first
            evaluation and one after it; infinite for no `PreviewReady`.
        noted: The job that the metadata of the picture name, if the files of `job` are copies of its files.
        painted: The picture that the job has painted before its last change, from which the run continues if there is
            no checkpoint; None: the run begins at the beginning.
        began: The `time.perf_counter()` from which `Runtime.seconds` count; None: when the first event is asked for.

    Raises:
        InputError: a file of the job could not be written, or would replace a file that the job reads.

    """

    def __init__(
        self,
        job: Job,
        *,
        resources: Resources | None = None,
        forecasts: bool | None = False,
        preview_seconds: float = math.inf,
        noted: Job | None = None,
        painted: Path | None = None,
        began: float | None = None,
    ) -> None:
        if not isinstance(cast("object", job), Job):
            raise InputError(f"a session cannot carry out {job!r:.80}; give a Job.")
        self.job = outputs.prepared(job)
        outputs.check_formats(self.job)
        self.run: Run | None = None
        """The current run, once it is planned."""
        self._resources = resources or Resources()
        self._group = ALONE
        self._forecasts = forecasts
        self._preview_seconds = preview_seconds
        self._noted = noted
        self._began = began
        self._painted = painted
        self._before = 0
        """Evaluations of the picture that the run continues from."""
        self._hashes: dict[Path, str] = {}
        """The hashes of the files when they were opened, by path; later they may be changed or gone."""
        self._next_preview = 0.0
        self._wanted: SimpleQueue[Job] = SimpleQueue()
        self._made = 0
        """How many changes of the job the run has made."""
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

    def change(self, job: Job) -> None:
        """Continue with other pictures, masks and settings after the current evaluation, from the picture so far.

        The session yields `Changed` and then `Planned`, or, if the job cannot be painted, `Remarked` with the reason.
        `Session.job` then lists the change, so that the same job paints the same picture again.

        Args:
            job: What is painted from then on; of its fields only those in `CHANGEABLE` count.

        """
        self._wanted.put(job)

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
        self._began = time.perf_counter() if self._began is None else self._began
        self._made, self._before = self._made_before(job)
        why = "another process cannot continue from its checkpoint"
        try:
            started = self._start()
        except OtherRunError as error:
            started, why = None, str(error).partition("; ")[0]
        if self._group.any(flag=started is None) and job.checkpoint is not None:
            started = None  # the run of this process, too, if another process has none
            aside = set_aside(job.checkpoint, self._group)
            yield Remarked(f"{why}; this is a new run, and that checkpoint is now {aside}.")
            self._made = self._before = 0
        opened, run = started or self._start()
        self.run = run
        yield from map(Remarked, opened.remarks)
        outputs.check_frames(job, run.plan.evaluations)
        if run.resumed and job.checkpoint is not None:
            yield Resumed(run.resumed, job.checkpoint)
        yield from self._announced(run, opened)
        yield from self._paint(run)

    def _start(self) -> tuple[Opened, Run]:
        """Open the files of the job and start its run, or continue it from its checkpoint.

        Raises:
            InputError: a file cannot be used; an `OtherRunError`, if the checkpoint is that of another run.

        """
        job = self.job.current(self._made)
        opened = sources.open_job(job, self._resources.open)
        inputs, settings = opened.inputs, opened.settings
        extra = [losses.load(path) for path in job.losses]
        loaded, cache = self._resources.weights(settings.weights), self._resources.cache
        transfer = StyleTransfer(settings, job.runtime, weights=loaded, extra_losses=extra, cache=cache)
        self._group = transfer.machine.group
        pictures = {"initial": inputs.initial, "keep": inputs.keep, "focus": inputs.focus}
        note = self._note(self.job, self._made)
        run = transfer.start(
            inputs.content, inputs.styles, **pictures, checkpoint=job.checkpoint, note=note, began=self._began
        )
        if self._painted is not None and not run.resumed:
            run.change(initial=sources.open_picture(self._painted, allow_large=job.allow_large))
        return opened, run

    def _announced(self, run: Run, opened: Opened) -> Iterator[Event]:
        """Say what is painted, on how much paper, and how long it takes if that is long."""
        seconds = self.job.runtime.seconds
        size = f"in {seconds:g} seconds, up to {run.asked_size}" if seconds else str(run.asked_size)
        yield Announced(f"Painting {self.job.current(self._made).description}, {size} pixels.")
        yield from map(Announced, opened.announcements)
        forecasts = run.plan.work > LONG_WORK and not seconds if self._forecasts is None else self._forecasts
        predicted = run.forecast() if forecasts else seconds or None
        planned = Planned(run.plan, predicted)
        if planned.seconds is not None and planned.seconds > LONG_SECONDS:
            yield Announced(self._cost(planned.plan, planned.seconds))
        yield planned

    def _changed(self, run: Run) -> Iterator[Event]:
        """Make the changes that are due by the job, and the changes asked for since the last evaluation."""
        count = self._before + len(run.history)
        while len(self.job.changes) > self._made and self.job.changes[self._made].after <= count:
            yield from self._change(run, self.job)
        while not self._wanted.empty():
            try:
                yield from self._change(run, self.job.changed(count, self._wanted.get()))
            except InputError as error:
                yield Remarked(f"the change was refused: {error}")
        later = self.job.changes[self._made :]
        run.report_after = later[0].after - self._before if later else 0

    def _change(self, run: Run, job: Job) -> Iterator[Event]:
        """Continue a run with the next change of a job, which becomes that of the session."""
        job = job.painted(self._made, run.painted)
        opened = sources.open_job(job.current(self._made + 1), self._resources.open)
        inputs = opened.inputs
        masks = {name: getattr(inputs, name) or False for name in ("keep", "focus")}
        through = job.changes[self._made].through
        initial = Picture.of(encoded(run.preview(), through)) if through else None
        run.change(settings=opened.settings, content=inputs.content, styles=inputs.styles, initial=initial, **masks)
        self.job, self._made = job, self._made + 1
        run.note = self._note(job, self._made)
        yield Changed(len(run.history))
        yield from map(Remarked, opened.remarks)
        yield Planned(run.plan, None)

    def _made_before(self, job: Job) -> tuple[int, int]:
        """Return how many changes of the job were made before the run starts, and after how many evaluations."""
        note: Mapping[str, Any] = {}
        if job.changes and job.checkpoint is not None and files.exists(job.checkpoint):
            with suppress(CheckpointError):
                note = read_note(job.checkpoint) or {}
            return int(note.get(CHANGES_MADE, 0)), int(note.get(EVALUATIONS_BEFORE, 0))
        return (0, 0) if self._painted is None else (len(job.changes), job.changes[-1].after)

    def _note(self, job: Job, made: int) -> dict[str, Any]:
        """Return what checkpoints and the picture's metadata say of the job, and how many of its changes were made."""
        counts = {CHANGES_MADE: made, EVALUATIONS_BEFORE: self._before}
        about: dict[str, Any] = {name: count for name, count in counts.items() if count}
        if self._noted is not None and self.run is not None:
            weights = self._noted.current(made).settings.weights
            about["settings"] = {**self.run.painted.model_dump(), "weights": weights}
        hashes = {FILES: file_hashes(job, self._noted, self._hashes), FINGERPRINT: fingerprint(job, self._hashes)}
        return {**(self._noted or job).note, **hashes, **about}

    def _cost(self, plan: Plan, seconds: float) -> str:
        """Say how long a run takes, and how much memory and disk."""
        disk = ""
        if self.job.checkpoint and self.job.runtime.checkpoint_every and plan.checkpoint_bytes > LARGE_CHECKPOINT_BYTES:
            disk = f", and checkpoints of up to {plan.checkpoint_bytes / 1e9:.1f} GB until it is done"
        return cost(seconds, plan.bytes, disk)

    def _paint(self, run: Run) -> Iterator[Event]:
        """Paint to the end, and save the picture or the picture so far however painting ends."""
        saving = Saving(self.job, run, self._group)
        try:
            yield from self._evaluate(run, saving)
        except RunError as error:  # another process was lost, or there was too little memory
            raise RunError(" ".join(filter(None, [str(error), saving.after_failure()]))) from error
        except BaseException:  # the caller failed or stopped iterating, or did not catch Ctrl-C
            if run.history and self._group.size == 1 and not self._is_cancelled.is_set():
                with suppress(ImpastoError):
                    saving.early()
            raise
        if run.stopped == "unfinished":
            yield Ended("unfinished", saving.early())
            return
        self.job = self.job.painted(self._made, run.painted)
        run.note = self._note(self.job, self._made)
        yield from saving.picture()
        run.delete_checkpoint()
        yield from map(Remarked, filter(None, [run.shortfall]))
        yield Ended(run.stopped, self._outcome(run))

    def _evaluate(self, run: Run, saving: Saving) -> Iterator[Event]:
        """Yield the events of each evaluation, and make the changes of the job, until all is done."""
        run.report_at = self.job.save_every
        yield from self._changed(run)
        yield from self._reports(run, saving)
        while len(self.job.changes) > self._made and run.stopped != "unfinished":  # it ended before their time
            yield from self._change(run, self.job)
            yield from self._reports(run, saving)

    def _reports(self, run: Run, saving: Saving) -> Iterator[Event]:
        """Yield the events of each evaluation until the run ends, or until one of its processes is cancelled."""
        job = self.job
        reported, next_ready = len(run.history), math.inf
        if self._preview_seconds < math.inf:
            yield PreviewReady(reported)
            next_ready = 0.0  # after the first evaluation, too
        for _ in run:
            if job.runtime.seconds:
                self._time_finishing(run, run.history[reported], saving.suffix)
            for progress in run.history[reported:]:
                yield Evaluated(progress)
            reported = len(run.history)
            yield from saving.frame()
            yield from saving.preview()
            if time.monotonic() >= next_ready:
                next_ready = time.monotonic() + self._preview_seconds
                yield PreviewReady(reported)
            if not self._may_continue.is_set():
                run.save_checkpoint()
                paused = time.monotonic()
                yield Paused(reported)
                self._may_continue.wait()
                run.wait(time.monotonic() - paused)
            if run.agree(wanted=self._is_cancelled.is_set()):
                return
            yield from self._changed(run)

    @staticmethod
    def _time_finishing(run: Run, progress: Progress, suffix: str | None) -> None:
        """Tell a run with a budget of time, as a stage before the last begins, how long finishing a picture takes."""
        if progress.evaluation > 1 or (run.stage == len(run.plan.stages) and progress.stage > 1):
            return
        began = time.perf_counter()
        picture = run.preview()
        if suffix is not None:
            encoded(picture, suffix)
        run.finishes_in(time.perf_counter() - began)

    def _outcome(self, run: Run) -> str:
        """Describe the result of a run in one line."""
        size, made = run.plan.stages[-1].size, amount(len(run.history), "evaluation")
        if run.stopped == "diverged":
            return (
                f"the loss was not finite, or far too large, after {made}; the best picture so far is in "
                f"{self.job.output or 'memory'}; try --dtype float32 or smaller weights."
            )
        if not run.history:
            return f"{size}, no evaluations"
        last = run.history[-1]
        return f"{size}, loss {run.loss:.4g}, {made} in {clock(last.seconds)} ({run.stopped})"
