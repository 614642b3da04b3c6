"""Limited-memory BFGS without a line search. Nocedal and Wright, *Numerical Optimization*, 2nd edition, chapter 7.2."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch, history_operators
from impasto.kernels.lbfgs_algebra import StepControl, judge_step
from impasto.machine.processes import ALONE, Group
from impasto.optimizers.base import GRAY_LEVEL, Resample
from impasto.optimizers.lbfgs_history import FIRST_SCALE_FACTOR, MIN_CURVATURE_COSINE, CurvaturePairs, dot
from impasto.optimizers.preconditioner import divide_by_frequency_
from impasto.optimizers.state import with_tensors
from impasto.planning.footprint import IMAGE_BYTES

__all__ = ["LBFGS", "STATE_BYTES", "LBFGSState"]

STATE_BYTES = IMAGE_BYTES
"""Bytes a pixel of the last gradient, of which each process holds a shard."""

_FIRST_STEP_FRACTION = 0.5
"""The fraction of the proposed step that is taken at first."""

_STEP_FRACTION_LIMITS = (0.02, 1.0)
"""The least and the largest fraction of the proposed step that is taken."""

_BEST_LENGTH_EXPONENT = 0.1
"""The exponent of the best length of one step in the factor that changes the fraction (docs/notes/optimizer.md)."""

_BEST_LENGTH_LIMITS = (0.1, 2.5)
"""The limits of the best length of a step, at which the slope along it is 0, over the length that was taken."""


class LastPoint(NamedTuple):
    """The last good point, from which a step started."""

    loss: Tensor
    gradient: Tensor
    """This process's shard of the gradient in the variables of `divide_by_frequency_`, (N,)."""
    moved: Tensor
    """The mean absolute step from the point, in units of the image."""
    image: Tensor | None = None
    """The point, (C, H, W); on a processor it is computed from the step when it is needed."""


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The curvature pairs with the step that was started, the point where it began, and the limit of the next step."""

    pairs: CurvaturePairs
    max_step: Tensor
    """The mean absolute step that is allowed next, in units of the image."""
    step_fraction: Tensor
    """The fraction of the proposed step that is taken."""
    last: LastPoint | None = None


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS in the variables of `divide_by_frequency_`, which makes that filter its first Hessian.

    The step that the curvature pairs propose is too long: at its end the slope along it has changed its sign. So a
    fraction of it is taken, which follows from step to step the length at which the slope was 0
    (docs/notes/optimizer.md).

    A point whose loss is above `divergence_factor` times the last good point's, or not a number, is bad: its pair is
    remembered, and the next step starts from the good point and is at most half as long.
    """

    history: int = 50
    """The number of curvature pairs that are remembered."""
    learning_rate: float = 1.0
    """A factor of every step but the first."""
    preconditioner: float = 0.5
    """The power of the filter of `divide_by_frequency_`."""
    history_dtype: torch.dtype | None = None
    """The dtype of the pairs; the image's, if not given."""
    first_step: float = 0.5 * GRAY_LEVEL
    """The mean absolute first step, in units of the image."""
    max_step: float = 8 * GRAY_LEVEL
    """The largest mean absolute step, in units of the image."""
    divergence_factor: float = 1.5
    """The loss over the last good point's above which a point is bad."""
    group: Group = ALONE
    """The processes among which an image is divided."""

    def shortened(self, factor: float) -> Self:
        """Return the optimizer with a first and a largest step that are `factor` times as long."""
        return replace(self, first_step=factor * self.first_step, max_step=factor * self.max_step)

    def init(self, image: Tensor) -> LBFGSState:
        """Return an empty history."""
        pairs = CurvaturePairs.empty(self.history, image, self.history_dtype or image.dtype, self.group)
        return LBFGSState(pairs, image.new_full((), self.max_step), image.new_full((), _FIRST_STEP_FRACTION))

    def resampled(self, state: LBFGSState, resample: Resample) -> LBFGSState:
        """Return a state for the same image at another size, without a step that was started."""
        pairs = state.pairs.resampled(resample, self.history, self.history_dtype or state.max_step.dtype)
        return replace(state, pairs=pairs, last=None)

    def resumed(self, image: Tensor, tensors: Mapping[str, Tensor]) -> LBFGSState:
        """Return the state that was saved as named tensors; a ValueError says which one is missing or unfit."""
        state = self.init(image)
        if "last.gradient" in tensors:
            point = image if "last.image" in tensors else None
            state = replace(
                state,
                last=LastPoint(state.step_fraction, self.group.shard(image.reshape(-1)), state.step_fraction, point),
            )
        return with_tensors(state, tensors)

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """Return the next image, and the state with the last step's pair; gradient and state are written over."""
        local_gradient = self.group.shard(divide_by_frequency_(gradient, self.preconditioner).view(-1))
        if dispatch.is_fused(image):
            return self._fused_step(image, loss, local_gradient, state, gradient)
        last = state.last
        if last is None:
            last = LastPoint(loss, local_gradient.clone(), loss)
            return self._move(image, last, state.pairs.direction(local_gradient), state, gradient)
        step = state.pairs.step(local_gradient.dtype)
        slopes = self.group.sum(torch.stack((dot(local_gradient, step), dot(last.gradient, step))))
        control = StepControl(last.loss, state.step_fraction, state.max_step)
        is_bad, control = judge_step(control, slopes, loss, last.moved, self._step_limits)
        change = local_gradient.sub_(last.gradient)
        if not is_bad:
            last.gradient.add_(change)
        gradient_products = state.pairs.remember(step, change, last.gradient)
        if is_bad:
            image = image - self._to_pixels(step, gradient)  # over `change`, which is a view of the gradient
        direction = state.pairs.direction(last.gradient, gradient_products, out=step)
        state = replace(state, max_step=control.max_step, step_fraction=control.step_fraction)
        return self._move(image, last._replace(loss=control.loss), direction, state, gradient)

    def _move(
        self, image: Tensor, last: LastPoint, direction: Tensor, state: LBFGSState, buffer: Tensor
    ) -> tuple[Tensor, LBFGSState]:
        """Step from a good point against a direction; the image `buffer` is written over."""
        move = self._to_pixels(direction, buffer)
        length = torch.stack([channel.abs().mean() for channel in move]).mean()  # one at a time, to save memory
        proposed_length = self.learning_rate * state.step_fraction * length
        proposed_length = torch.where((state.pairs.ages > 0).any(), proposed_length, self.first_step)
        step_length = proposed_length.minimum(state.max_step)
        scale = -step_length / length.clamp_min(torch.finfo(length.dtype).tiny)
        state.pairs.begin(direction.mul_(scale))
        return move.mul_(scale).add_(image), replace(state, last=last._replace(moved=step_length))

    def _fused_step(
        self, image: Tensor, loss: Tensor, local_gradient: Tensor, state: LBFGSState, buffer: Tensor
    ) -> tuple[Tensor, LBFGSState]:
        """Step on a GPU, with few launches; all of the state is changed in place."""
        pairs, last = state.pairs, state.last
        rows, add_up = (pairs.steps, pairs.changes), partial(torch.sum, dim=0, dtype=pairs.products.dtype)
        if last is None or last.image is None:
            last = LastPoint(loss.clone(), local_gradient.clone(), torch.zeros_like(loss), image.clone())
            state = replace(state, last=last)
            sums = pairs.products.new_full((5,), torch.nan)  # no pair
        else:
            partial_sums = history_operators.complete(
                *rows, pairs.ages, local_gradient, last.gradient, loss, last.loss, self.divergence_factor
            )
            sums = self.group.sum(add_up(partial_sums))
        gradient_products = self.group.sum(add_up(history_operators.products(*rows, pairs.ages, last.gradient)))
        scalars = loss, last.loss, last.moved, state.step_fraction, state.max_step
        limits = [MIN_CURVATURE_COSINE, FIRST_SCALE_FACTOR, *self._step_limits]
        step_weights, change_weights, scale, flags = history_operators.solve(
            sums, gradient_products, *pairs.matrices, *scalars, limits
        )
        direction = history_operators.combination(*rows, last.gradient, scale, step_weights, change_weights)
        move = self._to_pixels(direction, buffer)
        length = cast("Tensor", torch.linalg.vector_norm(move, 1))
        good_image = image if last.image is None else last.image
        limits = state.step_fraction, state.max_step, flags, last.moved, self.learning_rate, self.first_step
        image = history_operators.advance(direction, move, length, image, good_image, pairs.steps, pairs.ages, *limits)
        return image, state

    @property
    def _step_limits(self) -> list[float]:
        """The limits that `judge_step` takes, in its order."""
        return [
            self.divergence_factor,
            self.max_step,
            _BEST_LENGTH_EXPONENT,
            *_BEST_LENGTH_LIMITS,
            *_STEP_FRACTION_LIMITS,
        ]

    def _to_pixels(self, step: Tensor, buffer: Tensor) -> Tensor:
        """Return how far a step, (N,), moves each pixel, written to `buffer`, (C, H, W)."""
        self.group.shard(buffer.view(-1)).copy_(step)
        self.group.all_gather(buffer.view(-1))
        return divide_by_frequency_(buffer, self.preconditioner)
