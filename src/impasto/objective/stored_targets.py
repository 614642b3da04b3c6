"""What was measured of images for an objective, for the next objective that needs the same."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeVar, cast

from torch import Tensor

from impasto.images.digest import digest
from impasto.losses.base import Measure
from impasto.network.vgg import VGG19
from impasto.objective.tile_units import MeasureImage, measured
from impasto.planning.tiles import Tiling

__all__ = ["StoredTargets", "target_key"]

Found = TypeVar("Found")


class StoredTargets:
    """Targets by what they were measured of; only the ones that the last objective needed stay.

    A run that is changed hands them on: what another weight leaves as it was is not measured again.
    """

    def __init__(self) -> None:
        self.measure_style: MeasureImage = measured
        """What measures a style image whose target is not stored, perhaps with a cache that runs share."""
        self._before: dict[Hashable, Any] = {}
        self._used: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """Begin another objective: what it does not ask for is dropped when the next one begins."""
        self._before, self._used = self._used, {}

    def clear(self) -> None:
        """Drop all targets."""
        self._before, self._used = {}, {}

    def get(self, key: Hashable, measure: Callable[[], Found]) -> Found:
        """Return the target of a key.

        Args:
            key: What the target depends on: `target_key` makes it.
            measure: Measures the target, if it is not stored.

        """
        if key not in self._used:
            self._used[key] = self._before[key] if key in self._before else measure()
        return cast("Found", self._used[key])


def target_key(
    network: VGG19,
    image: Tensor,
    masks: Mapping[str, Tensor | None],
    measure: Measure | None,
    tiling: Tiling,
) -> Hashable:
    """Return what a target depends on.

    Args:
        network: The network.
        image: The image that is measured, (3, H, W).
        masks: The layers, each with the weight of each unit, (H, W); None: 1.
        measure: What is summed up at each layer; None: the features themselves.
        tiling: How the image is divided.

    """
    layers = tuple(sorted((layer, None if mask is None else digest(mask)) for layer, mask in masks.items()))
    return network, digest(image), layers, measure, tiling
