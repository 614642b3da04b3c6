"""Adam. Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impasto.optimizers.base import GRAY_LEVEL, Resample
from impasto.optimizers.preconditioner import divide_by_frequency_
from impasto.optimizers.state import with_tensors
from impasto.planning.footprint import IMAGE_BYTES

__all__ = ["STATE_BYTES", "Adam", "AdamState"]

STATE_BYTES = 2 * IMAGE_BYTES
"""Bytes a pixel of Adam's two moments."""

_DECAYS = (0.9, 0.99)
"""The decay of the two moments a step; 0.99 in place of the paper's 0.999 suits a few hundred steps without noise."""


@dataclass(frozen=True, eq=False)
class AdamState:
    """The moments of Adam."""

    mean: Tensor
    """The decaying mean of the gradient, (C, H, W)."""
    square: Tensor
    """The decaying mean of the gradient's square, (C, H, W)."""
    steps: Tensor
    """The number of steps taken, a scalar."""


@dataclass(frozen=True)
class Adam:
    """Adam, algorithm 1, in the variables of `divide_by_frequency_`."""

    learning_rate: float = 1.0
    """The length of a step, in gray levels."""
    preconditioner: float = 0.0
    """The power of the filter of `divide_by_frequency_`."""

    def init(self, image: Tensor) -> AdamState:
        """Return moments of zero."""
        return AdamState(torch.zeros_like(image), torch.zeros_like(image), image.new_zeros(()))

    def resampled(self, state: AdamState, resample: Resample) -> AdamState:
        """Return a state for the same image at another size; moments are images up to a factor, as gradients are.

        Resampling may undershoot, so the second moment is at least the square of the first one: then no step is longer
        than one of Adam.
        """
        mean, square = resample(state.mean), resample(state.square)
        factor = state.mean[0].numel() / mean[0].numel()
        return replace(state, mean=mean * factor, square=square.maximum(mean.square()) * factor**2)

    def resumed(self, image: Tensor, tensors: Mapping[str, Tensor]) -> AdamState:
        """Return the moments that were saved as named tensors; a ValueError says which one is missing or unfit."""
        return with_tensors(self.init(image), tensors)

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: AdamState) -> tuple[Tensor, AdamState]:  # noqa: ARG002
        """Return the next image and moments; gradient and state are written over, and the loss is not needed."""
        first, second = _DECAYS
        steps = state.steps + 1
        divide_by_frequency_(gradient, self.preconditioner, unit=True)
        mean = state.mean.lerp_(gradient, 1 - first)
        square = state.square.lerp_(gradient.square_(), 1 - second)
        scale = torch.div(square, 1 - second**steps, out=gradient).sqrt_()
        scale.clamp_min_(torch.finfo(scale.dtype).tiny)
        step = torch.div(mean, scale, out=scale).mul_(self.learning_rate * -GRAY_LEVEL / (1 - first**steps))
        divide_by_frequency_(step, self.preconditioner, unit=True)
        return step.add_(image), AdamState(mean, square, steps)
