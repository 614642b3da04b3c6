"""What evaluates and steps in each stage of a run: an objective and an optimizer, on a machine with its network."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from impasto.images import resample
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.tile_units import measured
from impasto.optimizers import LBFGS, Adam, Optimizer
from impasto.planning.plan import Plan, Size, Stage
from impasto.transfer import verdict
from impasto.transfer.checkpoint import Checkpoint
from impasto.transfer.iteration import Iteration, iteration
from impasto.transfer.run_state import RunState
from impasto.transfer.scene import Scene
from impasto.transfer.setup import Setup

__all__ = ["Solver"]

EXACT_RESCUE = 2
"""The rescue from which on a run computes in float32: the first may have been a matter of the step alone."""

SEEN_SIDE = 256
"""Pixels of the long side at which the picture is compared with itself, at most: what one sees of it on a page."""


class Solver:
    """Makes what a run computes with, and the states in which it begins, continues, goes back and is enlarged.

    Args:
        setup: The pictures and settings, with their plan, network and machine.
        targets: What was measured for the solver before this one; what this one measures is stored there.

    """

    def __init__(self, setup: Setup, targets: StoredTargets) -> None:
        own = setup.settings.normalize  # the network is rescaled for these pictures, so no other run has such targets
        targets.measure_style = measured if own else setup.cache.measure_style
        self.settings, self.machine = setup.settings, setup.machine
        self.scene = Scene(setup.inputs, setup.settings, setup.machine, targets, setup.cache.small)
        self.network = self.scene.normalized(setup.network, setup.plan.stages[0])

    def begin(self, stage: Stage) -> RunState:
        """Return the state before the first evaluation of a run's first stage."""
        canvas = self.scene.canvas(stage.size)
        return RunState(canvas, canvas, self.optimizer(stage, 0).init(canvas))

    def resumed(self, checkpoint: Checkpoint, stages: Sequence[Stage]) -> RunState:
        """Return where the run stood that saved a checkpoint, on this machine.

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
            state: Where the run stands.
            stage: The stage under way.
            trouble: What is wrong with its evaluations, as `verdict.judged` says it.

        Returns:
            The state, with a remark about it.

        """
        number = state.rescues + 1
        exactly = number >= EXACT_RESCUE and self._compute_exactly()
        remark = (
            f"the loss {trouble} in {verdict.FAILURES_TO_RESCUE} evaluations, so the best image is painted on with "
            f"half the step{' and in float32' if exactly else ''} ({number} of {verdict.MAX_RESCUES})."
        )
        return self.from_best(replace(state, failures=0, rescues=number), stage).remarked(remark)

    def compared(self, state: RunState) -> RunState:
        """Return the state with a small copy of the best image, and how far it is from the one before."""
        size = Size(state.best.shape[2], state.best.shape[1])
        width, height = size.with_long_side(SEEN_SIDE) if max(size) > SEEN_SIDE else size
        seen = resample(state.best, height, width).clamp(0, 1).clone()
        change = math.inf if state.seen is None else 255 * float((seen - state.seen).abs().mean())
        return replace(state, seen=seen, change=self.machine.group.broadcast(change))

    def from_best(self, state: RunState, stage: Stage) -> RunState:
        """Return the state in which the best image is painted on, with a new state of the optimizer.

        Args:
            state: Where the run stands.
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
            state: The state of the run at the end of this stage or of one before.
            plan: The plan of the run.
            number: Of the stage that begins, from 0.

        Returns:
            The state, in float at the size of the stage.

        """
        size, before = plan.stages[number].size, Size(state.best.shape[2], state.best.shape[1])
        state = replace(state, image=state.best)
        if size != before:
            enlarge = partial(resample, height=size.height, width=size.width)
            optimizer = self.optimizer(plan.stages[number], state.rescues).resampled(state.optimizer, enlarge)
            best = self._enlarged(state.best, size)
            state = replace(state, image=best, best=best, optimizer=optimizer)
        if number == state.stage:
            return state
        return replace(state, stage=number, evaluation=0, failures=0, bests=RunState.bests, seen=None, change=math.inf)

    def changed(self, state: RunState, plan: Plan, *, with_curvature: bool) -> RunState:
        """Return the state in which a run continues from its best image after a change.

        Args:
            state: Where the run stands.
            plan: The new plan.
            with_curvature: Whether the state of the optimizer stays in use.

        Returns:
            The state at the start of the first stage that is at least as large as the image, or of the last one.

        """
        height, width = state.best.shape[1:]
        fitting = (n for n, stage in enumerate(plan.stages) if max(stage.size) >= max(width, height))
        number = next(fitting, len(plan.stages) - 1)
        stage = plan.stages[number]
        counts = {"stage": number, "evaluation": 0, "failures": 0, "rescues": 0, "changed_after": len(state.history)}
        start = replace(state, image=state.best, bests=RunState.bests, seen=None, change=math.inf, **counts)
        size, steps = stage.size, self.optimizer(stage, 0)
        if size == Size(width, height):
            optimizer = steps.resampled(state.optimizer, _unchanged) if with_curvature else steps.init(state.best)
            return replace(start, optimizer=optimizer)
        enlarge = partial(resample, height=size.height, width=size.width)
        best = self._enlarged(state.best, size)
        optimizer = steps.resampled(state.optimizer, enlarge) if with_curvature else steps.init(best)
        return replace(start, image=best, best=best, optimizer=optimizer)

    def iteration(self, stage: Stage, rescues: int) -> Iteration:
        """Measure the targets of a stage and return what evaluates and steps in it.

        Args:
            stage: The stage.
            rescues: How often the run went back to its best image; each halves the steps.

        Returns:
            A function that evaluates and steps on.

        """
        objective = self.scene.objective(stage, self.network)
        return iteration(objective, self.optimizer(stage, rescues), self.machine.device)

    def optimizer(self, stage: Stage, rescues: int) -> Optimizer[Any]:
        """Return the optimizer of a stage.

        Args:
            stage: The stage, whose layout says how long the history is.
            rescues: How often the run went back to its best image; each halves the steps.

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

    def _enlarged(self, image: Tensor, size: Size) -> Tensor:
        """Return an image at a larger size, (3, H, W), with the finer detail of the picture that it began as."""
        enlarge, before = partial(resample, height=size.height, width=size.width), Size(image.shape[2], image.shape[1])
        image = enlarge(image)
        if self.scene.has_detail:
            image.add_(self.scene.canvas(size))
            image.sub_(enlarge(self.scene.canvas(before)))
        return image


def _unchanged(image: Tensor) -> Tensor:
    return image
