"""When and how a stage ends, and which evaluations are of no use: judged by the losses alone."""

import math
from collections.abc import Sequence
from dataclasses import replace

from impasto.settings.limits import PLATEAU_WINDOW
from impasto.transfer.progress import Stopped
from impasto.transfer.run_state import RunState

__all__ = ["FAILURES_TO_RESCUE", "MAX_RESCUES", "count_evaluation", "outcome"]

FAILURES_TO_RESCUE = 3
"""Useless evaluations in a row after which a run goes back to its best image: an optimizer mends one by itself."""

MAX_RESCUES = 3
"""Times that a run goes back to its best image, each with half the step, before it ends."""

DIVERGENCE_FACTOR = 10.0
"""The factor of the least loss of its stage above which a loss is of no use: no useful step raises the loss so far."""


def outcome(state: RunState, evaluations: int, tolerance: float, min_change: float = 0.0) -> Stopped | None:
    """Judge whether a stage has ended.

    Args:
        state: The state of the run.
        evaluations: The number of evaluations of the stage, at most.
        tolerance: The fraction by which the loss has to fall in `PLATEAU_WINDOW` evaluations, in [0, 1]; 0: any.
        min_change: Gray levels by which the picture has to change between two comparisons; 0: any.

    Returns:
        How the stage has ended; None: it has not.

    """
    if state.failures == FAILURES_TO_RESCUE:  # and nothing helped: nothing is left to gain, or the run is lost
        return "converged" if state.history[-1].loss == state.bests[-1] else "diverged"
    if _is_flat(state.bests, tolerance) or state.change < min_change:
        return "converged"
    if state.evaluation < evaluations:
        return None
    return "diverged" if state.evaluation and math.isinf(state.bests[-1]) else "finished"


def count_evaluation(state: RunState, loss: float) -> tuple[RunState, str]:
    """Count one more evaluation.

    Args:
        state: The state of the run before the evaluation.
        loss: The loss that the evaluation found.

    Returns:
        The state after the evaluation, and the trouble with its loss: a predicate of "the loss" in a sentence, or "".

    """
    trouble, least = _trouble(state, loss), state.bests[-1]
    bests = (*state.bests, min(loss, least) if math.isfinite(loss) else least)
    failures = state.failures + 1 if trouble else 0
    return replace(state, evaluation=state.evaluation + 1, failures=failures, bests=bests), trouble


def _trouble(state: RunState, loss: float) -> str:
    """Return the trouble with the loss of an evaluation, or "" if the evaluation is of use."""
    if not math.isfinite(loss):
        return "was not finite"
    if loss > DIVERGENCE_FACTOR * state.bests[-1]:
        return f"rose to {loss / state.bests[-1]:.3g} times the least"
    return "did not change" if state.evaluation and loss == state.history[-1].loss else ""


def _is_flat(bests: Sequence[float], tolerance: float) -> bool:
    """Tell whether the best loss fell by less than the fraction `tolerance` over the last evaluations."""
    if tolerance == 0 or len(bests) <= PLATEAU_WINDOW + 1:
        return False
    return bests[-1 - PLATEAU_WINDOW] - bests[-1] < tolerance * bests[-1 - PLATEAU_WINDOW]
