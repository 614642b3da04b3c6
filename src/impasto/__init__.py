"""Paint a photograph in the style of a painting.

The method of Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.

    from impasto import stylize

    stylize("photo.jpg", "painting.jpg", size=1024).picture.save("painted.png")
"""

import importlib
from typing import TYPE_CHECKING, Any

from impasto.errors import ImpastoError
from impasto.settings import Runtime, Settings

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.masks import Mask
    from impasto.progress import Progress, Result
    from impasto.run import Run
    from impasto.styles import Style
    from impasto.transfer import StyleTransfer, stylize
    from impasto.vgg import VGG19
    from impasto.weights import load_weights

__all__ = [
    "VGG19",
    "ImpastoError",
    "Mask",
    "Picture",
    "Progress",
    "Result",
    "Run",
    "Runtime",
    "Settings",
    "Style",
    "StyleTransfer",
    "load_weights",
    "stylize",
]

_HOMES = {
    "Mask": "masks",
    "Picture": "images",
    "VGG19": "vgg",
    "load_weights": "weights",
    **dict.fromkeys(("Progress", "Result"), "progress"),
    "Run": "run",
    "Style": "styles",
    **dict.fromkeys(("StyleTransfer", "stylize"), "transfer"),
}


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for, so that the command's help answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"impasto.{_HOMES[name]}"), name)
