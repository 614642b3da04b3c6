"""Adam. Kingma and Ba, *Adam: A Method for Stochastic Optimization*, ICLR 2015."""

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from impasto.optimizers.protocol import GRAY_LEVEL, Resample
from impasto.optimizers.spectrum import divide_by_frequency

__all__ = ["Adam", "AdamState"]


@dataclass(frozen=True, eq=False)
class AdamState:
    """The moments of Adam."""

    mean: Tensor
    square: Tensor
    steps: Tensor
    """Their number, a scalar."""

    def resampled(self, resample: Resample) -> Self:
        """Return the state for another size; moments are images up to the factor by which gradients shrink.

        Resampling may undershoot; the mean's own square keeps the second moment where no step grows beyond one of Adam.
        """
        mean, square = resample(self.mean), resample(self.square)
        factor = self.mean[0].numel() / mean[0].numel()
        return replace(self, mean=mean * factor, square=square.maximum(mean.square()) * factor**2)


@dataclass(frozen=True)
class Adam:
    """Adam, algorithm 1, with steps of `learning_rate` gray levels, in the variables of `divide_by_frequency`.

    The moments' decay of 0.99 in place of 0.999 suits a few hundred steps without noise.
    """

    learning_rate: float = 1.0
    preconditioner: float = 0.0
    decays: tuple[float, float] = (0.9, 0.99)

    def init(self, image: Tensor) -> AdamState:
        """Return moments of zero."""
        return AdamState(torch.zeros_like(image), torch.zeros_like(image), image.new_zeros(()))

    def step(self, image: Tensor, loss: Tensor, gradient: Tensor, state: AdamState) -> tuple[Tensor, AdamState]:  # noqa: ARG002
        """Return the next point and the moments with this gradient."""
        first, second = self.decays
        steps = state.steps + 1
        gradient = divide_by_frequency(gradient, self.preconditioner, unit=True)
        mean = state.mean.lerp(gradient, 1 - first)
        square = state.square.lerp(gradient.square(), 1 - second)
        scale = (square / (1 - second**steps)).sqrt()
        scale = scale.clamp_min(torch.finfo(scale.dtype).tiny)
        step = mean / scale * (self.learning_rate * GRAY_LEVEL / (1 - first**steps))
        return image - divide_by_frequency(step, self.preconditioner, unit=True), AdamState(mean, square, steps)
