"""What every optimizer offers, and the unit of its steps."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from torch import Tensor

__all__ = ["GRAY_LEVEL", "Optimizer", "Resample"]

GRAY_LEVEL = 1 / 255

Resample = Callable[[Tensor], Tensor]
"""Bring a (C, H, W) tensor to another height and width."""


S = TypeVar("S")
"""What an optimizer remembers from one evaluation to the next: a dataclass of tensors, or of such dataclasses."""


class Optimizer(Protocol[S]):
    """Frozen settings of a method."""

    def init(self, image: Tensor) -> S:
        """Return the state before the first evaluation."""
        ...

    def resampled(self, state: S, resample: Resample) -> S:
        """Return a state, perhaps one of other settings of this method, for the same image at another size."""
        ...

    def resumed(self, image: Tensor, tensors: Mapping[str, Tensor]) -> S:
        """Return the state for an image whose tensors these are, by the names that `trees.named` gave them.

        Raises:
            ValueError: a tensor is missing, or of another shape or dtype.

        """
        ...

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: S) -> tuple[Tensor, S]:
        """Return where to evaluate next, and the state then; `loss` is a scalar. Uses up the gradient and the state."""
        ...
