"""What was measured of images for an objective, for the next objective that needs the same."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from impasto.objective.tile_units import MeasureImage, measured

__all__ = ["StoredTargets"]

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
            key: What the target depends on.
            measure: Measures the target, if it is not stored.

        Returns:
            The target, as `measure` returned it now or before.

        """
        if key not in self._used:
            self._used[key] = self._before[key] if key in self._before else measure()
        return cast("Found", self._used[key])
