"""Guides: what a mask means to the units of a layer.

Gatys, Ecker, Bethge, Hertzmann and Shechtman, *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017,
section 4 and its released notebooks: guided Gram matrices, and three ways to bring a mask to a layer.
"""

from torch import Tensor
from torch.nn import functional

from impasto.layers import up_to
from impasto.settings.choices import MaskSpread

__all__ = ["guide"]


def guide(weights: Tensor, layer: str, spread: MaskSpread, grow: int = 0) -> Tensor:
    """Bring the weights of a mask to the units of a layer.

    Args:
        weights: In [0, 1], (H, W).
        layer: The layer's name, such as `conv3_1`.
        spread: How a unit's receptive field decides.
        grow: Units of the layer by which the inside is widened; narrowed, if below 0.

    Returns:
        Weights in [0, 1], (H // stride, W // stride).

    """
    found = weights[None]  # (1, H, W)
    if spread == "simple":
        stride = up_to(layer)[-1].stride
        found = functional.avg_pool2d(found, stride) if stride > 1 else found
    else:
        sign = 1 if spread == "all" else -1
        for passed in up_to(layer):
            found = sign * (functional.max_pool2d(sign * found, 2) if passed.is_pool else _dilated(sign * found, 1))
    return (_dilated(found, grow) if grow >= 0 else -_dilated(-found, -grow))[0]


def _dilated(weights: Tensor, reach: int) -> Tensor:
    """Return the largest weight within `reach` units of each; beyond the border there is nothing."""
    return functional.max_pool2d(weights, 2 * reach + 1, stride=1, padding=reach) if reach else weights
