"""Optimizers as frozen settings with separate state: `init`, then `step` after each evaluation.

    state = optimizer.init(image)
    image, state = optimizer.step(image, loss, gradient, state)

`image` is where loss and gradient were evaluated; the returned image is where to evaluate next. A step writes over the
gradient and the state that it is given. A state can be resampled to another size. Nothing here waits for a device: what
a step depends on stays in tensors. Optimizers know nothing of pictures or networks: a point is any (C, H, W) tensor, in
units where 255 gray levels are 1. They may import `kernels` and `machine.processes`.
"""

from impasto.optimizers.adam import Adam, AdamState
from impasto.optimizers.base import Optimizer
from impasto.optimizers.lbfgs import LBFGS, LBFGSState

__all__ = ["LBFGS", "Adam", "AdamState", "LBFGSState", "Optimizer"]
