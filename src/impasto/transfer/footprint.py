"""The memory that a run takes, added up from the footprints of the network, the losses, the optimizer and the run."""

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
    """Return the memory that a run takes on the device of its network.

    Args:
        settings: The options of the picture: the layers of its losses, and its optimizer.
        network: The network, in the precision of its features.
        extra_losses: Losses in addition to those of the settings.

    Returns:
        Bytes a pixel, for the planner to add up.

    """
    layers = {*settings.active_layers, *(loss.layer for loss in extra_losses)} - {IMAGE}
    content_layers = {*settings.active_content_layers, *(loss.layer for loss in extra_losses if loss.needs_content)}
    autograd_bytes = (loss.bytes_per_pixel for loss in extra_losses if isinstance(loss, AutogradLoss))
    network_footprint = network.footprint(layers)
    return Footprint(
        layers=frozenset(layers),
        content_layers=frozenset(content_layers),
        network=network_footprint._replace(peak=network_footprint.peak + max(autograd_bytes, default=0.0)),
        content=network.footprint(content_layers),
        targets=stored_bytes(content_layers, network.dtype.itemsize),
        optimizer=optimizer_footprint(settings.optimizer, is_fused=network.is_fused),
        images=(GPU_IMAGES if network.is_fused else IMAGES) * IMAGE_BYTES,
        mask=MASK_BYTES,
        style=IMAGE_BYTES,
    )
