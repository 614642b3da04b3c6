"""How images are brought to another size."""

from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["resample"]


def resample(pixels: Tensor, height: int, width: int) -> Tensor:
    """Resample (C, H, W) to (C, `height`, `width`), float32 or float64, with the Catmull-Rom cubic.

    When shrinking, the kernel widens with the step, so that detail finer than the new pixels averages out instead of
    aliasing. Not clamped: edges overshoot by up to 15 % of their step, and gradients and an optimizer's state pass
    through here too. The same size returns the same tensor. What is under way is a channel, for memory's sake.
    """
    if pixels.shape[-2:] == (height, width):
        return pixels
    resampled = pixels.new_empty(len(pixels), height, width)
    for channel, target in zip(pixels, resampled, strict=True):
        target.copy_(interpolate(channel[None, None], (height, width), mode="bicubic", antialias=True)[0, 0])
    return resampled
