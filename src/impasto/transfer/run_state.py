"""The state of a run between two evaluations, from which a run continues as if it had never ended."""

import math
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from impasto.transfer.progress import Progress

__all__ = ["RunState"]


@dataclass(frozen=True, eq=False)
class RunState:
    """The state of a run. A run replaces the object, so an exception at any place leaves a state to continue from.

    Only an optimizer changes its own state in place, during a step.
    """

    image: Tensor
    """The image that is evaluated next, (3, H, W)."""
    best: Tensor
    """The image with the least loss of its stage, (3, H, W)."""
    optimizer: Any
    """The state of the optimizer: a dataclass of tensors."""
    stage: int = 0
    """The number of the stage, from 0."""
    evaluation: int = 0
    """Evaluations of this stage that are done."""
    bests: tuple[float, ...] = (math.inf,)
    """The least loss of the stage before its first evaluation, and after each."""
    failures: int = 0
    """The number of the latest evaluations in a row that were of no use."""
    rescues: int = 0
    """The number of times that the run went back to the best image."""
    thumbnail: Tensor | None = None
    """A small copy of the best image at the last comparison in this stage; None: there was no comparison."""
    change: float = math.inf
    """The mean difference of the last two thumbnails, in gray levels."""
    changed_after: int = 0
    """The number of evaluations before the last change of the run; 0: there was no change."""
    history: tuple[Progress, ...] = ()
    """The reports of all evaluations."""
    remarks: tuple[str, ...] = ()
    """The remarks of the next report: what went wrong since the last report, and what was done about it."""

    def with_remark(self, remark: str) -> "RunState":
        """Return the state with one more remark for the next report."""
        return replace(self, remarks=(*self.remarks, remark))
