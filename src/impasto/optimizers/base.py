"""The protocol of an optimizer, and the unit of its steps."""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

from torch import Tensor

__all__ = ["GRAY_LEVEL", "Optimizer", "Resample"]

GRAY_LEVEL = 1 / 255
"""One gray level of 8 bits, in units of the image."""

Resample = Callable[[Tensor], Tensor]
"""Bring a (C, H, W) tensor to another height and width."""


S = TypeVar("S")
"""The state of an optimizer from one evaluation to the next: a dataclass of tensors, or of such dataclasses."""


class Optimizer(Protocol[S]):
    """An optimization method with its settings, which are frozen; everything that a step changes is in its state."""

    def init(self, image: Tensor) -> S:
        """Return the state before the first evaluation."""
        ...

    def resampled(self, state: S, resample: Resample) -> S:
        """Return a state for the same image at another size.

        Args:
            state: A state of this method, perhaps with other settings.
            resample: Bring a (C, H, W) tensor to the other size.

        Returns:
            A state with these settings.

        """
        ...

    def resumed(self, image: Tensor, tensors: Mapping[str, Tensor]) -> S:
        """Return the state that was saved as named tensors.

        Args:
            image: The image that was to be evaluated next, (C, H, W).
            tensors: The tensors of the state, by the names that `state.named_tensors` gave them.

        Returns:
            The state.

        Raises:
            ValueError: a tensor is missing, or of another shape or dtype.

        """
        ...

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: S) -> tuple[Tensor, S]:
        """Return the image to evaluate next, and the state then.

        Args:
            image: Where the loss and the gradient were evaluated, (C, H, W).
            loss: A scalar.
            gradient: The derivative of the loss by the image, (C, H, W); it is written over.
            state: The state before the step; it is written over.

        Returns:
            The next image and the next state.

        """
        ...
