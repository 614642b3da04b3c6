"""Limited-memory BFGS without a line search. Nocedal and Wright, *Numerical Optimization*, 2nd edition, chapter 7.2."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from impasto.group import ALONE, Group
from impasto.optimizers.pairs import Pairs
from impasto.optimizers.protocol import GRAY_LEVEL, Resample
from impasto.optimizers.spectrum import divide_by_frequency_
from impasto.trees import filled

__all__ = ["LBFGS", "LBFGSState"]

_FOLLOWING = 0.1
"""The power with which one step's best length counts."""

_FURTHEST = (0.1, 2.5)
"""Limits of that length, times the step taken."""

_SHARE = 0.5
"""Of the step that the pairs propose, at the start."""

_SHARES = (0.02, 1.0)
"""Limits of it."""


class Last(NamedTuple):
    """The last good point, to take the next difference from and to fall back on, and the step that left it."""

    image: Tensor
    loss: Tensor
    gradient: Tensor
    """In the variables of `divide_by_frequency_`, as is `step`; of both this process's part, (N,)."""
    step: Tensor


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The pairs, the last good point, and how long the next step may be."""

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
        if "last.image" in tensors:
            mine = self.group.part(image.reshape(-1))
            state = replace(state, last=Last(image, state.share, mine, mine))
        return filled(state, tensors)

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """Return the next point and the state with the last step's pair; uses up the gradient and the state."""
        mine = self.group.part(divide_by_frequency_(gradient, self.preconditioner).view(-1))
        last = state.last
        if last is None:
            return self._move(Last(image, loss, mine.clone(), state.pairs.direction(mine)), state, gradient)
        slopes = self.group.sum(torch.stack((mine.dot(last.step), last.gradient.dot(last.step))))
        share = _followed(state.share, *slopes)
        bad = ~(loss <= self.tolerated * last.loss)
        moved = (image - last.image).abs_().mean()
        longest = torch.where(bad, moved / 2, (2 * state.longest).clamp_max(self.longest_step))
        change = mine.sub_(last.gradient)
        good = last.gradient.add_(_choose(bad, torch.zeros_like(loss), change))
        pairs, along = state.pairs.remember(last.step, change, good)
        image, loss = _choose(bad, last.image, image), _choose(bad, last.loss, loss)
        last = Last(image, loss, good, pairs.direction(good, along, out=last.step))
        return self._move(last, LBFGSState(pairs, longest, share), gradient)

    def _move(self, last: Last, state: LBFGSState, room: Tensor) -> tuple[Tensor, LBFGSState]:
        """Step on from a good point, as `last` says but for the length; `room`, an image, is written over."""
        self.group.part(room.view(-1)).copy_(last.step)
        self.group.whole(room.view(-1))
        move = divide_by_frequency_(room, self.preconditioner)
        length = move.abs().mean()
        wanted = torch.where(state.pairs.ages.any(), self.learning_rate * state.share * length, self.first_step)
        scale = -wanted.minimum(state.longest) / length.clamp_min(torch.finfo(length.dtype).tiny)
        last.step.mul_(scale)
        return move.mul_(scale).add_(last.image), replace(state, last=last)


def _choose(bad: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Return one of two tensors: on a processor itself, elsewhere a copy, since to look would be to wait."""
    if bad.device.type == "cpu":
        return before if bad else now
    return torch.where(bad, before, now)


def _followed(share: Tensor, slope: Tensor, slope_before: Tensor) -> Tensor:
    """Bring the share of a step that is taken nearer to where the slope along the last one would have been 0."""
    best = (1 - slope / slope_before).reciprocal()  # times the last step; negative: further than any
    best = torch.where(best > 0, best, _FURTHEST[1]).clamp(*_FURTHEST)
    return torch.where(slope.isfinite(), share * best**_FOLLOWING, share).clamp(*_SHARES)
