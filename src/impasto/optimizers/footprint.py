"""The memory that an optimizer takes, from the constants next to the code of each."""

from collections.abc import Mapping

from impasto.optimizers import adam, lbfgs
from impasto.optimizers.lbfgs_history import PAIR_BYTES
from impasto.optimizers.preconditioner import FILTERING_BYTES, FUSED_FILTERING_BYTES
from impasto.planning.footprint import IMAGE_BYTES, OptimizerFootprint
from impasto.settings.choices import HistoryDtype, OptimizerName

__all__ = ["footprint"]


def footprint(name: OptimizerName, *, is_fused: bool) -> OptimizerFootprint:
    """Return the memory that an optimizer takes.

    Args:
        name: The optimizer.
        is_fused: Whether a GPU filters all channels of an image at once.

    Returns:
        Bytes a pixel of the picture.

    """
    filtering = FUSED_FILTERING_BYTES if is_fused else FILTERING_BYTES
    if name == "lbfgs":
        return OptimizerFootprint(lbfgs.STATE_BYTES, PAIR_BYTES, True, IMAGE_BYTES, filtering)
    no_pairs: Mapping[HistoryDtype, float] = dict.fromkeys(PAIR_BYTES, 0.0)
    return OptimizerFootprint(adam.STATE_BYTES, no_pairs, False, IMAGE_BYTES, filtering)
