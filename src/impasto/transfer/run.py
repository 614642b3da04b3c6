"""A run: from pictures and a plan to a painted picture, evaluation by evaluation, as an iterator."""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from impasto.errors import ImpastoError, InputError, OutOfMemoryError, PictureError, is_out_of_memory, out_of_memory_as
from impasto.images import Picture, resample
from impasto.machine import allocator
from impasto.machine.interruption import deferred_signals
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.tile_units import measured
from impasto.planning.division import Pace, beginning
from impasto.planning.needs import Needs
from impasto.planning.plan import Size, Stage
from impasto.settings import Settings
from impasto.settings.limits import PLATEAU_WINDOW
from impasto.settings.options import given_options
from impasto.transfer import verdict
from impasto.transfer.checkpoint import Checkpoint, CheckpointWriter
from impasto.transfer.forecast import forecast
from impasto.transfer.iteration import Iteration, Point, Readings
from impasto.transfer.progress import Clock, Progress, Stopped
from impasto.transfer.result import Result
from impasto.transfer.run_state import RunState
from impasto.transfer.scene import Inputs, Scene
from impasto.transfer.setup import Setup
from impasto.transfer.solver import Solver
from impasto.transfer.time_budget import TimeBudget

__all__ = ["Run"]

EXACT_RESCUE = 2
"""The rescue from which on a run computes in float32: the first may have been a matter of the step alone."""

SHORTAGE_FACTOR = 0.7
"""Times the memory that a run planned with, what it plans with after the system refused memory."""

SEEN_SIDE = 256
"""Pixels of the long side at which the picture is compared with itself, at most: what one sees of it on a page."""

_CURVATURE_OPTIONS = frozenset(Settings.model_fields) - {
    *("content_weight", "focus_weight", "style_weight", "tv_weight", "range_weight", "strength"),
    *("size", "quality", "iterations", "first_size", "stage_ratio", "stages", "tolerance", "min_change"),
    "learning_rate",
    *("profile", "bits", "dpi", "keep_position", "seed"),
}
"""The options after whose change the curvature that was measured is of no use (docs/notes/optimizer.md)."""

MAX_PIXELS_PER_REPORT, MAX_EVALUATIONS_PER_REPORT = 1 << 24, 16
"""Pixels evaluated between two reports on a GPU, about, and evaluations at most: 20 to 60 ms on an H200."""


