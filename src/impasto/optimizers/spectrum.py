"""A change of variables by spatial frequency, in which an image is optimized more evenly."""

from typing import cast

import torch
from torch import Tensor

__all__ = ["divide_by_frequency_"]


def divide_by_frequency_(image: Tensor, power: float, *, unit: bool = False) -> Tensor:
    """Divide each spatial frequency f of (C, H, W) by f^power, in place; return the image.

    f counts cycles over the long side, the mean counts as 1. Coarse forms move slowly under plain descent, since the
    objective's curvature by them is small. Optimizing z, where x = irfft2(rfft2(z) / f^p), divides a gradient by f^p
    and the step that comes of it by f^p again. Symmetric and positive. With `unit`, scaled so that white noise keeps
    its deviation.
    """
    if power == 0:
        return image
    height, width = image.shape[-2:]
    rows = torch.arange(height, device=image.device, dtype=image.dtype)
    down = rows.minimum(height - rows)[:, None] / height  # (H, 1), cycles a pixel
    across = torch.arange(width // 2 + 1, device=image.device, dtype=image.dtype)[None] / width  # (1, W // 2 + 1)
    gain = (down.square() + across.square()).sqrt_().mul_(max(height, width)).clamp_min_(1.0).pow_(-power)
    if unit:
        gain /= gain.square().mean().sqrt()
    for channel in image:  # one at a time, for memory's sake
        spectrum = cast("Tensor", torch.fft.rfft2(channel)).mul_(gain)
        torch.fft.irfft2(spectrum, s=(height, width), out=channel)
    return image
