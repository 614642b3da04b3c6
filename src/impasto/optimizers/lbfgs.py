"""Limited-memory BFGS without a line search. Nocedal and Wright, *Numerical Optimization*, 2nd edition, chapter 7.2."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from impasto.optimizers.pairs import Pairs
from impasto.optimizers.protocol import GRAY_LEVEL, Resample
from impasto.optimizers.spectrum import divide_by_frequency

__all__ = ["LBFGS", "LBFGSState"]


class Last(NamedTuple):
    """The last good point, to take the next difference from and to fall back on, and the step that left it."""

    image: Tensor
    loss: Tensor
    gradient: Tensor
    """In the variables of `divide_by_frequency`, as is `step`."""
    step: Tensor


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The pairs, the last good point, and the mean absolute step that is allowed next, in units of the image."""

    pairs: Pairs
    longest: Tensor
    last: Last | None = None

    def resampled(self, resample: Resample) -> Self:
        """Return the state for the same image at another size."""
        return replace(self, pairs=self.pairs.resampled(resample), last=None)


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS in the variables of `divide_by_frequency`, which makes that filter its first Hessian.

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

    def init(self, image: Tensor) -> LBFGSState:
        """Return an empty history."""
        pairs = Pairs.none(self.history, image, self.history_dtype or image.dtype)
        return LBFGSState(pairs, image.new_full((), self.longest_step))

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """Return the next point and the state with the last step's pair."""
        gradient = divide_by_frequency(gradient, self.preconditioner)
        pairs, longest, last = state.pairs, state.longest, state.last
        if last is not None:
            pairs = pairs.remember(last.step.flatten(), (gradient - last.gradient).flatten())
            bad = ~(loss <= self.tolerated * last.loss)
            moved = (image - last.image).abs().mean()
            longest = torch.where(bad, moved / 2, (2 * longest).clamp_max(self.longest_step))
            image, gradient, loss = (
                torch.where(bad, before, now)
                for before, now in ((last.image, image), (last.gradient, gradient), (last.loss, loss))
            )
        direction = pairs.direction(gradient.flatten()).view(gradient.shape)
        move = divide_by_frequency(direction, self.preconditioner)
        length = move.abs().mean()
        wanted = torch.where(pairs.ages.any(), self.learning_rate * length, self.first_step)
        scale = wanted.minimum(longest) / length.clamp_min(torch.finfo(length.dtype).tiny)
        last = Last(image, loss, gradient, direction * -scale)
        return image - move * scale, LBFGSState(pairs, longest, last)
