"""Where a run stands between two evaluations: with this a run continues as if it had never ended."""

import math
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from impasto.transfer.progress import Progress

__all__ = ["RunState"]


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run stands. A run replaces it whole, so an exception at any place leaves a state to continue from.

    Only an optimizer changes its part in place, during a step.
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
    """How many of the latest evaluations in a row were of no use."""
    rescues: int = 0
    """How often the run went back to the best image."""
    seen: Tensor | None = None
    """The best image, small, when it was last compared with itself in this stage; None: it was not."""
    change: float = math.inf
    """Gray levels between the last two of these images, on average."""
    changed_after: int = 0
    """Evaluations before the last change of the run; 0: there was none."""
    history: tuple[Progress, ...] = ()
    """The reports of all evaluations."""
    remarks: tuple[str, ...] = ()
    """What the next report has to say: what went wrong since the last one, and what was done about it."""

    def remarked(self, remark: str) -> "RunState":
        """Return the state with one more remark for the next report."""
        return replace(self, remarks=(*self.remarks, remark))
