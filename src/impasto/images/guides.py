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
    unit_weights = weights[None]  # (1, H, W)
    if spread == "simple":
        stride = up_to(layer)[-1].stride
        unit_weights = functional.avg_pool2d(unit_weights, stride) if stride > 1 else unit_weights
    else:
        sign = 1 if spread == "all" else -1
        for step in up_to(layer):
            unit_weights = sign * (
                functional.max_pool2d(sign * unit_weights, 2) if step.is_pool else _dilate(sign * unit_weights, 1)
            )
    return (_dilate(unit_weights, grow) if grow >= 0 else -_dilate(-unit_weights, -grow))[0]


def _dilate(weights: Tensor, radius: int) -> Tensor:
    """Return the largest weight within `radius` units of each; beyond the border there is nothing."""
    return functional.max_pool2d(weights, 2 * radius + 1, stride=1, padding=radius) if radius else weights
