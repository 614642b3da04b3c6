"""The solver of a run: the objective and the optimizer of each stage, on a machine with its network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from impasto.images import resample
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.tile_units import measure_image
from impasto.optimizers import LBFGS, Adam, Optimizer
from impasto.optimizers.base import Resample
from impasto.planning.plan import Plan, Size, Stage
from impasto.transfer import verdict
from impasto.transfer.checkpoint import Checkpoint
from impasto.transfer.iteration import Iteration, iteration
from impasto.transfer.run_state import RunState
from impasto.transfer.scene import Scene
from impasto.transfer.setup import Setup

__all__ = ["Solver"]

EXACT_RESCUE = 2
"""The rescue from which on a run computes in float32; the step alone may have been the cause of the first one."""

THUMBNAIL_SIDE = 256
"""Pixels of the long side of a thumbnail, at most: about the size of the picture on a page."""

_STAGE_START: Mapping[str, Any] = {
    "evaluation": 0,
    "failures": 0,
    "bests": RunState.bests,
    "thumbnail": None,
    "change": math.inf,
}
"""The fields of a state that start again in each stage."""


class Solver:
    """Makes the iterations and optimizers of a run, and the states in which it begins, continues and is enlarged.

    Args:
        setup: The pictures and settings, with their plan, network and machine.
        targets: The targets that the previous solver measured; those that this solver measures are stored there.

    """

    def __init__(self, setup: Setup, targets: StoredTargets) -> None:
        # a normalized network is rescaled for these pictures, so no other run has its targets
        targets.measure_style = measure_image if setup.settings.normalize else setup.cache.measure_style
        self.settings, self.machine = setup.settings, setup.machine
        self.scene = Scene(setup.inputs, setup.settings, setup.machine, targets, setup.cache.small)
        self.network = self.scene.normalized(setup.network, setup.plan.stages[0])

    def begin(self, stage: Stage) -> RunState:
        """Return the state before the first evaluation of a run's first stage."""
        canvas = self.scene.canvas(stage.size)
        return RunState(canvas, canvas, self.optimizer(stage, 0).init(canvas))

    def resumed(self, checkpoint: Checkpoint, stages: Sequence[Stage]) -> RunState:
        """Return the state of the run that saved a checkpoint, on this machine.

        Args:
            checkpoint: The checkpoint.
            stages: The stages of the run's plan.

        Returns:
            The state.

        """
        state = checkpoint.state(self.scene.to_device, lambda number, rescues: self.optimizer(stages[number], rescues))
        if state.rescues >= EXACT_RESCUE:
            self._compute_exactly()
        return state

    def rescued(self, state: RunState, stage: Stage, trouble: str) -> RunState:
        """Return the best image with a new state of the optimizer and half the step, later in float32.

        Args:
            state: The state of the run.
            stage: The stage under way.
            trouble: The trouble with its losses that `verdict.count_evaluation` returned.

        Returns:
            The state, with a remark about it.

        """
        number = state.rescues + 1
        exactly = number >= EXACT_RESCUE and self._compute_exactly()
        remark = (
            f"the loss {trouble} in {verdict.FAILURES_TO_RESCUE} evaluations, so the best image is painted on with "
            f"half the step{' and in float32' if exactly else ''} ({number} of {verdict.MAX_RESCUES})."
        )
        return self.restarted(replace(state, failures=0, rescues=number), stage).with_remark(remark)

    def compared(self, state: RunState) -> RunState:
        """Return the state with a new thumbnail of the best image, and its difference from the previous thumbnail."""
        size = _size(state.best)
        width, height = size.with_long_side(THUMBNAIL_SIDE) if max(size) > THUMBNAIL_SIDE else size
        thumbnail = resample(state.best, height, width).clamp(0, 1).clone()
        change = math.inf if state.thumbnail is None else 255 * float((thumbnail - state.thumbnail).abs().mean())
        return replace(state, thumbnail=thumbnail, change=self.machine.group.broadcast(change))

    def restarted(self, state: RunState, stage: Stage) -> RunState:
        """Return the state in which the best image is painted on, with a new state of the optimizer.

        Args:
            state: The state of the run.
            stage: The stage in which it continues.

        Returns:
            The state, with the same counts and reports.

        """
        return replace(state, image=state.best, optimizer=self.optimizer(stage, state.rescues).init(state.best))

    def enlarged(self, state: RunState, plan: Plan, number: int) -> RunState:
        """Return the state in which a stage begins: the best image and the optimizer's state, brought to its size.

        An image that began as a picture gets back that picture's finer detail, which the smaller size could not hold:
        lines stay sharp, and the loss falls as far in a fifth fewer evaluations (docs/notes/pictures.md).

        Args:
            state: The state of the run at the end of this stage or of an earlier one.
            plan: The plan of the run.
            number: The number of the stage that begins, from 0.

        Returns:
            The state, in float at the size of the stage.

        """
        stage = plan.stages[number]
        state = replace(state, image=state.best)
        if stage.size != _size(state.best):
            state = self._resized(state, stage, with_curvature=True)
        return state if number == state.stage else replace(state, stage=number, **_STAGE_START)

    def changed(self, state: RunState, plan: Plan, *, with_curvature: bool) -> RunState:
        """Return the state in which a run continues from its best image after a change.

        Args:
            state: The state of the run.
            plan: The new plan.
            with_curvature: Whether the state of the optimizer stays in use.

        Returns:
            The state at the start of the first stage that is at least as large as the image, or of the last one.

        """
        long_side = max(_size(state.best))
        numbers = (number for number, stage in enumerate(plan.stages) if max(stage.size) >= long_side)
        number = next(numbers, len(plan.stages) - 1)
        state = replace(state, stage=number, rescues=0, changed_after=len(state.history), **_STAGE_START)
        return self._resized(state, plan.stages[number], with_curvature=with_curvature)

    def iteration(self, stage: Stage, rescues: int) -> Iteration:
        """Measure the targets of a stage and return its iteration.

        Args:
            stage: The stage.
            rescues: The number of times that the run went back to its best image; each halves the steps.

        Returns:
            A function that evaluates and steps on.

        """
        objective = self.scene.objective(stage, self.network)
        return iteration(objective, self.optimizer(stage, rescues), self.machine.device)

    def optimizer(self, stage: Stage, rescues: int) -> Optimizer[Any]:
        """Return the optimizer of a stage.

        Args:
            stage: The stage, whose layout has the length of the history.
            rescues: The number of times that the run went back to its best image; each halves the steps.

        Returns:
            The optimizer that the settings ask for.

        """
        settings, layout, factor = self.settings, stage.layout, 0.5**rescues
        rate, power = factor * settings.learning_rate, settings.preconditioner
        if settings.optimizer == "adam":
            return Adam(rate, power)
        history_dtype = torch.bfloat16 if layout.history_dtype == "bfloat16" else None
        return LBFGS(layout.history, rate, power, history_dtype, group=self.machine.group).shortened(factor)

    def _compute_exactly(self) -> bool:
        """Compute features in float32 from now on, without Winograd's algorithm; return whether that is new."""
        machine = self.machine
        features = torch.promote_types(machine.features, torch.float32)
        if (features, machine.winograd) == (machine.features, "off"):
            return False
        self.network = self.network.to(machine.device, features)
        self.machine = machine._replace(features=features, winograd="off")
        return True

    def _resized(self, state: RunState, stage: Stage, *, with_curvature: bool) -> RunState:
        """Return the state with the best image, and the optimizer's state or a new one, at the size of a stage."""
        size, best, optimizer = stage.size, state.best, self.optimizer(stage, state.rescues)
        if size == _size(best):
            resize: Resample = lambda image: image  # noqa: E731
        else:
            resize = partial(resample, height=size.height, width=size.width)
            best = self._enlarge(best, size)
        optimizer_state = optimizer.resampled(state.optimizer, resize) if with_curvature else optimizer.init(best)
        return replace(state, image=best, best=best, optimizer=optimizer_state)

    def _enlarge(self, image: Tensor, size: Size) -> Tensor:
        """Return an image at a larger size, (3, H, W), with the finer detail of the picture that it began as."""
        enlarge = partial(resample, height=size.height, width=size.width)
        enlarged = enlarge(image)
        if self.scene.has_detail:
            enlarged.add_(self.scene.canvas(size))
            enlarged.sub_(enlarge(self.scene.canvas(_size(image))))
        return enlarged


def _size(image: Tensor) -> Size:
    """Return the size of an image, (3, H, W)."""
    return Size(image.shape[2], image.shape[1])
