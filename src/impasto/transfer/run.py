"""A run: from pictures and a plan to a painted picture, evaluation by evaluation, as an iterator."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from impasto.errors import ImpastoError, PictureError, RunError
from impasto.images import Picture, resample
from impasto.machine import allocator
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.optimizers import LBFGS, Adam, Optimizer
from impasto.planning.plan import Plan, Size, Stage
from impasto.settings import Settings
from impasto.transfer.iteration import Iteration, Point, Readings, iteration
from impasto.transfer.progress import Clock, Progress, Result, Stopped
from impasto.transfer.run_state import Keeper, Saved, Standing
from impasto.transfer.scene import Inputs, Scene

__all__ = ["Run"]

_WINDOW = 20
"""Evaluations over which a plateau is judged, as the help of `tolerance` says."""

_FAILURES = 3
"""Evaluations in a row of no use after which a run goes back to its best image."""

_RESCUES = 3
"""How often it does, before it ends."""

_EXACTLY = 2
"""From which of them on it computes in float32."""

_FAR = 10.0
"""Times the least loss of a stage that no useful evaluation finds."""

_TIGHTER = 0.7
"""Of the memory that a run planned with, what it plans with when there was less."""

_SQUARE, _GPU_SQUARE, _TRIALS = 256, 1024, 6
"""Pixels of a side, on a processor and on a GPU, and evaluations by which the time of a run is predicted."""

_REPORT_PIXELS, _REPORT_EVALUATIONS = 1 << 24, 16
"""Pixels evaluated between two reports on a GPU, about, and evaluations at most: 20 to 60 ms on an H200."""


class Run:
    """A run under way: iterate to paint, look at any time.

    Each iteration is a report of the last evaluation. On a processor there is one for each evaluation, on a GPU for
    several; `history` has them all.

    With a keeper it leaves a checkpoint now and then, from which it goes on where it was `saved`.
    """

    def __init__(
        self,
        inputs: Inputs,
        *,
        settings: Settings,
        plan: Plan,
        network: VGG19,
        machine: Machine,
        replan: Callable[[float], Plan],
        keeper: Keeper | None = None,
        saved: Saved | None = None,
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.stopped: Stopped = "unfinished"
        self._machine = machine
        self._scene = Scene(inputs, settings, machine)
        self._network = self._scene.normalized(network, plan.stages[0])
        self._replan = replan
        """Plan again with so many bytes beside what the process holds."""
        self._keeper = keeper
        self._at = self._begin() if saved is None else self._resume(saved)
        self.resumed = len(self._at.history)
        """Evaluations that were done before, by a run that was kept in a checkpoint."""
        self.report_at = 0
        """Evaluations of which each multiple ends with a report, even where several come between two; 0: any."""
        self._remarks: list[str] = []
        self._clock = Clock(self.plan, self._at.history)
        self._iterate: Iteration | None = None
        self._keeping: AbstractContextManager[None] | None = None
        """Which freed memory stays with the process, from the first evaluation until the end or until it is dropped."""

    @property
    def history(self) -> list[Progress]:
        """What was reported so far."""
        return self._at.history

    def __iter__(self) -> Iterator[Progress]:
        return self

    def __next__(self) -> Progress:
        """Evaluate until the next report.

        An exception in between, such as that of Ctrl-C, leaves a state from which the next call goes on.
        """
        while self.stopped == "unfinished":
            outcome = self._outcome()
            if outcome is not None:
                self._end_stage(outcome)
            elif (progress := self._evaluate()) is not None:
                return progress
        raise StopIteration

    def forecast(self) -> float:
        """Return the seconds that the run will take, by the time of a few evaluations of a small square."""
        side = _GPU_SQUARE if self._on_gpu else _SQUARE
        square = torch.rand(3, side, side, generator=torch.Generator().manual_seed(0))
        square = square.to(self._machine.device, self._machine.sums)
        objective = Objective.build(
            self.settings,
            self._network,
            square,
            [Region([StyleImage(square.flip(2))])],
            extra_losses=self._scene.inputs.losses,
        )
        optimizer = self._optimizer(self.plan.stages[-1], 0)
        iterate = iteration(objective, optimizer, self._machine.device)
        point, times = Point(square, optimizer.init(square), square, square.new_full((), math.inf)), [math.inf]
        for _ in range(_TRIALS):
            began = time.perf_counter()
            point = iterate(point, 1).point
            times.append(time.perf_counter() - began)
        targets = sum(stage.work for stage in self.plan.stages)  # two pictures forward, at each stage
        return min(times) / side**2 * (self.plan.work + targets)

    def preview(self) -> Picture:
        """Return the best picture so far, at the size of the stage under way, with what the content's file says."""
        note = json.dumps({"impasto": version("impasto"), "settings": self.settings.model_dump()})
        return self._scene.picture(self._at.best, note)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Save `preview` with the settings in its metadata.

        Raises:
            InputError: the name is not that of an image, or something is there already.
            WriteError: the file could not be written.

        """
        self.preview().save(path, overwrite=overwrite)

    def keep(self) -> None:
        """Leave a checkpoint now, if there is a place for it.

        Raises:
            ImpastoError: it could not be written; the one before stands.

        """
        if self._keeper is not None:
            self._keeper.keep(self._at, self.plan)

    def forget(self) -> None:
        """Delete the checkpoint, after the picture has been saved."""
        if self._keeper is not None:
            self._keeper.drop()

    def agree(self, *, wanted: bool) -> bool:
        """Tell whether any of the processes that paint together wants something, such as to end."""
        return self._machine.group.any(wanted=wanted)

    def result(self) -> Result:
        """Return the picture as it is now; iterate to the end first for a finished one."""
        return Result(self.preview(), self.settings, tuple(self.history), self.stopped)

    @property
    def _stage(self) -> Stage:
        return self.plan.stages[self._at.stage]

    def _begin(self) -> Standing:
        first = self.plan.stages[0]
        canvas = self._scene.canvas(first.size)
        return Standing(canvas, canvas, self._optimizer(first, 0).init(canvas))

    def _resume(self, saved: Saved) -> Standing:
        """Return where a run stood, on this run's device."""
        standing = saved.standing(
            self._scene.to_device, lambda number, rescues: self._optimizer(self.plan.stages[number], rescues)
        )
        if standing.rescues >= _EXACTLY:
            self._compute_exactly()
        return standing

    def _evaluate(self) -> Progress | None:
        """Evaluate and step until the next report; nothing, if the memory did not suffice and there is a new plan."""
        at = self._at
        if self._keeping is None:
            self._keeping = allocator.keeping(self.plan.keeping)
            self._keeping.__enter__()
        self._keep_now_and_then()
        try:
            self._iterate = self._iterate or self._iteration()
            if self.plan.keeping != "all":
                allocator.trim()  # or small blocks leave holes
            found = self._iterate(self._point(), self._evaluations_to_report())
        except (MemoryError, RuntimeError) as error:
            self._iterate = None
            self._tighten(error)
            return None
        except BaseException:
            self._recover()
            raise
        at.image, at.optimizer, at.best, _ = found.point
        if self._take(found):
            self._iterate = None
        return at.history[-1]

    def _recover(self) -> None:
        """Leave a state to go on from, after an exception such as that of Ctrl-C.

        What an optimizer remembers is changed in place, so if that was under way, it begins again at the best image.
        """
        at, iterate = self._at, self._iterate
        self._iterate = None
        if iterate is not None and iterate.has_stepped:
            at.image = at.best
            at.optimizer = self._optimizer(self._stage, at.rescues).init(at.best)
            self._remarks.append("a step was interrupted, so the best image is painted on.")

    def _end_stage(self, outcome: Stopped) -> None:
        """Go on to the next stage, or end the run."""
        self._iterate = None
        if outcome != "diverged" and self._at.stage + 1 < len(self.plan.stages):
            self._enlarge(self._at.stage + 1)
            return
        self._enlarge(len(self.plan.stages) - 1)
        if self._keeping is not None:
            self._keeping.__exit__(None, None, None)
        self.stopped = outcome

    @property
    def _on_gpu(self) -> bool:
        return self._machine.device.type == "cuda"

    def _point(self) -> Point:
        at = self._at
        return Point(at.image, at.optimizer, at.best, at.image.new_full((), at.bests[-1]))

    def _evaluations_to_report(self) -> int:
        """Return how many evaluations come before the next report: on a GPU several, since each report waits for it."""
        at, pixels = self._at, math.prod(self._stage.size)
        several = max(1, min(_REPORT_EVALUATIONS, _REPORT_PIXELS // pixels)) if self._on_gpu else 1
        if self.report_at > 0:
            several = min(several, self.report_at - len(at.history) % self.report_at)
        return min(several, self._stage.evaluations - at.evaluation)

    def _take(self, found: Readings) -> bool:
        """Report evaluations, until one calls for the best image again; return whether that is where it goes on."""
        at = self._at
        for loss, terms, seconds in zip(found.losses, found.terms, self._clock.tick(len(found.losses)), strict=True):
            trouble = self._trouble(loss)
            at.evaluation += 1
            at.failures = at.failures + 1 if trouble else 0
            at.bests.append(min(loss, at.bests[-1]) if math.isfinite(loss) else at.bests[-1])
            has_failed = at.failures == _FAILURES
            goes_back = has_failed and at.rescues < _RESCUES
            if goes_back:
                self._rescue(trouble)
            at.history.append(self._report(loss, terms, seconds))
            if has_failed:
                return goes_back
        return False

    def _outcome(self) -> Stopped | None:
        """Judge whether the stage has ended, and how."""
        at = self._at
        if at.failures == _FAILURES:  # and nothing helped: at rest where nothing is left to gain, or lost
            return "converged" if at.history[-1].loss == at.bests[-1] else "diverged"
        if _is_flat(at.bests, self.settings.tolerance):
            return "converged"
        if at.evaluation < self._stage.evaluations:
            return None
        return "diverged" if at.evaluation and math.isinf(at.bests[-1]) else "finished"

    def _trouble(self, loss: float) -> str:
        """Say what is wrong with an evaluation, or nothing."""
        at = self._at
        if not math.isfinite(loss):
            return "was not finite"
        if loss > _FAR * at.bests[-1]:
            return f"rose to {loss / at.bests[-1]:.3g} times the least"
        return "did not change" if at.evaluation and loss == at.history[-1].loss else ""

    def _rescue(self, trouble: str) -> None:
        """Go back to the best image, with the optimizer begun anew and half its steps, later in float32 as well."""
        at = self._at
        at.rescues += 1
        at.failures = 0
        at.image = at.best
        exactly = at.rescues >= _EXACTLY and self._compute_exactly()
        at.optimizer = self._optimizer(self._stage, at.rescues).init(at.best)
        self._remarks.append(
            f"the loss {trouble} in {_FAILURES} evaluations, so the best image is painted on with half the step"
            f"{' and in float32' if exactly else ''} ({at.rescues} of {_RESCUES})."
        )

    def _compute_exactly(self) -> bool:
        """Compute features in float32, without Winograd's algorithm; return whether that is new."""
        machine = self._machine
        features = torch.promote_types(machine.features, torch.float32)
        if (features, machine.saving) == (machine.features, "off"):
            return False
        self._machine = machine._replace(features=features, saving="off")
        self._network = self._network.to(machine.device, features)
        return True

    def _tighten(self, error: Exception) -> None:
        """Plan with less memory and go on from the best image, if that was what failed.

        Raises:
            RunError: nothing smaller fits.

        """
        if not _is_out_of_memory(error):
            raise error
        before = self.plan.bytes
        try:
            self.plan = self._replan(_TIGHTER * (before - self.plan.held))
        except PictureError as none:
            raise RunError(f"the memory did not suffice, and no plan takes less than {before / 1e9:.2f} GB.") from none
        finally:
            error.__traceback__ = None  # it holds on to what was under way
        allocator.keep(self.plan.keeping)
        at = self._at
        at.image = at.best
        at.optimizer = self._optimizer(self._stage, at.rescues).init(at.best)
        self._remarks.append(
            f"the memory did not suffice for {before / 1e9:.2f} GB, so the best image is painted on within "
            f"{self.plan.bytes / 1e9:.2f} GB."
        )

    def _keep_now_and_then(self) -> None:
        if self._keeper is not None and self._keeper.is_due():
            try:
                self.keep()
            except ImpastoError as error:
                self._remarks.append(f"{error} The run goes on without this checkpoint.")

    def _iteration(self) -> Iteration:
        objective = self._scene.objective(self._stage, self._network)
        return iteration(objective, self._optimizer(self._stage, self._at.rescues), self._machine.device)

    def _report(self, loss: float, terms: Mapping[str, float], seconds: float) -> Progress:
        at, stage = self._at, self._stage
        left = self._clock.left(at.stage, at.evaluation, seconds)
        remark = " ".join(self._remarks)
        self._remarks.clear()
        return Progress(
            stage=at.stage + 1,
            stages=len(self.plan.stages),
            width=stage.size.width,
            height=stage.size.height,
            evaluation=at.evaluation,
            evaluations=stage.evaluations,
            loss=loss,
            terms=terms,
            seconds=seconds,
            seconds_left=left,
            remark=remark,
        )

    def _enlarge(self, number: int) -> None:
        """Begin a stage with the best image and the optimizer's state, brought to its size in float.

        An image that began as the content gets back the content's finer detail, which the smaller size could not hold:
        lines stay sharp, and the loss falls as far in a fifth fewer evaluations (docs/notes/pictures.md).
        """
        at, stage = self._at, self.plan.stages[number]
        size, before = stage.size, Size(at.best.shape[2], at.best.shape[1])
        if size != before:
            enlarge = partial(resample, height=size.height, width=size.width)
            at.best = enlarge(at.best)
            if self._scene.begins_as_content:
                at.best.add_(self._scene.content(size))
                at.best.sub_(enlarge(self._scene.content(before)))
            at.optimizer = self._optimizer(stage, at.rescues).resampled(at.optimizer, enlarge)
        at.image = at.best
        if number > at.stage:
            at.stage, at.evaluation, at.failures, at.bests = number, 0, 0, [math.inf]

    def _optimizer(self, stage: Stage, rescues: int) -> Optimizer[Any]:
        settings, layout, share = self.settings, stage.layout, 0.5**rescues
        rate, power = share * settings.learning_rate, settings.preconditioner
        if settings.optimizer == "adam":
            return Adam(rate, power)
        history_dtype = torch.bfloat16 if layout.history_type == "bfloat16" else None
        return LBFGS(layout.history, rate, power, history_dtype, group=self._machine.group).shortened(share)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether an error says that there is no memory left; on a processor torch has no class for it."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def _is_flat(bests: Sequence[float], tolerance: float) -> bool:
    """Judge whether the best loss fell by less than a share of `tolerance` over the last evaluations."""
    if tolerance == 0 or len(bests) <= _WINDOW + 1:
        return False
    return bests[-1 - _WINDOW] - bests[-1] < tolerance * bests[-1 - _WINDOW]
