"""What a run is set up with: pictures and settings, and the plan, network and machine that follow from them."""

from collections.abc import Callable
from typing import NamedTuple

from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.planning.plan import Plan
from impasto.settings import Settings
from impasto.transfer.identity import Identity
from impasto.transfer.scene import Inputs
from impasto.transfer.target_cache import TargetCache

__all__ = ["Setup"]


class Setup(NamedTuple):
    """What a run is set up with; a change in the middle of a run replaces it whole."""

    inputs: Inputs
    settings: Settings
    plan: Plan
    network: VGG19
    """The network on the machine."""
    machine: Machine
    replan: Callable[[float], Plan]
    """Plans again with so many bytes beside what the process holds."""
    identify: Callable[[], Identity]
    """Returns what has to be equal for a run to continue from a checkpoint; it hashes the pictures."""
    targets: TargetCache | None = None
    """The targets of style images that runs share; None: the run measures its own."""
