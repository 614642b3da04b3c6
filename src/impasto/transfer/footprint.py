"""What a run takes in memory, put together from what the network, losses, optimizer and run state."""

from collections.abc import Sequence

from impasto.layers import IMAGE
from impasto.losses import AutogradLoss, ExtraLoss
from impasto.network.vgg import VGG19
from impasto.objective.targets import MASK_BYTES
from impasto.objective.tile_units import stored_bytes
from impasto.optimizers.footprint import footprint as optimizer_footprint
from impasto.planning.footprint import IMAGE_BYTES, Footprint
from impasto.settings import Settings
from impasto.transfer.iteration import GPU_IMAGES, IMAGES

__all__ = ["footprint"]


def footprint(settings: Settings, network: VGG19, extra_losses: Sequence[ExtraLoss] = ()) -> Footprint:
    """Return what a run takes on the device of its network.

    Args:
        settings: The picture, which says what the losses look at and how pixels are changed.
        network: The network, in the precision of its features.
        extra_losses: Losses in addition to the ones of the settings.

    Returns:
        Bytes a pixel, for the planner to add up.

    """
    layers = {*settings.active_layers, *(loss.layer for loss in extra_losses)} - {IMAGE}
    contents = {*settings.active_content_layers, *(loss.layer for loss in extra_losses if loss.needs_content)}
    autograd = (loss.bytes_per_pixel for loss in extra_losses if isinstance(loss, AutogradLoss))
    passes = network.footprint(layers)
    return Footprint(
        layers=frozenset(layers),
        content_layers=frozenset(contents),
        network=passes._replace(peak=passes.peak + max(autograd, default=0.0)),
        content=network.footprint(contents),
        targets=stored_bytes(contents, network.dtype.itemsize),
        optimizer=optimizer_footprint(settings.optimizer, is_fused=network.is_fused),
        images=(GPU_IMAGES if network.is_fused else IMAGES) * IMAGE_BYTES,
        mask=MASK_BYTES,
        style=IMAGE_BYTES,
    )
