"""A run: from pictures and a plan to a painted picture, evaluation by evaluation, as an iterator."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from impasto.errors import ImpastoError, InputError, OutOfMemoryError, PictureError, is_out_of_memory, out_of_memory_as
from impasto.images import Picture
from impasto.machine import allocator
from impasto.objective.stored_targets import StoredTargets
from impasto.planning.needs import Needs
from impasto.planning.plan import Plan, Size, Stage
from impasto.settings import Settings
from impasto.settings.limits import PLATEAU_WINDOW
from impasto.settings.options import options_or_default
from impasto.transfer import verdict
from impasto.transfer.checkpoint import Checkpoint, CheckpointWriter
from impasto.transfer.descent import Descent
from impasto.transfer.forecast import forecast
from impasto.transfer.inputs import Inputs
from impasto.transfer.iteration import evaluations_at_once
from impasto.transfer.progress import Progress, Stopped
from impasto.transfer.result import Result
from impasto.transfer.run_state import RunState
from impasto.transfer.schedule import continued_plan, plan_in_time, start_schedule
from impasto.transfer.setup import Setup
from impasto.transfer.solver import Solver

__all__ = ["Run"]

SHORTAGE_FACTOR = 0.7
"""The factor by which a run reduces the memory that it plans with, after the system refused memory."""


class Run:
    """A run under way: iterate to paint, look at any time.

    Each iteration is a report of the last evaluation. On a processor there is one for each evaluation, on a GPU for
    several; `history` has them all.

    Args:
        setup: The pictures and settings, with their plan, network and machine.
        prepare: Return the setup of other pictures and settings.
        writer: The writer of checkpoints; None: none are saved.
        checkpoint: The checkpoint from which the run continues; None: it begins.
        note: The caller's values for the metadata of the picture, as JSON has them.
        began: The `time.perf_counter()` from which a budget of time counts; None: now.

    """

    def __init__(
        self,
        setup: Setup,
        *,
        prepare: Callable[[Inputs, Settings], Setup],
        writer: CheckpointWriter | None = None,
        checkpoint: Checkpoint | None = None,
        note: Mapping[str, Any] | None = None,
        began: float | None = None,
    ) -> None:
        self.stopped: Stopped = "unfinished"
        self._prepare = prepare
        self._targets = StoredTargets()
        elapsed = setup.machine.group.broadcast(0.0 if began is None else time.perf_counter() - began)
        if checkpoint is None:
            setup = setup._replace(plan=plan_in_time(setup.plan, setup.seconds - elapsed))
        solver, stages = Solver(setup, self._targets), setup.plan.stages
        state = solver.begin(stages[0]) if checkpoint is None else solver.resumed(checkpoint, stages)
        self._setup, self._descent = setup, Descent(solver, state)
        self._schedule = start_schedule(setup, setup.plan, state, elapsed)
        self.note = note or {}
        """The caller's values for checkpoints and the metadata of the picture, as JSON has them."""
        self._writer = writer
        self.resumed = len(self._state.history)
        """Evaluations that were done before, by the run that saved the checkpoint."""
        self.report_at = 0
        """Evaluations of which each multiple ends with a report, even where several come between two; 0: any."""
        self.report_after = 0
        """Number of evaluations after which there is a report, too; 0: any."""

    @property
    def settings(self) -> Settings:
        """The options of the picture; `change` gives the run others."""
        return self._setup.settings

    @property
    def plan(self) -> Plan:
        """The stages, each with its size and evaluations, and the memory that the run takes."""
        return self._schedule.plan

    @property
    def history(self) -> Sequence[Progress]:
        """The reports of all evaluations so far."""
        return self._state.history

    @property
    def loss(self) -> float:
        """The least loss of the current stage; infinite before its first evaluation."""
        return self._state.bests[-1]

    def __repr__(self) -> str:
        state, stage = self._state, self._stage
        if not state.history:
            return f"Run({self.plan.stages[-1].size}, none of {self.plan.evaluations} evaluations)"
        position = f"stage {state.stage + 1} of {len(self.plan.stages)}, {stage.size}, {len(state.history)} of "
        return f"Run({position}{self.plan.evaluations} evaluations, loss {state.history[-1].loss:.4g}, {self.stopped})"

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        """Evaluate until the next report.

        An exception in between, such as that of Ctrl-C, leaves a state from which the next call continues.

        Raises:
            OutOfMemoryError: the system refused memory, and no plan takes less.

        """
        with out_of_memory_as("continue with the run"), self._solver.machine.computing():
            while self.stopped == "unfinished":
                self._schedule.update(self._state)
                tolerances = self.settings.tolerance, self.settings.min_change
                outcome = verdict.outcome(self._state, self._stage.evaluations, *tolerances)
                if outcome is not None:
                    self._end_stage(outcome)
                elif (progress := self._evaluate()) is not None:
                    return progress
        raise StopIteration

    def change(
        self,
        *,
        settings: Settings | None = None,
        content: object = None,
        styles: object = None,
        keep: object = None,
        focus: object = None,
        initial: object = None,
        **changes: object,
    ) -> None:
        """Change what is painted in the middle of a run, or after its end, and continue from the picture so far.

        Painting continues at the first stage of the new plan that is at least as large as the picture so far, and with
        all evaluations of that stage. The curvature that L-BFGS measured stays in use if only weights and sizes change.
        A budget of time (`Runtime.seconds`) begins again.

        Args:
            settings: The new settings; those of the run, if not given.
            content: Another photograph, as `StyleTransfer.start` takes it; the same, if not given.
            styles: Other style images, as `StyleTransfer.start` takes them; the same, if not given.
            keep: Another mask of what stays as the content is; the same, if not given; `False` for none.
            focus: Another mask of where the content counts more; the same, if not given; `False` for none.
            initial: A picture to continue from in place of the picture so far, such as one that was changed by hand;
                whatever `Picture.of` takes. It is painted at its own size first, or at the last size if it is larger.
                `Settings.strength` still limits the distance from the picture that the run began with.
            changes: Options of `Settings` to change, such as `content_weight=1`.

        Raises:
            InputError: something cannot be used, and the run is as it was.
            OutOfMemoryError: the system refused the memory for it, and the run is as it was.

        """
        settings = self.settings if settings is None else options_or_default(Settings, settings, "settings")
        settings = settings.replace(**changes)
        inputs = self._setup.inputs.replaced(content=content, styles=styles, keep=keep, focus=focus)
        picture = None if initial is None else Picture.of(initial)
        self._descent.mend(self._stage)
        self._descent.release()
        with out_of_memory_as("change the run"):
            setup = self._prepare(inputs, settings)
            with setup.machine.computing():
                solver = Solver(setup, self._targets)
                best = self._state.best if picture is None else solver.scene.canvas_of(picture, setup.plan)
                plan = continued_plan(setup.plan, Size(best.shape[2], best.shape[1]))
                with_curvature = picture is None and setup.has_curvature_of(self._setup)
                state = solver.changed(replace(self._state, best=best), plan, with_curvature=with_curvature)
                solver.scene.regions(plan.stages[state.stage])  # one that is too small is refused
                self._setup, self._descent = setup, Descent(solver, state)
                self._schedule = start_schedule(setup, plan, state)
        if self._writer is not None:
            self._writer.identity = setup.identify()
        self.stopped = "unfinished"

    def needs(self) -> Needs:
        """Return the memory that the run takes at any size, and the memory that is free now, as JSON can hold them.

        Before the first evaluation it plans other sizes as runs of their own would be planned.
        """
        return self._setup.needs()

    def forecast(self) -> float:
        """Return the seconds that the run will take, by the time of a few evaluations of a small square.

        In a run with a budget of time it returns the seconds that are left; the evaluations tell which stages there is
        time for, and `plan` has them.
        """
        start = self._schedule.now
        with out_of_memory_as("forecast the run"), self._solver.machine.computing():
            seconds = forecast(self._solver, self.plan)
        self.wait(self._schedule.now - start)
        return self._schedule.expect(seconds, self._state)

    def wait(self, seconds: float) -> None:
        """Do not count seconds in which the run has stood still, such as in a pause; a budget of time ends later.

        Args:
            seconds: The time, at least 0.

        """
        self._schedule.stand_still(seconds)

    def finishes_in(self, seconds: float) -> None:
        """Tell a run with a budget of time how long it takes to finish and save a picture of its present size.

        Args:
            seconds: The time; larger pictures are assumed to take as much for each pixel.

        """
        self._schedule.expect_finishing(self._stage.size, seconds)

    @property
    def asked_size(self) -> Size:
        """The size that the settings ask for; a budget of time may be too short for it."""
        return self.plan.asked_size

    @property
    def painted_settings(self) -> Settings:
        """The settings that paint the picture again: in a run with a budget of time, its stages and evaluations.

        They say what was painted since the last `change`.
        """
        return self._schedule.painted_settings(self.settings, self._state, is_over=self.stopped != "unfinished")

    @property
    def shortfall(self) -> str:
        """A sentence about a size that there was no time for; empty if the picture has the size that was asked for."""
        return "" if self.stopped == "unfinished" else self._schedule.shortfall(self.painted_settings.dpi)

    def preview(self, *, long_side: int | None = None) -> Picture:
        """Return the best picture so far, in the colors of the finished one, with the metadata of the content's file.

        It may be called from another thread while the run continues; a small preview takes a few milliseconds.

        Args:
            long_side: Its long side in pixels, at least 1; that of the stage under way, if not given or if larger.

        Returns:
            The picture.

        Raises:
            InputError: the long side is no whole number of at least 1.

        """
        if long_side is not None and (not isinstance(cast("object", long_side), int) or long_side < 1):
            raise InputError(
                f"a preview cannot have a long side of {long_side!r}; it takes a whole number, at least 1."
            )
        settings = self.painted_settings
        metadata = {"settings": settings.model_dump(), "evaluations": len(self.history), "stopped": self.stopped}
        note = json.dumps({"impasto": version("impasto"), **metadata, **self.note})
        with out_of_memory_as("finish the picture"), self._solver.machine.computing():
            return self._solver.scene.picture(self._state.best, note, settings.dpi, long_side)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Save `preview` with the settings in its metadata.

        Args:
            path: A .png, .jpg, .webp or .tif file.
            overwrite: Whether to replace a file that is there.

        Raises:
            InputError: the name is not that of an image, or something is there already.
            WriteError: the file could not be written.

        """
        self.preview().save(path, overwrite=overwrite)

    def save_checkpoint(self) -> None:
        """Save a checkpoint now, if the run was given a name for one.

        Raises:
            ImpastoError: it could not be written; the previous checkpoint is still there.

        """
        if self._writer is not None:
            self._descent.mend(self._stage)
            self._writer.save(self._state, self.plan, self.note)

    def delete_checkpoint(self) -> None:
        """Delete the checkpoint, after the picture has been saved."""
        if self._writer is not None:
            self._writer.delete()

    def agree(self, *, wanted: bool) -> bool:
        """Tell whether any of the processes that paint together wants something, such as to end.

        Args:
            wanted: Whether this process wants it.

        Returns:
            Whether any process wants it; the same in all.

        """
        return self._solver.machine.group.any(flag=wanted)

    def result(self) -> Result:
        """Return the picture as it is now; iterate to the end first for a finished one."""
        return Result(self.preview(), self.painted_settings, tuple(self.history), self.stopped)

    @property
    def stage(self) -> int:
        """The number of the stage under way, from 1."""
        return self._state.stage + 1

    @property
    def _stage(self) -> Stage:
        return self.plan.stages[self._state.stage]

    @property
    def _state(self) -> RunState:
        return self._descent.state

    @property
    def _solver(self) -> Solver:
        return self._descent.solver

    def _evaluate(self) -> Progress | None:
        """Evaluate and step until the next report; None, if the memory did not suffice and there is a new plan."""
        self._descent.mend(self._stage)
        self._save_checkpoint_if_due()
        try:
            self._descent.evaluate(self._schedule, self._evaluations_to_report())
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._replan(error)
            return None
        return self._state.history[-1]

    def _end_stage(self, outcome: Stopped) -> None:
        """Continue to the next stage, or end the run."""
        last_stage = len(self.plan.stages) - 1
        is_over = outcome == "diverged" or self._state.stage == last_stage
        self._descent.enlarge(self.plan, last_stage if is_over else self._state.stage + 1)
        if is_over:
            self.stopped = outcome
            allocator.release()
        else:
            self._targets.clear()

    def _evaluations_to_report(self) -> int:
        """Return how many evaluations come before the next report: on a GPU several, since each report waits for it."""
        state, stage = self._state, self._stage
        done = len(state.history)
        limits = [
            stage.evaluations - state.evaluation,
            evaluations_at_once(self._solver.machine.device, math.prod(stage.size)),
        ]
        if self._schedule.needs_timing:
            limits.append(1)
        if self.report_at > 0:
            limits.append(self.report_at - done % self.report_at)
        if self.settings.min_change:
            limits.append(PLATEAU_WINDOW - state.evaluation % PLATEAU_WINDOW)
        if self.report_after > done:
            limits.append(self.report_after - done)
        return min(limits)

    def _replan(self, error: Exception) -> None:
        """Plan with less memory and continue from the best image.

        Raises:
            OutOfMemoryError: nothing smaller fits.

        """
        error.__traceback__ = None  # it refers to the tensors of the evaluation
        planned = self.plan.bytes
        self._descent.release()
        self._targets.clear()
        try:
            plan = self.plan.with_layouts_of(self._setup.replan(SHORTAGE_FACTOR * (planned - self.plan.baseline)))
        except PictureError as refusal:
            raise OutOfMemoryError(
                f"the memory did not suffice, and no plan takes less than {planned / 1e9:.2f} GB; close other programs "
                "or give a smaller size."
            ) from refusal
        self._descent.return_to_best(
            plan.stages[self._state.stage],
            f"the memory did not suffice for {planned / 1e9:.2f} GB, so the best image is painted on within "
            f"{plan.bytes / 1e9:.2f} GB.",
        )
        self._schedule.plan = plan

    def _save_checkpoint_if_due(self) -> None:
        if self._writer is not None and self._writer.is_due():
            try:
                self._writer.save(self._state, self.plan, self.note)
            except ImpastoError as error:
                self._descent.state = self._state.with_remark(f"{error} The run continues without this checkpoint.")
