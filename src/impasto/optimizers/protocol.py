"""What every optimizer offers, and the unit of its steps."""

from collections.abc import Callable
from typing import Protocol, Self, TypeVar

from torch import Tensor

__all__ = ["GRAY_LEVEL", "Optimizer", "Resample", "State"]

GRAY_LEVEL = 1 / 255

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

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: S) -> tuple[Tensor, S]:
        """Return where to evaluate next, and the state then; `loss` is a scalar."""
        ...
