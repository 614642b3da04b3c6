"""Resampling of images to another size."""

from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["resample", "resample_colors"]

_MIN_OPACITY = 1 / 512
"""Opacity below which a color is not known."""


def resample(pixels: Tensor, height: int, width: int) -> Tensor:
    """Resample an image with the Catmull-Rom cubic.

    When shrinking, the kernel widens with the step, so that detail finer than the new pixels averages out instead of
    aliasing. Values are not clamped: edges overshoot by up to 15 % of their step, and gradients and the state of an
    optimizer are resampled here too. Channels are resampled one after the other, which saves memory.

    Args:
        pixels: (C, H, W), float32 or float64.
        height: Of the result, in pixels.
        width: Of the result, in pixels.

    Returns:
        (C, height, width); the same tensor, if it has that size already.

    """
    if pixels.shape[-2:] == (height, width):
        return pixels
    resampled = pixels.new_empty(len(pixels), height, width)
    for channel, target in zip(pixels, resampled, strict=True):
        target.copy_(interpolate(channel[None, None], (height, width), mode="bicubic", antialias=True)[0, 0])
    return resampled


def resample_colors(pixels: Tensor, opacity: Tensor | None, height: int, width: int) -> Tensor:
    """Resample an image whose colors count by their opacity, so that those of transparent parts do not bleed.

    Args:
        pixels: (3, H, W), float32.
        opacity: In [0, 1], (H, W); None: opaque.
        height: Of the result, in pixels.
        width: Of the result, in pixels.

    Returns:
        (3, height, width), white where nothing shows; the same tensor, if it has that size already.

    """
    if opacity is None or pixels.shape[-2:] == (height, width):
        return resample(pixels, height, width)
    resampled_opacity = resample(opacity[None], height, width)  # (1, height, width)
    colors = resample(pixels * opacity, height, width) / resampled_opacity.clamp_min(_MIN_OPACITY)
    return colors.where(resampled_opacity >= _MIN_OPACITY, 1.0)
