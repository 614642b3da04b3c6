"""The memory and time of a run at any size, as JSON: a process that has no network can plan other sizes of it."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import ConfigDict, TypeAdapter

from impasto.planning.division import Timings, divide_time, first_stage
from impasto.planning.footprint import Footprint
from impasto.planning.memory import Budget
from impasto.planning.plan import Plan, Size, make_plan
from impasto.settings import Settings

__all__ = ["Needs"]


class Needs(NamedTuple):
    """What the parts of a run take in memory, and what there is to compute with."""

    footprint: Footprint
    """What the network, the losses and the optimizer take."""
    budget: Budget
    """The memory that there is, and how much of it is taken before the run."""

    def plan(
        self,
        settings: Settings,
        content: Size,
        styles: Sequence[Size],
        *,
        scales: Sequence[float] | None = None,
        seconds: float = 0.0,
    ) -> Plan:
        """Plan a run with these settings, which may differ from those of the run in sizes and evaluations.

        Args:
            settings: The picture.
            content: The size of the photograph.
            styles: The sizes of the style images.
            scales: The styles' own scales; 1, if not given.
            seconds: The time that there is, as in `Runtime.seconds`; 0: no limit.

        Returns:
            The plan.

        Raises:
            PictureError: a picture is too small, too thin, or too large for the budget.

        """
        is_timed = seconds > 0
        plan = make_plan(settings, content, styles, self.footprint, self.budget, scales=scales, is_timed=is_timed)
        if not is_timed:
            return plan
        timings = Timings()
        index = first_stage(plan.candidates, timings, seconds)
        times = {"seconds": seconds, "elapsed": 0.0}
        first_size = settings.first_size
        stages = divide_time(plan.candidates, index, 0, timings, **times, first_size=first_size, is_first=True)
        return plan._replace(stages=stages)

    def as_dict(self) -> dict[str, Any]:
        """Return what a JSON record of the needs holds; numbers may be infinite."""
        return _adapter().dump_python(self, mode="json")

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> "Needs":
        """Return the needs that a JSON record holds.

        Args:
            record: What `as_dict` returned.

        Returns:
            The needs.

        Raises:
            pydantic.ValidationError: it lacks something.

        """
        return _adapter().validate_python(record)


@cache
def _adapter() -> "TypeAdapter[Needs]":
    """Return what writes and checks records of needs."""
    return TypeAdapter(Needs, config=ConfigDict(ser_json_inf_nan="constants"))
