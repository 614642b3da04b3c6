"""Limited-memory BFGS without a line search. Nocedal and Wright, *Numerical Optimization*, 2nd edition, chapter 7.2."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch, history_operators
from impasto.machine.processes import ALONE, Group
from impasto.optimizers.base import GRAY_LEVEL, Resample
from impasto.optimizers.lbfgs_history import FARTHER, LEAST_COSINE, Pairs, dot
from impasto.optimizers.preconditioner import divide_by_frequency_
from impasto.optimizers.state import filled
from impasto.planning.footprint import IMAGE_BYTES

__all__ = ["LBFGS", "STATE_BYTES", "LBFGSState"]

STATE_BYTES = IMAGE_BYTES
"""Bytes a pixel of the last gradient, of which each process has its part."""

_FOLLOWING = 0.1
"""The power with which one step's best length counts."""

_FURTHEST = (0.1, 2.5)
"""Limits of that length, times the step taken."""

_SHARE = 0.5
"""Of the step that the pairs propose, at the start."""

_SHARES = (0.02, 1.0)
"""Limits of it."""


class Last(NamedTuple):
    """The last good point, from which a step was begun."""

    loss: Tensor
    gradient: Tensor
    """In the variables of `divide_by_frequency_`, this process's part, (N,)."""
    moved: Tensor
    """The mean absolute step from it, in units of the image."""
    image: Tensor | None = None
    """The point, (C, H, W); on a processor it is had again from the step."""


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The pairs with the step that was begun, the point that it left, and how long the next one may be."""

    pairs: Pairs
    longest: Tensor
    """The mean absolute step that is allowed next, in units of the image."""
    share: Tensor
    """Of the step that the pairs propose, how much is taken."""
    last: Last | None = None


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS in the variables of `divide_by_frequency_`, which makes that filter its first Hessian.

    The whole step that the pairs propose goes too far: at its end the slope along it has changed its sign. So a share
    of it is taken, which follows from step to step the place where the slope was 0 (docs/notes/optimizer.md).

    The first step moves pixels by `first_step` on the mean, and no step by more than `longest_step`; a point whose loss
    is above `tolerated` times the last good one's, or no number, is left again: its pair is kept, and the next step
    starts from the good point and is at most half as long.
    """

    history: int = 50
    learning_rate: float = 1.0
    preconditioner: float = 0.5
    history_dtype: torch.dtype | None = None
    """Of the pairs; the image's, if not given."""
    first_step: float = 0.5 * GRAY_LEVEL
    longest_step: float = 8 * GRAY_LEVEL
    tolerated: float = 1.5
    group: Group = ALONE

    def shortened(self, share: float) -> Self:
        """Return it with shorter first and longest steps."""
        return replace(self, first_step=share * self.first_step, longest_step=share * self.longest_step)

    def init(self, image: Tensor) -> LBFGSState:
        """Return an empty history."""
        pairs = Pairs.none(self.history, image, self.history_dtype or image.dtype, self.group)
        return LBFGSState(pairs, image.new_full((), self.longest_step), image.new_full((), _SHARE))

    def resampled(self, state: LBFGSState, resample: Resample) -> LBFGSState:
        """Return a state for the same image at another size."""
        pairs = state.pairs.resampled(resample, self.history, self.history_dtype or state.longest.dtype)
        return replace(state, pairs=pairs, last=None)

    def resumed(self, image: Tensor, tensors: Mapping[str, Tensor]) -> LBFGSState:
        """Return the state that has these tensors."""
        state = self.init(image)
        if "last.gradient" in tensors:
            point = image if "last.image" in tensors else None
            state = replace(state, last=Last(state.share, self.group.part(image.reshape(-1)), state.share, point))
        return filled(state, tensors)

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """Return the next point and the state with the last step's pair; uses up the gradient and the state."""
        mine = self.group.part(divide_by_frequency_(gradient, self.preconditioner).view(-1))
        if dispatch.is_fused(image):
            return self._fused_step(image, loss, mine, state, gradient)
        last = state.last
        if last is None:
            good = Last(loss, mine.clone(), loss)
            return self._move(image, good, state.pairs.direction(mine), state, gradient)
        step = state.pairs.step(mine.dtype)
        slopes = self.group.sum(torch.stack((dot(mine, step), dot(last.gradient, step))))
        share = _followed(state.share, *slopes)
        bad = ~(loss <= self.tolerated * last.loss)
        longest = torch.where(bad, last.moved / 2, (2 * state.longest).clamp_max(self.longest_step))
        change = mine.sub_(last.gradient)
        good = last.gradient.add_(_choose(bad, lambda: torch.zeros_like(loss), change))
        pairs, along = state.pairs.remember(step, change, good)
        image = _choose(bad, lambda: image - self._in_pixels(step, gradient), image)
        last = last._replace(loss=torch.where(bad, last.loss, loss), gradient=good)
        direction = pairs.direction(good, along, out=step)
        return self._move(image, last, direction, LBFGSState(pairs, longest, share), gradient)

    def _move(
        self, image: Tensor, last: Last, direction: Tensor, state: LBFGSState, room: Tensor
    ) -> tuple[Tensor, LBFGSState]:
        """Step on from a good point against a direction; `room`, an image, is written over."""
        move = self._in_pixels(direction, room)
        length = torch.stack([channel.abs().mean() for channel in move]).mean()  # one at a time, for memory's sake
        wanted = torch.where((state.pairs.ages > 0).any(), self.learning_rate * state.share * length, self.first_step)
        moved = wanted.minimum(state.longest)
        scale = -moved / length.clamp_min(torch.finfo(length.dtype).tiny)
        pairs = state.pairs.begin(direction.mul_(scale))
        return move.mul_(scale).add_(image), replace(state, pairs=pairs, last=last._replace(moved=moved))

    def _fused_step(
        self, image: Tensor, loss: Tensor, mine: Tensor, state: LBFGSState, room: Tensor
    ) -> tuple[Tensor, LBFGSState]:
        """Do the same with few launches; all of the state is changed in place."""
        pairs, last = state.pairs, state.last
        rows, add_up = (pairs.steps, pairs.changes), partial(torch.sum, dim=0, dtype=pairs.products.dtype)
        if last is None or last.image is None:
            last = Last(loss.clone(), mine.clone(), torch.zeros_like(loss), image.clone())
            state = replace(state, last=last)
            sums = pairs.products.new_full((5,), torch.nan)  # no pair
        else:
            parts = history_operators.complete(*rows, pairs.ages, mine, last.gradient, loss, last.loss, self.tolerated)
            sums = self.group.sum(add_up(parts))
        found = self.group.sum(add_up(history_operators.products(*rows, pairs.ages, last.gradient)))
        small = pairs.products, pairs.squares, pairs.lengths, pairs.ages
        numbers = loss, last.loss, last.moved, state.share, state.longest
        of_steps, of_changes, scale, flags = history_operators.solve(sums, found, *small, *numbers, self._limits)
        direction = history_operators.combination(*rows, last.gradient, scale, of_steps, of_changes)
        move = self._in_pixels(direction, room)
        length = cast("Tensor", torch.linalg.vector_norm(move, 1))
        good = image if last.image is None else last.image
        limits = state.share, state.longest, flags, last.moved, self.learning_rate, self.first_step
        image = history_operators.advance(direction, move, length, image, good, pairs.steps, pairs.ages, *limits)
        return image, state

    @property
    def _limits(self) -> list[float]:
        """What `history_operators.solve` has to know."""
        return [LEAST_COSINE, FARTHER, self.tolerated, self.longest_step, _FOLLOWING, *_FURTHEST, *_SHARES]

    def _in_pixels(self, step: Tensor, room: Tensor) -> Tensor:
        """Return the image, in `room`, that a step, (N,), moves pixels by."""
        self.group.part(room.view(-1)).copy_(step)
        self.group.whole(room.view(-1))
        return divide_by_frequency_(room, self.preconditioner)


def _choose(bad: Tensor, before: Callable[[], Tensor], now: Tensor) -> Tensor:
    """Return one of two tensors: on a processor itself, elsewhere a copy, since to look would be to wait."""
    if bad.device.type == "cpu":
        return before() if bad else now
    return torch.where(bad, before(), now)


def _followed(share: Tensor, slope: Tensor, slope_before: Tensor) -> Tensor:
    """Bring the share of a step that is taken nearer to where the slope along the last one would have been 0."""
    best = (1 - slope / slope_before).reciprocal()  # times the last step; negative: further than any
    best = torch.where(best > 0, best, _FURTHEST[1]).clamp(*_FURTHEST)
    return torch.where(slope.isfinite(), share * best**_FOLLOWING, share).clamp(*_SHARES)
