"""What a run takes in memory, put together from what the network, losses, optimizer and run state."""

from impasto.network.vgg import VGG19
from impasto.objective import targets
from impasto.optimizers.footprint import footprint as optimizer_footprint
from impasto.planning.footprint import IMAGE_BYTES, Footprint
from impasto.settings import Settings
from impasto.transfer.iteration import GPU_IMAGES, IMAGES

__all__ = ["footprint"]


def footprint(settings: Settings, network: VGG19) -> Footprint:
    """Return what a run takes on the device of its network.

    Args:
        settings: The picture, which says what the losses look at and how pixels are changed.
        network: The network, in the precision of its features.

    Returns:
        Bytes a pixel, for the planner to add up.

    """
    contents = settings.active_content_layers
    return Footprint(
        network=network.footprint(settings.active_layers),
        content=network.footprint(contents),
        targets=targets.stored_bytes(contents, network.dtype.itemsize),
        optimizer=optimizer_footprint(settings.optimizer, is_fused=network.is_fused),
        images=(GPU_IMAGES if network.is_fused else IMAGES) * IMAGE_BYTES,
        mask=targets.MASK_BYTES,
        style=IMAGE_BYTES,
    )
