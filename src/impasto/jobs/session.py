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
from impasto.jobs.saving import Saving, encode
from impasto.jobs.sources import OpenedJob
from impasto.machine.processes import ALONE
from impasto.planning.plan import Plan
from impasto.transfer.checkpoint import read_note, set_aside
from impasto.transfer.progress import Progress
from impasto.transfer.result import Result
from impasto.transfer.run import Run
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Session"]

MIN_ANNOUNCED_SECONDS = 120.0
"""Seconds of a run from which on its time and memory are announced."""

MIN_FORECAST_WORK = 2e7
"""Pixels that a run evaluates, of all evaluations together, from which on its time is predicted: a little more than a
picture of 512 pixels at the defaults takes."""

MIN_ANNOUNCED_CHECKPOINT_BYTES = 1e9
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
        original: The job that the metadata of the picture name, if the files of `job` are copies of its files.
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
        original: Job | None = None,
        painted: Path | None = None,
        began: float | None = None,
    ) -> None:
        if not isinstance(cast("object", job), Job):
            raise InputError(f"a session cannot carry out {job!r:.80}; give a Job.")
        self.job = outputs.prepare(job)
        outputs.check_formats(self.job)
        self.run: Run | None = None
        """The current run, once it is planned."""
        self._resources = resources or Resources()
        self._group = ALONE
        self._forecasts = forecasts
        self._preview_seconds = preview_seconds
        self._original = original
        self._began = began
        self._earlier_picture = painted
        self._earlier_evaluations = 0
        """Evaluations of the picture that the run continues from."""
        self._hashes: dict[Path, str] = {}
        """The hashes of the files when they were opened, by path; later they may be changed or gone."""
        self._requested_jobs: SimpleQueue[Job] = SimpleQueue()
        self._change_count = 0
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
        self._requested_jobs.put(job)

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
        return self._planned_run().preview()

    def result(self) -> Result:
        """Return the picture so far, with the history of its losses and the reason why the run stopped.

        Raises:
            InputError: nothing has been planned yet.

        """
        return self._planned_run().result()

    def _planned_run(self) -> Run:
        """Return the run, or refuse to if there is none yet."""
        if self.run is None:
            raise InputError("the job has not started; iterate over its session first.")
        return self.run

    def _carry_out(self) -> Generator[Event, None, None]:
        """Start the run, or continue it from its checkpoint, and paint it to its end."""
        job = self.job
        self._began = time.perf_counter() if self._began is None else self._began
        self._change_count, self._earlier_evaluations = self._earlier_counts()
        reason = "another process cannot continue from its checkpoint"
        try:
            opened_run = self._start()
        except OtherRunError as error:
            opened_run, reason = None, str(error).partition("; ")[0]
        if self._group.any(flag=opened_run is None) and job.checkpoint is not None:
            opened_run = None  # the run of this process, too, if another process has none
            backup = set_aside(job.checkpoint, self._group)
            yield Remarked(f"{reason}; this is a new run, and that checkpoint is now {backup}.")
            self._change_count = self._earlier_evaluations = 0
        opened, run = opened_run or self._start()
        self.run = run
        yield from map(Remarked, opened.remarks)
        outputs.check_frames(job, run.plan.evaluations)
        if run.resumed and job.checkpoint is not None:
            yield Resumed(run.resumed, job.checkpoint)
        yield from self._announce(run, opened)
        yield from self._paint(run)

    def _start(self) -> tuple[OpenedJob, Run]:
        """Open the files of the job and start its run, or continue it unless the checkpoint is that of another run."""
        job = self.job.current(self._change_count)
        opened = self._open(job)
        inputs, settings = opened.inputs, opened.settings
        extra = [losses.load(path) for path in job.losses]
        weights, cache = self._resources.weights(settings.weights), self._resources.cache
        transfer = StyleTransfer(settings, job.runtime, weights=weights, extra_losses=extra, cache=cache)
        self._group = transfer.machine.group
        pictures = {"initial": inputs.initial, "keep": inputs.keep, "focus": inputs.focus}
        run = transfer.start(
            inputs.content, inputs.styles, **pictures, checkpoint=job.checkpoint, note=self._note(), began=self._began
        )
        if self._earlier_picture is not None and not run.resumed:
            run.change(initial=sources.open_picture(self._earlier_picture, allow_large=job.allow_large))
        return opened, run

    def _open(self, job: Job) -> OpenedJob:
        """Open the sources of a job."""
        return sources.open_job(job, self._resources.open, self._resources.find_focus)

    def _announce(self, run: Run, opened: OpenedJob) -> Iterator[Event]:
        """Say what is painted, on how much paper, and how long it takes if that is long."""
        seconds = self.job.runtime.seconds
        size = f"in {seconds:g} seconds, up to {run.asked_size}" if seconds else str(run.asked_size)
        yield Announced(f"Painting {self.job.current(self._change_count).description}, {size} pixels.")
        yield from map(Announced, opened.announcements)
        forecasts = run.plan.work > MIN_FORECAST_WORK and not seconds if self._forecasts is None else self._forecasts
        forecast = run.forecast() if forecasts else seconds or None
        planned = Planned(run.plan, forecast)
        if planned.seconds is not None and planned.seconds > MIN_ANNOUNCED_SECONDS:
            yield Announced(self._cost_sentence(planned.plan, planned.seconds))
        yield planned

    def _make_changes(self, run: Run) -> Iterator[Event]:
        """Make the changes that are due by the job, and the changes asked for since the last evaluation."""
        count = self._earlier_evaluations + len(run.history)
        while len(self.job.changes) > self._change_count and self.job.changes[self._change_count].after <= count:
            yield from self._make_change(run, self.job)
        while not self._requested_jobs.empty():
            try:
                yield from self._make_change(run, self.job.changed(count, self._requested_jobs.get()))
            except InputError as error:
                yield Remarked(f"the change was refused: {error}")
        later = self.job.changes[self._change_count :]
        run.report_after = later[0].after - self._earlier_evaluations if later else 0

    def _make_change(self, run: Run, job: Job) -> Iterator[Event]:
        """Continue a run with the next change of a job, which becomes that of the session."""
        job = job.with_painted_settings(self._change_count, run.painted_settings)
        opened = self._open(job.current(self._change_count + 1))
        inputs = opened.inputs
        masks = {name: getattr(inputs, name) or False for name in ("keep", "focus")}
        file_suffix = job.changes[self._change_count].through
        initial = Picture.of(encode(run.preview(), file_suffix)) if file_suffix else None
        run.change(settings=opened.settings, content=inputs.content, styles=inputs.styles, initial=initial, **masks)
        self.job, self._change_count = job, self._change_count + 1
        run.note = self._note()
        yield Changed(len(run.history))
        yield from map(Remarked, opened.remarks)
        yield Planned(run.plan, None)

    def _earlier_counts(self) -> tuple[int, int]:
        """Return how many changes of the job were made before the run starts, and after how many evaluations."""
        job = self.job
        note: Mapping[str, Any] = {}
        if job.changes and job.checkpoint is not None and files.exists(job.checkpoint):
            with suppress(CheckpointError):
                note = read_note(job.checkpoint) or {}
            return int(note.get(CHANGES_MADE, 0)), int(note.get(EVALUATIONS_BEFORE, 0))
        return (0, 0) if self._earlier_picture is None else (len(job.changes), job.changes[-1].after)

    def _note(self) -> dict[str, Any]:
        """Return what checkpoints and the picture's metadata say of the job, and how many of its changes were made."""
        counts = {CHANGES_MADE: self._change_count, EVALUATIONS_BEFORE: self._earlier_evaluations}
        fields: dict[str, Any] = {name: count for name, count in counts.items() if count}
        if self._original is not None and self.run is not None:
            weights = self._original.current(self._change_count).settings.weights
            fields["settings"] = {**self.run.painted_settings.model_dump(), "weights": weights}
        hashes = {
            FILES: file_hashes(self.job, self._original, self._hashes),
            FINGERPRINT: fingerprint(self.job, self._hashes),
        }
        return {**(self._original or self.job).note, **hashes, **fields}

    def _cost_sentence(self, plan: Plan, seconds: float) -> str:
        """Say how long a run takes, and how much memory and disk."""
        has_checkpoints = self.job.checkpoint and self.job.runtime.checkpoint_every
        disk = ""
        if has_checkpoints and plan.checkpoint_bytes > MIN_ANNOUNCED_CHECKPOINT_BYTES:
            disk = f", and checkpoints of up to {plan.checkpoint_bytes / 1e9:.1f} GB until it is done"
        return cost(seconds, plan.bytes, disk)

    def _paint(self, run: Run) -> Iterator[Event]:
        """Paint to the end, and save the picture or the picture so far however painting ends."""
        saving = Saving(self.job, run, self._group)
        try:
            yield from self._evaluate(run, saving)
        except RunError as error:  # another process was lost, or there was too little memory
            raise RunError(" ".join(filter(None, [str(error), saving.save_after_failure()]))) from error
        except BaseException:  # the caller failed or stopped iterating, or did not catch Ctrl-C
            if run.history and self._group.size == 1 and not self._is_cancelled.is_set():
                with suppress(ImpastoError):
                    saving.save_unfinished()
            raise
        if run.stopped == "unfinished":
            yield Ended("unfinished", saving.save_unfinished())
            return
        self.job = self.job.with_painted_settings(self._change_count, run.painted_settings)
        run.note = self._note()
        yield from saving.save_picture()
        run.delete_checkpoint()
        yield from map(Remarked, filter(None, [run.shortfall]))
        yield Ended(run.stopped, self._outcome(run))

    def _evaluate(self, run: Run, saving: Saving) -> Iterator[Event]:
        """Yield the events of each evaluation, and make the changes of the job, until all is done."""
        run.report_at = self.job.save_every
        yield from self._make_changes(run)
        yield from self._report(run, saving)
        while len(self.job.changes) > self._change_count and run.stopped != "unfinished":  # it ended before their time
            yield from self._make_change(run, self.job)
            yield from self._report(run, saving)

    def _report(self, run: Run, saving: Saving) -> Iterator[Event]:
        """Yield the events of each evaluation until the run ends, or until one of its processes is cancelled."""
        job = self.job
        count, next_ready = len(run.history), math.inf
        if self._preview_seconds < math.inf:
            yield PreviewReady(count)
            next_ready = 0.0  # after the first evaluation, too
        for _ in run:
            if job.runtime.seconds:
                self._time_finishing(run, run.history[count], saving.suffix)
            for progress in run.history[count:]:
                yield Evaluated(progress)
            count = len(run.history)
            yield from saving.save_frame()
            yield from saving.save_preview()
            if time.monotonic() >= next_ready:
                next_ready = time.monotonic() + self._preview_seconds
                yield PreviewReady(count)
            if not self._may_continue.is_set():
                run.save_checkpoint()
                paused = time.monotonic()
                yield Paused(count)
                self._may_continue.wait()
                run.wait(time.monotonic() - paused)
            if run.agree(wanted=self._is_cancelled.is_set()):
                return
            yield from self._make_changes(run)

    @staticmethod
    def _time_finishing(run: Run, progress: Progress, suffix: str | None) -> None:
        """Tell a run with a budget of time, as a stage before the last begins, how long finishing a picture takes."""
        if progress.evaluation > 1 or (run.stage == len(run.plan.stages) and progress.stage > 1):
            return
        began = time.perf_counter()
        picture = run.preview()
        if suffix is not None:
            encode(picture, suffix)
        run.finishes_in(time.perf_counter() - began)

    def _outcome(self, run: Run) -> str:
        """Describe the result of a run in one line."""
        size, evaluations = run.plan.stages[-1].size, amount(len(run.history), "evaluation")
        if run.stopped == "diverged":
            return (
                f"the loss was not finite, or far too large, after {evaluations}; the best picture so far is in "
                f"{self.job.output or 'memory'}; try --dtype float32 or smaller weights."
            )
        if not run.history:
            return f"{size}, no evaluations"
        progress = run.history[-1]
        return f"{size}, loss {run.loss:.4g}, {evaluations} in {clock(progress.seconds)} ({run.stopped})"
