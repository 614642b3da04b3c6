"""Optimizers as frozen settings with separate state: `init`, then `step` after each evaluation.

    state = optimizer.init(image)
    image, state = optimizer.step(image, loss, gradient, state)

`image` is where loss and gradient were evaluated; the returned image is where to evaluate next. A state can be
resampled to another size. They know nothing of pictures or networks: a point is any (C, H, W) tensor, in units where
255 gray levels are 1.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self, TypeVar, cast

import torch
from torch import Tensor

__all__ = ["LBFGS", "Adam", "AdamState", "LBFGSState", "Optimizer", "precondition"]

_GRAY_LEVEL = 1 / 255

Resample = Callable[[Tensor], Tensor]
"""Bring a (C, H, W) tensor to another height and width."""


class State(Protocol):
    """What an optimizer remembers from one evaluation to the next."""

    def resampled(self, resample: Resample) -> Self:
        """Return the state for the same image at another size."""
        ...


S = TypeVar("S", bound=State)


class Optimizer(Protocol[S]):
    """Frozen settings of a method."""

    def init(self, image: Tensor) -> S:
        """Return the state before the first evaluation."""
        ...

    def step(self, image: Tensor, loss: float, gradient: Tensor, state: S) -> tuple[Tensor, S]:
        """Return where to evaluate next, and the state then."""
        ...


def precondition(gradient: Tensor, power: float) -> Tensor:
    """Divide each spatial frequency of (C, H, W) by f^power, f in cycles over the long side, the mean counted as 1.

    Coarse forms move slowly under plain descent, since the objective's curvature by them is small; dividing by f^(2p)
    is what optimizing z with x = irfft2(rfft2(z) / f^p) comes to. Symmetric and positive.
    """
    if power == 0:
        return gradient
    height, width = gradient.shape[-2:]
    rows = torch.arange(height, device=gradient.device, dtype=gradient.dtype)
    down = rows.minimum(height - rows)[:, None] / height  # (H, 1), cycles a pixel
    across = torch.arange(width // 2 + 1, device=gradient.device, dtype=gradient.dtype)[None] / width  # (1, W // 2 + 1)
    frequency = (down.square() + across.square()).sqrt().mul(max(height, width)).clamp_min(1.0)
    spectrum = cast("Tensor", torch.fft.rfft2(gradient)) / frequency**power
    return cast("Tensor", torch.fft.irfft2(spectrum, s=(height, width)))


class Pair(NamedTuple):
    """A step and the change of the gradient along it."""

    step: Tensor
    change: Tensor
    curvature: Tensor
    """⟨step, change⟩, positive."""


@dataclass(frozen=True, eq=False)
class LBFGSState:
    """The pairs of L-BFGS, and the last good point: to take the next difference from, and to fall back on."""

    pairs: tuple[Pair, ...] = ()
    image: Tensor | None = None
    gradient: Tensor | None = None
    loss: float = float("inf")
    longest: float = float("inf")
    """Mean absolute step that is allowed next, in units of the image."""

    def resampled(self, resample: Resample) -> Self:
        """Return the state for another size: steps are images, and gradients are too, up to a factor.

        The losses are means over pixels, so a gradient by one pixel shrinks as their number grows.
        """
        pairs = (self._resampled(pair, resample) for pair in self.pairs)
        kept = tuple(pair for pair in pairs if _is_curved(pair))
        return replace(self, pairs=kept, image=None, gradient=None, loss=float("inf"))

    @staticmethod
    def _resampled(pair: Pair, resample: Resample) -> Pair:
        step, change = resample(pair.step), resample(pair.change)
        change = change * (pair.change[0].numel() / change[0].numel())
        return Pair(step, change, _inner(step, change))


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS without a line search, with a spatial-frequency preconditioner as its first Hessian.

    Nocedal and Wright, *Numerical Optimization*, 2nd edition, algorithm 7.4, H₀ = γ M with M the preconditioner and
    γ = ⟨s, y⟩ / ⟨y, M y⟩ (7.20). Pairs are accepted by their angle, which no scale of the loss or the image changes.
    The first step moves pixels by `first_step` on the mean, and no step by more than `longest_step`; a point whose loss
    is above `tolerated` times the last good one's is left again: the pair it gives is kept, and the next step starts
    from the good point and is at most half as long.
    """

    history: int = 50
    learning_rate: float = 1.0
    preconditioner: float = 0.5
    first_step: float = 0.5 * _GRAY_LEVEL
    longest_step: float = 8 * _GRAY_LEVEL
    tolerated: float = 1.5

    def init(self, image: Tensor) -> LBFGSState:  # noqa: ARG002
        """Return an empty history."""
        return LBFGSState()

    def step(self, image: Tensor, loss: float, gradient: Tensor, state: LBFGSState) -> tuple[Tensor, LBFGSState]:
        """Return the next point and the state with the last step's pair."""
        state = self._remember(image, gradient, state)
        if state.image is not None and state.gradient is not None and not loss <= self.tolerated * state.loss:
            longest = float((image - state.image).abs().mean()) / 2
            image, gradient = state.image, state.gradient
            state = replace(state, longest=longest)
        else:
            longest = min(self.longest_step, 2 * state.longest)
            state = replace(state, image=image, gradient=gradient, loss=loss, longest=longest)
        direction = self._direction(gradient, state.pairs)
        length = float(direction.abs().mean())
        wanted = min(self.learning_rate * length, longest) if state.pairs else min(self.first_step, longest)
        return image - direction * (wanted / max(length, torch.finfo(direction.dtype).tiny)), state

    def _remember(self, image: Tensor, gradient: Tensor, state: LBFGSState) -> LBFGSState:
        if state.image is None or state.gradient is None:
            return state
        step, change = image - state.image, gradient - state.gradient
        pair = Pair(step, change, _inner(step, change))
        if not _is_curved(pair):
            return state
        return replace(state, pairs=(*state.pairs, pair)[-self.history :])

    def _direction(self, gradient: Tensor, pairs: tuple[Pair, ...]) -> Tensor:
        """Return H g by the two-loop recursion."""
        direction = gradient.clone()
        factors: list[Tensor] = []
        for step, change, curvature in reversed(pairs):
            factors.append(_inner(step, direction) / curvature)
            direction.addcmul_(change, factors[-1], value=-1)
        direction = precondition(direction, 2 * self.preconditioner)
        if pairs:
            _, change, curvature = pairs[-1]
            direction *= curvature / _inner(change, precondition(change, 2 * self.preconditioner))
        for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
            direction.addcmul_(step, factor - _inner(change, direction) / curvature)
        return direction


