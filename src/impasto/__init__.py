"""Paint a photograph in the style of a painting.

The method of Gatys, Ecker and Bethge, *Image Style Transfer Using Convolutional Neural Networks*, CVPR 2016.

    from impasto import stylize

    stylize("photo.jpg", "painting.jpg", size=1024).picture.save("painted.png")
"""

import importlib
from importlib.metadata import version
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
    from impasto.batch.many import paint_many
    from impasto.batch.outcome import Outcome
    from impasto.images import Picture
    from impasto.images.masks import Mask
    from impasto.interactive.one_call import stylize
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
        content_loss,
        gram,
        style_loss,
    )
    from impasto.machine.environment import tune_process
    from impasto.network.vgg import VGG19
    from impasto.network.weights import Weights, load_weights
    from impasto.planning.plan import Plan
    from impasto.transfer.loss_chart import plot_losses
    from impasto.transfer.progress import Progress
    from impasto.transfer.result import Result
    from impasto.transfer.run import Run
    from impasto.transfer.style_transfer import StyleTransfer
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
    "Outcome",
    "Picture",
    "PictureError",
    "Plan",
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
    "Weights",
    "WeightsError",
    "WriteError",
    "content_loss",
    "gram",
    "load_weights",
    "paint_many",
    "plot_losses",
    "style_loss",
    "stylize",
    "tune_process",
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
    "content_loss",
    "gram",
    "style_loss",
)

_HOMES = {
    **dict.fromkeys(_LOSSES, "losses"),
    "Mask": "images.masks",
    "Picture": "images",
    "Session": "jobs.session",
    "VGG19": "network.vgg",
    **dict.fromkeys(("Weights", "load_weights"), "network.weights"),
    "Plan": "planning.plan",
    "Outcome": "batch.outcome",
    "paint_many": "batch.many",
    "plot_losses": "transfer.loss_chart",
    "stylize": "interactive.one_call",
    "tune_process": "machine.environment",
    "Progress": "transfer.progress",
    "Result": "transfer.result",
    "Run": "transfer.run",
    "Style": "transfer.styles",
    "StyleTransfer": "transfer.style_transfer",
}


def __getattr__(name: str) -> Any:
    """Import what needs torch only when it is asked for, so that the command's help answers at once."""
    if name == "__version__":
        return version("impasto")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"impasto.{_HOMES[name]}"), name)
