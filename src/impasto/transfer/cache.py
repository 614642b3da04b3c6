"""The cache that several runs of a process share: networks on machines, small pictures, and targets of style images."""

import threading
from collections import OrderedDict

from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights
from impasto.objective.tile_units import MeasureImage, measure_image
from impasto.settings import Settings
from impasto.transfer.scene import SmallPictures
from impasto.transfer.target_cache import TargetCache

__all__ = ["Cache"]

MAX_NETWORKS = 2
"""Networks that are cached at most: filters on a machine take up to 500 MB, and most runs want the same ones."""

_Key = tuple[Weights, object, Machine]


class Cache:
    """Networks, small pictures and targets that runs share, in one thread or in several.

    Args:
        targets: The targets of style images; by default none are cached.

    """

    def __init__(self, targets: TargetCache | None = None) -> None:
        self.measure_style: MeasureImage = measure_image if targets is None else targets.measure_image
        """The function that measures style images."""
        self.small = SmallPictures()
        """Images of pictures at their last size, where that was small."""
        self._networks: OrderedDict[_Key, VGG19] = OrderedDict()
        self._lock = threading.Lock()

    def network(self, weights: Weights, settings: Settings, machine: Machine) -> VGG19:
        """Return the network on a machine; networks with the same weights, options and machine are made once.

        Args:
            weights: The weights of the network.
            settings: The options of its pooling and padding.
            machine: Where it computes.

        Returns:
            The network, whose filters are packed at the first use.

        """
        key = _key(weights, settings, machine)
        with self._lock:
            if key not in self._networks:
                network = VGG19(weights, settings.pooling, settings.pooling_rescale, settings.padding)
                self._networks[key] = network.to(machine.device, machine.features, machine.winograd)
                while len(self._networks) > MAX_NETWORKS:
                    self._networks.popitem(last=False)
            self._networks.move_to_end(key)
            return self._networks[key]

    def release_network(self, weights: Weights, settings: Settings, machine: Machine) -> None:
        """Release the network on a machine, so that its filters do not count where they are too large.

        Args:
            weights: The weights of the network.
            settings: The options of its pooling and padding.
            machine: Where it computes.

        """
        with self._lock:
            self._networks.pop(_key(weights, settings, machine), None)


def _key(weights: Weights, settings: Settings, machine: Machine) -> _Key:
    """Return the key of a network; equal weights that were loaded twice count as different."""
    options = settings.pooling, settings.pooling_rescale, settings.padding
    return weights, options, machine._replace(threads=0, reason="")
