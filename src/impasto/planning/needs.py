"""What a run takes at any size, as JSON: a process that has no network can plan other sizes of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from impasto.planning.footprint import Footprint
from impasto.planning.memory import Budget
from impasto.planning.plan import Plan, Size, make_plan
from impasto.settings import Settings

__all__ = ["Needs"]


class Needs(NamedTuple):
    """What the parts of a run take in memory, and what there is to compute with."""

    footprint: Footprint
    budget: Budget

    def plan(
        self, settings: Settings, content: Size, styles: Sequence[Size], *, scales: Sequence[float] | None = None
    ) -> Plan:
        """Plan a run with these settings, which may differ from those of the run in sizes and evaluations.

        Args:
            settings: The picture.
            content: The size of the photograph.
            styles: The sizes of the style images.
            scales: The styles' own scales; 1, if not given.

        Returns:
            The plan.

        Raises:
            PictureError: a picture is too small, too thin, or too large for the budget.

        """
        return make_plan(settings, content, styles, self.footprint, self.budget, scales=scales)

    def as_dict(self) -> dict[str, Any]:
        """Return what a JSON record of the needs holds; numbers may be infinite."""
        return _adapter().dump_python(self, mode="json")

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Needs":
        """Return the needs that a JSON record holds."""
        return _adapter().validate_python(record)


@cache
def _adapter() -> "TypeAdapter[Needs]":
    """Return what writes and checks records of needs."""
    return TypeAdapter(Needs)
