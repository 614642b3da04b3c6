"""Paint a photograph in the style of a painting.

The method of Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.

    from impasto import stylize

    stylize("photo.jpg", "painting.jpg", size=1024).picture.save("painted.png")
"""

import importlib
from typing import TYPE_CHECKING, Any

from impasto.errors import (
    CheckpointError,
    DownloadError,
    ImpastoError,
    InputError,
    LossError,
    OtherRunError,
    OutOfMemoryError,
    PictureError,
    RunError,
    SettingsError,
    SpaceError,
    WeightsError,
    WriteError,
)
from impasto.jobs.job import Job, StyleSource
from impasto.settings import Runtime, Settings

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.images.masks import Mask
    from impasto.jobs.session import Session
    from impasto.losses import (
        AutogradLoss,
        ContentLoss,
        Loss,
        NinePointTotalVariationLoss,
        RangeLoss,
        Statistic,
        StyleLoss,
        TotalVariationLoss,
        Units,
    )
    from impasto.network.vgg import VGG19
    from impasto.network.weights import load_weights
    from impasto.transfer.progress import Progress, Result
    from impasto.transfer.run import Run
    from impasto.transfer.style_transfer import StyleTransfer, stylize
    from impasto.transfer.styles import Style

__all__ = [
    "VGG19",
    "AutogradLoss",
    "CheckpointError",
    "ContentLoss",
    "DownloadError",
    "ImpastoError",
    "InputError",
    "Job",
    "Loss",
    "LossError",
    "Mask",
    "NinePointTotalVariationLoss",
    "OtherRunError",
    "OutOfMemoryError",
    "Picture",
    "PictureError",
    "Progress",
    "RangeLoss",
    "Result",
    "Run",
    "RunError",
    "Runtime",
    "Session",
    "Settings",
    "SettingsError",
    "SpaceError",
    "Statistic",
    "Style",
    "StyleLoss",
    "StyleSource",
    "StyleTransfer",
    "TotalVariationLoss",
    "Units",
    "WeightsError",
    "WriteError",
    "load_weights",
    "stylize",
]

_LOSSES = (
    "AutogradLoss",
    "ContentLoss",
    "Loss",
    "NinePointTotalVariationLoss",
    "RangeLoss",
    "Statistic",
    "StyleLoss",
    "TotalVariationLoss",
    "Units",
)

_HOMES = {
    **dict.fromkeys(_LOSSES, "losses"),
    "Mask": "images.masks",
    "Picture": "images",
    "Session": "jobs.session",
    "VGG19": "network.vgg",
    "load_weights": "network.weights",
    **dict.fromkeys(("Progress", "Result"), "transfer.progress"),
    "Run": "transfer.run",
    "Style": "transfer.styles",
    **dict.fromkeys(("StyleTransfer", "stylize"), "transfer.style_transfer"),
}


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for, so that the command's help answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"impasto.{_HOMES[name]}"), name)
