"""The targets that were measured for an objective, stored for the next objective that needs the same ones."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from impasto.objective.tile_units import MeasureImage, measure_image

__all__ = ["StoredTargets"]

Target = TypeVar("Target")


class StoredTargets:
    """Targets by a key of the images and options that they depend on; only those of the last objective stay.

    A run has the same object before and after a change, so that targets that the change does not affect are not
    measured again.
    """

    def __init__(self) -> None:
        self.measure_style: MeasureImage = measure_image
        """The function that measures a style image whose target is not stored, perhaps with a cache that runs share."""
        self._previous: dict[Hashable, Any] = {}
        self._current: dict[Hashable, Any] = {}

    def begin(self) -> None:
        """Begin another objective: targets that it does not get are dropped when the next one begins."""
        self._previous, self._current = self._current, {}

    def clear(self) -> None:
        """Drop all targets."""
        self._previous, self._current = {}, {}

    def get(self, key: Hashable, measure: Callable[[], Target]) -> Target:
        """Return the target of a key.

        Args:
            key: The images and options that the target depends on.
            measure: Measures the target, if it is not stored.

        Returns:
            The target, as `measure` returned it now or earlier.

        """
        if key not in self._current:
            self._current[key] = self._previous[key] if key in self._previous else measure()
        return cast("Target", self._current[key])
