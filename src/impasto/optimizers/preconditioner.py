"""A change of variables by spatial frequency, in which an image is optimized more evenly."""

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from impasto.kernels.cuda import dispatch

__all__ = ["FILTERING_BYTES", "FUSED_FILTERING_BYTES", "divide_by_frequency_"]

FILTERING_BYTES = 3 * 4
"""Bytes a pixel to filter an image: a channel's spectrum and a copy of it, and the gain."""

FUSED_FILTERING_BYTES = 3 * 12 + 2
"""Bytes a pixel to filter an image on a GPU: the spectrum of all channels, two copies of it, and the gain."""


def divide_by_frequency_(image: Tensor, power: float, *, unit: bool = False) -> Tensor:
    """Divide each spatial frequency f of an image by f^power, in place: a symmetric and positive filter.

    f counts cycles over the long side; the mean counts as f = 1. Plain descent moves coarse forms slowly, since the
    objective's curvature along them is small. To optimize z, where x = irfft2(rfft2(z) / f^p), is to divide the
    gradient by f^p, and the step that follows from it by f^p again.

    Args:
        image: (C, H, W), changed in place.
        power: p, at least 0.
        unit: Whether the filter is scaled so that it does not change the standard deviation of white noise.

    Returns:
        The image.

    """
    if power == 0:
        return image
    if dispatch.is_fused(image):
        gain = _cached_gain(image.shape[-2:], power, image.device, image.dtype, unit=unit)
        spectrum = cast("Tensor", torch.fft.rfft2(image)).mul_(gain)
        return cast("Tensor", torch.fft.irfft2(spectrum, s=image.shape[-2:], out=image))
    gain = _gain(image.shape[-2:], power, image.device, image.dtype, unit=unit)
    for channel in image:  # one at a time: three spectra at once would be most of the memory of a step
        spectrum = cast("Tensor", torch.fft.rfft2(channel)).mul_(gain)
        torch.fft.irfft2(spectrum, s=channel.shape, out=channel)
    return image


def _gain(size: Sequence[int], power: float, device: torch.device, dtype: torch.dtype, *, unit: bool) -> Tensor:
    """Return 1 / f^power of each frequency of a real image's spectrum, (H, W // 2 + 1)."""
    height, width = size
    rows = torch.arange(height, device=device, dtype=dtype)
    down = rows.minimum(height - rows)[:, None] / height  # (H, 1), cycles a pixel
    across = torch.arange(width // 2 + 1, device=device, dtype=dtype)[None] / width  # (1, W // 2 + 1)
    gain = (down.square() + across.square()).sqrt_().mul_(max(height, width)).clamp_min_(1.0).pow_(-power)
    if unit:
        gain /= gain.square().mean().sqrt()
    return gain


_cached_gain = lru_cache(maxsize=8)(_gain)
"""The gain, computed once: on a GPU its dozen launches would take time in each evaluation."""
