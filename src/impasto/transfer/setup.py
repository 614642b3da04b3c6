"""The setup of a run: pictures and settings, and the plan, network and machine that follow from them."""

from collections.abc import Callable
from typing import NamedTuple

from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.planning.needs import Needs
from impasto.planning.plan import Plan
from impasto.settings import Settings
from impasto.transfer.cache import Cache
from impasto.transfer.identity import Identity
from impasto.transfer.inputs import Inputs

__all__ = ["Setup"]

_CURVATURE_OPTIONS = frozenset(Settings.model_fields) - {
    *("content_weight", "focus_weight", "style_weight", "tv_weight", "range_weight", "strength"),
    *("size", "quality", "iterations", "first_size", "stage_ratio", "middle_iterations", "stages"),
    *("tolerance", "min_change"),
    "learning_rate",
    *("profile", "bits", "dpi", "keep_position", "seed"),
}
"""The options whose change makes the measured curvature useless (docs/notes/optimizer.md)."""


class Setup(NamedTuple):
    """The setup of a run; a change in the middle of a run replaces the object."""

    inputs: Inputs
    settings: Settings
    plan: Plan
    network: VGG19
    """The network on the machine."""
    machine: Machine
    replan: Callable[[float], Plan]
    """Plans again with a number of bytes in addition to those that the process holds."""
    identify: Callable[[], Identity]
    """Returns the values that have to be equal for a run to continue from a checkpoint; it hashes the pictures."""
    needs: Callable[[], Needs]
    """Returns the memory that the run takes at any size, and the memory that is free now."""
    cache: Cache
    """Networks, small pictures and targets that runs share."""
    seconds: float = 0.0
    """The time that the run has, from the start of the program to the saved picture; 0: no limit."""

    def has_curvature_of(self, other: "Setup") -> bool:
        """Tell whether the curvature that was measured with another setup is of use with this setup.

        Args:
            other: The setup before a change.

        Returns:
            Whether the pictures are the same, and all options on which curvature depends.

        """
        are_equal = (getattr(self.settings, name) == getattr(other.settings, name) for name in _CURVATURE_OPTIONS)
        return all(are_equal) and self.inputs.identity() == other.inputs.identity()