def _inner(first: Tensor, second: Tensor) -> Tensor:
    """Return ⟨first, second⟩, without the product in memory."""
    return torch.dot(first.flatten(), second.flatten())


def _is_curved(pair: Pair) -> bool:
    """Accept a pair whose step and change are finite and less than a right angle apart."""
    squares = pair.step.square().sum() * pair.change.square().sum()
    return bool(pair.curvature > 1e-8 * squares.sqrt())


@dataclass(frozen=True, eq=False)
class AdamState:
    """The moments of Adam."""

    mean: Tensor
    square: Tensor
    steps: int = 0

    def resampled(self, resample: Resample) -> Self:
        """Return the state for another size; moments are images up to the factor by which gradients shrink.

        Resampling may undershoot; the mean's own square keeps the second moment where no step grows beyond one of Adam.
        """
        mean, square = resample(self.mean), resample(self.square)
        factor = self.mean[0].numel() / mean[0].numel()
        return replace(self, mean=mean * factor, square=square.maximum(mean.square()) * factor**2)


@dataclass(frozen=True)
class Adam:
    """Adam, with steps of `learning_rate` gray levels.

    Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015, algorithm 1. The moments' decay of 0.99 in
    place of 0.999 suits a few hundred steps without noise.
    """

    learning_rate: float = 1.0
    decays: tuple[float, float] = (0.9, 0.99)

    def init(self, image: Tensor) -> AdamState:
        """Return moments of zero."""
        return AdamState(torch.zeros_like(image), torch.zeros_like(image))

    def step(self, image: Tensor, loss: float, gradient: Tensor, state: AdamState) -> tuple[Tensor, AdamState]:  # noqa: ARG002
        """Return the next point and the moments with this gradient."""
        first, second = self.decays
        steps = state.steps + 1
        mean = state.mean.lerp(gradient, 1 - first)
        square = state.square.lerp(gradient.square(), 1 - second)
        scale = (square / (1 - second**steps)).sqrt()
        scale = scale.clamp_min(torch.finfo(scale.dtype).tiny)
        moved = image - self.learning_rate * _GRAY_LEVEL / (1 - first**steps) * mean / scale
        return moved, AdamState(mean, square, steps)