class Run:
    """A run under way: iterate to paint, look at any time.

    Each iteration is a report of the last evaluation. On a processor there is one for each evaluation, on a GPU for
    several; `history` has them all.

    Args:
        setup: The pictures and settings, with their plan, network and machine.
        prepare: Return the setup of other pictures and settings.
        writer: What saves checkpoints, if there are to be any.
        checkpoint: Where the run goes on, if it does.
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
        gone = 0.0 if began is None else time.perf_counter() - began
        self._set_up(_in_time(setup, gone) if checkpoint is None else setup)
        self.note = note or {}
        """The caller's values for checkpoints and the metadata of the picture, as JSON has them."""
        self._writer = writer
        self._at = self._solver.begin(self.plan.stages[0]) if checkpoint is None else self._resumed(checkpoint)
        self.resumed = len(self._at.history)
        """Evaluations that were done before, by the run that saved the checkpoint."""
        self.report_at = 0
        """Evaluations of which each multiple ends with a report, even where several come between two; 0: any."""
        self.report_after = 0
        """Number of evaluations after which there is a report, too; 0: any."""
        self._remarks: list[str] = []
        self._clock = Clock(self.plan, self._at.history)
        self._budget = self._new_budget(gone)
        self._keep_to_budget()
        self._iterate: Iteration | None = None
        self._is_stepping = False
        """Whether a step has begun behind which the run does not stand yet."""

    def _set_up(self, setup: Setup) -> None:
        """Take pictures, settings, plan, network and machine from a setup."""
        self._setup, self.plan = setup, setup.plan
        own = setup.settings.normalize  # the network is rescaled for these pictures, so no other run has such targets
        self._targets.measure_style = measured if own else setup.measure_style
        self._scene = Scene(setup.inputs, setup.settings, setup.machine, self._targets)
        network = self._scene.normalized(setup.network, setup.plan.stages[0])
        self._solver = Solver(self._scene, setup.settings, setup.machine, network)

    @property
    def settings(self) -> Settings:
        """The options of the picture; `change` gives the run others."""
        return self._setup.settings

    @property
    def history(self) -> Sequence[Progress]:
        """The reports of all evaluations so far."""
        return self._at.history

    @property
    def loss(self) -> float:
        """The least loss of the current stage; infinite before its first evaluation."""
        return self._at.bests[-1]

    def __repr__(self) -> str:
        at, stage = self._at, self._stage
        if not at.history:
            return f"Run({self.plan.stages[-1].size}, none of {self.plan.evaluations} evaluations)"
        where = f"stage {at.stage + 1} of {len(self.plan.stages)}, {stage.size}, {len(at.history)} of "
        return f"Run({where}{self.plan.evaluations} evaluations, loss {at.history[-1].loss:.4g}, {self.stopped})"

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        """Evaluate until the next report.

        An exception in between, such as that of Ctrl-C, leaves a state from which the next call goes on.

        Raises:
            OutOfMemoryError: the system refused memory, and no plan takes less.

        """
        with out_of_memory_as("go on with the run"), self._solver.machine.computing():
            while self.stopped == "unfinished":
                self._keep_to_budget()
                tolerances = self.settings.tolerance, self.settings.min_change
                outcome = verdict.outcome(self._at, self._stage.evaluations, *tolerances)
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
            initial: A picture to go on from in place of the picture so far, such as one that was changed by hand;
                whatever `Picture.of` takes. It is painted at its own size first, or at the last size if it is larger.
            changes: Options of `Settings` to change, such as `content_weight=1`.

        Raises:
            InputError: something cannot be used, and the run is as it was.
            OutOfMemoryError: the system refused the memory for it, and the run is as it was.

        """
        given = self.settings if settings is None else given_options(Settings, settings, "settings")
        chosen = given.replace(**changes)
        inputs = self._setup.inputs.replaced(content=content, styles=styles, keep=keep, focus=focus)
        picture = None if initial is None else Picture.of(initial)
        self._mend()
        self._iterate = None
        with out_of_memory_as("change the run"):
            setup = self._prepare(inputs, chosen)
            with setup.machine.computing():
                with_curvature = picture is None and _have_like_curvature(self._setup, setup)
                self._set_up(setup)
                choice = setup.plan._replace(stages=setup.plan.candidates or setup.plan.stages)
                at = self._at if picture is None else replace(self._at, best=self._scene.canvas_of(picture, choice))
                self._at = self._solver.changed(at, choice, with_curvature=with_curvature)
        if self._writer is not None:
            self._writer.identity = setup.identify()
        self._clock = Clock(setup.plan, self._at.history)
        self.stopped = "unfinished"
        if setup.seconds:
            self.plan, self._at = choice._replace(stages=choice.stages[self._at.stage :]), replace(self._at, stage=0)
            self._budget = self._new_budget(0.0)
            self._keep_to_budget()

    def needs(self) -> Needs:
        """Return what the run takes in memory at any size, as JSON can hold it, and what there is to compute with now.

        Before the first evaluation it plans other sizes as runs of their own would be planned.
        """
        return self._setup.needs()

    def forecast(self) -> float:
        """Return the seconds that the run will take, by the time of a few evaluations of a small square.

        In a run with a budget of time the seconds are those that are left; the evaluations tell which stages there is
        time for, and `plan` has them.
        """
        began = self._clock.now
        with out_of_memory_as("forecast the run"), self._solver.machine.computing():
            seconds = forecast(self._solver, self.plan)
        if self._budget is None:
            return seconds
        targets = sum(stage.work for stage in self.plan.stages)
        self._budget = replace(self._budget, pace=Pace(per_work=self._agreed(seconds) / (self.plan.work + targets)))
        self.wait(self._agreed(self._clock.now - began))
        self._keep_to_budget()
        return self._budget.left(self._clock.now)[1]

    def wait(self, seconds: float) -> None:
        """Let a budget of time end later, by the seconds that a run has stood still, such as in a pause."""
        if self._budget is not None:
            self._budget = self._budget.later(seconds)
            self._clock.stood_still += seconds

    def finishes_in(self, seconds: float) -> None:
        """Tell a run with a budget of time how long it takes to finish and save a picture of its present size.

        Args:
            seconds: The time; larger pictures are assumed to take as much for each pixel.

        """
        if self._budget is not None:
            pace = self._agreed(seconds) / math.prod(self._stage.size)
            self._budget = replace(self._budget, finishing_pace=pace)

    @property
    def asked_size(self) -> Size:
        """The size that the settings ask for; a budget of time may be too short for it."""
        return (self.plan.candidates or self.plan.stages)[-1].size

    @property
    def painted(self) -> Settings:
        """The settings that paint the picture again: in a run with a budget of time, its stages and evaluations.

        They say what was painted since the last `change`.
        """
        if not self.plan.candidates:
            return self.settings
        asked = self.asked_size
        painted = [Size(each.width, each.height) for each in self._at.history[self._at.changed_after :]]
        sides = [self.settings.size if size == asked else max(size) for size in painted]
        size = max(sides, default=self.settings.size) if self.stopped != "unfinished" else self.settings.size
        dpi = self.settings.dpi * size / self.settings.size  # as large on paper as it was to be
        return self.settings.replace(size=size, dpi=dpi, stages=Counter(sides))

    @property
    def shortfall(self) -> str:
        """A sentence about a size that there was no time for; empty if the picture has the size that was asked for."""
        if self._budget is None or self.stopped == "unfinished":
            return ""
        asked, reached = self.asked_size, self.plan.stages[-1].size
        seconds = f"{self._budget.seconds:g} second{'s' * (self._budget.seconds != 1)}"
        sentence = f"{asked} pixels take longer than {seconds} here, so the picture has {reached}"
        dpi = f", {self.painted.dpi:.3g} per inch" if self.settings.dpi else ""
        return "" if reached == asked else f"{sentence}{dpi}."

    def preview(self, *, long_side: int | None = None) -> Picture:
        """Return the best picture so far, in the colors of the finished one, with what the content's file says.

        It may be called from another thread while the run goes on; a small preview takes a few milliseconds.

        Args:
            long_side: Its long side in pixels, at least 1; that of the stage under way, if not given or if larger.

        Raises:
            InputError: the long side is no whole number of at least 1.

        """
        if long_side is not None and (not isinstance(cast("object", long_side), int) or long_side < 1):
            raise InputError(
                f"a preview cannot have a long side of {long_side!r}; it takes a whole number, at least 1."
            )
        painted = self.painted
        about = {"settings": painted.model_dump(), "evaluations": len(self.history), "stopped": self.stopped}
        note = json.dumps({"impasto": version("impasto"), **about, **self.note})
        with out_of_memory_as("finish the picture"), self._solver.machine.computing():
            best = self._at.best
            size = Size(best.shape[2], best.shape[1])
            if long_side is not None and long_side < max(size):
                width, height = (max(1, side) for side in size.with_long_side(long_side))
                best = resample(best, height, width)
            return self._scene.picture(best, note, painted.dpi)

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
            ImpastoError: it could not be written; the one before is still there.

        """
        if self._writer is not None:
            self._mend()
            self._writer.save(self._at, self.plan, self.note)

    def delete_checkpoint(self) -> None:
        """Delete the checkpoint, after the picture has been saved."""
        if self._writer is not None:
            self._writer.delete()

    def agree(self, *, wanted: bool) -> bool:
        """Tell whether any of the processes that paint together wants something, such as to end."""
        return self._solver.machine.group.any(wanted=wanted)

    def result(self) -> Result:
        """Return the picture as it is now; iterate to the end first for a finished one."""
        return Result(self.preview(), self.painted, tuple(self.history), self.stopped)

    @property
    def stage(self) -> int:
        """The number of the stage under way, from 1."""
        return self._at.stage + 1

    @property
    def _stage(self) -> Stage:
        return self.plan.stages[self._at.stage]

    @property
    def _on_gpu(self) -> bool:
        return self._solver.machine.device.type == "cuda"

    def _resumed(self, checkpoint: Checkpoint) -> RunState:
        """Return where the run stood that saved a checkpoint, on this run's device."""
        stages, solver = self.plan.stages, self._solver
        state = checkpoint.state(
            self._scene.to_device, lambda number, rescues: solver.optimizer(stages[number], rescues)
        )
        if state.rescues >= EXACT_RESCUE:
            solver.compute_exactly()
        return state

    def _new_budget(self, gone: float) -> TimeBudget | None:
        """Return the budget of a run that begins or changes now, of which some seconds are gone; None: no limit."""
        seconds, now = self._setup.seconds, self._at.history[-1].seconds if self._at.history else 0.0
        if not seconds:
            return None
        if not self.plan.candidates:
            self.plan = self.plan._replace(candidates=self.plan.stages)
        spent = now - (self._at.history[self._at.changed_after - 1].seconds if self._at.changed_after else 0.0)
        gone = self._agreed(gone)
        return TimeBudget(seconds, now - spent, now - spent + seconds - gone, self.settings.first_size)

    def _agreed(self, seconds: float) -> float:
        """Return the time that the first process has measured: all plan with the same."""
        return self._solver.machine.group.agreed(round(1e6 * seconds)) / 1e6

    def _keep_to_budget(self) -> None:
        """Plan the stages that there is time for, if the run has a budget of time."""
        if self._budget is not None:
            now = self._agreed(self._clock.now)
            self.plan = self.plan._replace(
                stages=self._budget.stages(self.plan, self._at.stage, self._at.evaluation, now)
            )

    def _evaluate(self) -> Progress | None:
        """Evaluate and step until the next report; nothing, if the memory did not suffice and there is a new plan.

        An evaluation changes nothing, so it can be interrupted at any place and done again. A step changes the
        optimizer's state in place, so signals wait until the run stands behind it.
        """
        self._mend()
        self._save_checkpoint_if_due()
        try:
            with allocator.caching(self.plan.caching), ExitStack() as step:
                self._iterate = self._iterate or self._solver.iteration(self._stage, self._at.rescues)
                if self.plan.caching != "all":
                    allocator.release()  # or small blocks leave holes

                def about_to_step() -> None:
                    step.enter_context(deferred_signals())
                    self._is_stepping = True

                self._take(self._iterate(self._point(), self._evaluations_to_report(), about_to_step))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._tighten(error)
            return None
        return self._at.history[-1]

    def _mend(self) -> None:
        """Go back to the best image, if a step was left by an exception: the optimizer's state is of no use then."""
        if self._is_stepping:
            self._iterate = None
            self._at = self._solver.from_best(self._at, self._stage)
            self._is_stepping = False
            self._remarks.append("a step was interrupted, so the best image is painted on.")

    def _end_stage(self, outcome: Stopped) -> None:
        """Go on to the next stage, or end the run."""
        self._iterate = None
        last = len(self.plan.stages) - 1
        is_over = outcome == "diverged" or self._at.stage == last
        self._at = self._solver.enlarged(self._at, self.plan, last if is_over else self._at.stage + 1)
        if is_over:
            self.stopped = outcome
            allocator.release()
        else:
            self._targets.clear()

    def _point(self) -> Point:
        at = self._at
        return Point(at.image, at.optimizer, at.best, at.image.new_full((), at.bests[-1]))

    def _evaluations_to_report(self) -> int:
        """Return how many evaluations come before the next report: on a GPU several, since each report waits for it."""
        at, pixels = self._at, math.prod(self._stage.size)
        most = max(1, min(MAX_EVALUATIONS_PER_REPORT, MAX_PIXELS_PER_REPORT // pixels)) if self._on_gpu else 1
        most = 1 if self._budget is not None and not self._budget.pace.seconds else most
        if self.report_at > 0:
            most = min(most, self.report_at - len(at.history) % self.report_at)
        if self.settings.min_change:
            most = min(most, PLATEAU_WINDOW - at.evaluation % PLATEAU_WINDOW)
        if self.report_after > len(at.history):
            most = min(most, self.report_after - len(at.history))
        return min(most, self._stage.evaluations - at.evaluation)

    def _take(self, found: Readings) -> None:
        """Stand behind evaluations that were done, or at the best image again where one of them calls for it."""
        image, optimizer, best, _ = found.point
        at, remarks = replace(self._at, image=image, optimizer=optimizer, best=best), [*self._remarks]
        goes_back = False
        ticks = self._clock.tick(len(found.losses))
        if self._budget is not None:
            taken = self._agreed(self._clock.taken) / len(ticks)
            for _ in ticks:
                self._budget = self._budget.timed(self._stage, taken)
        for loss, terms, layers, seconds in zip(found.losses, found.terms, found.layers, ticks, strict=True):
            trouble = verdict.trouble(at, loss)
            failures = at.failures + 1 if trouble else 0
            least = min(loss, at.bests[-1]) if math.isfinite(loss) else at.bests[-1]
            at = replace(at, evaluation=at.evaluation + 1, failures=failures, bests=(*at.bests, least))
            has_failed = failures == verdict.FAILURES_TO_RESCUE
            goes_back = has_failed and at.rescues < verdict.MAX_RESCUES
            if goes_back:
                at, remark = self._rescued(at, trouble)
                remarks.append(remark)
            report = self._report(at, loss, seconds, " ".join(remarks), terms=terms, layers=layers)
            at = replace(at, history=(*at.history, report))
            remarks = []
            if has_failed:
                break
        self._iterate = None if goes_back else self._iterate
        is_compared = self.settings.min_change and at.evaluation % PLATEAU_WINDOW == 0
        self._at = self._compared(at) if is_compared else at
        self._is_stepping = False
        self._remarks.clear()

    def _compared(self, at: RunState) -> RunState:
        """Return the state with a small copy of the best image, and how far it is from the one before."""
        size = Size(at.best.shape[2], at.best.shape[1])
        width, height = size.with_long_side(SEEN_SIDE) if max(size) > SEEN_SIDE else size
        seen = resample(at.best, height, width).clamp(0, 1).clone()
        change = math.inf if at.seen is None else 255 * float((seen - at.seen).abs().mean())
        return replace(at, seen=seen, change=self._agreed(change) if at.seen is not None else change)

    def _rescued(self, at: RunState, trouble: str) -> tuple[RunState, str]:
        """Return the best image with a new optimizer state and half the step, and say so; later in float32."""
        number = at.rescues + 1
        exactly = number >= EXACT_RESCUE and self._solver.compute_exactly()
        remark = (
            f"the loss {trouble} in {verdict.FAILURES_TO_RESCUE} evaluations, so the best image is painted on with "
            f"half the step{' and in float32' if exactly else ''} ({number} of {verdict.MAX_RESCUES})."
        )
        return self._solver.from_best(replace(at, failures=0, rescues=number), self._stage), remark

    def _tighten(self, error: Exception) -> None:
        """Plan with less memory and go on from the best image.

        Raises:
            OutOfMemoryError: nothing smaller fits.

        """
        error.__traceback__ = None  # it holds on to what was under way
        before, self._iterate = self.plan.bytes, None
        self._targets.clear()
        try:
            plan = self._setup.replan(SHORTAGE_FACTOR * (before - self.plan.baseline))
        except PictureError as none:
            raise OutOfMemoryError(
                f"the memory did not suffice, and no plan takes less than {before / 1e9:.2f} GB; close other programs "
                "or give a smaller size."
            ) from none
        if self._budget is not None:
            stages = {stage.size: stage for stage in plan.candidates}
            plan = plan._replace(stages=tuple(stages[stage.size] for stage in self.plan.stages))
        self._at, self.plan = self._solver.from_best(self._at, plan.stages[self._at.stage]), plan
        self._is_stepping = False
        self._remarks.append(
            f"the memory did not suffice for {before / 1e9:.2f} GB, so the best image is painted on within "
            f"{self.plan.bytes / 1e9:.2f} GB."
        )

    def _save_checkpoint_if_due(self) -> None:
        if self._writer is not None and self._writer.is_due():
            try:
                self._writer.save(self._at, self.plan, self.note)
            except ImpastoError as error:
                self._remarks.append(f"{error} The run goes on without this checkpoint.")

    def _report(
        self,
        at: RunState,
        loss: float,
        seconds: float,
        remark: str,
        *,
        terms: Mapping[str, float],
        layers: Mapping[str, Mapping[str, float]],
    ) -> Progress:
        stage = self._stage
        if self._budget is None:
            fraction, left = self._clock.left(at.stage, at.evaluation, seconds)
        else:
            fraction, left = self._budget.left(seconds)
        return Progress(
            stage=at.stage + 1,
            stages=len(self.plan.stages),
            width=stage.size.width,
            height=stage.size.height,
            evaluation=at.evaluation,
            evaluations=stage.evaluations,
            loss=loss,
            terms=terms,
            layers=layers,
            seconds=seconds,
            fraction=fraction,
            seconds_left=left,
            remark=remark,
        )


def _in_time(setup: Setup, gone: float) -> Setup:
    """Return the setup of a run that begins with the stage that is fast enough for its budget of time."""
    if not setup.seconds:
        return setup
    left = setup.seconds - setup.machine.group.agreed(round(1e6 * gone)) / 1e6
    candidates = setup.plan.candidates
    return setup._replace(plan=setup.plan._replace(stages=candidates[beginning(candidates, Pace(), left) :]))


def _have_like_curvature(one: Setup, other: Setup) -> bool:
    """Return whether two setups differ by nothing but weights and sizes."""
    are_equal = (getattr(one.settings, name) == getattr(other.settings, name) for name in _CURVATURE_OPTIONS)
    return all(are_equal) and one.inputs.identity() == other.inputs.identity()
