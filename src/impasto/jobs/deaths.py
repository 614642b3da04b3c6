"""How often the worker of a job died: a job that no worker survives fails; others continue from their checkpoints."""

from collections.abc import Hashable

__all__ = ["Deaths"]

MAX_DEATHS = 3
"""How often a worker may die at one job without progress in between, before the job counts as failed."""


class Deaths:
    """Counts how often workers died at each job without progress in between."""

    def __init__(self) -> None:
        self._records: dict[Hashable, tuple[int, float]] = {}

    def are_too_many(self, job: Hashable, fraction: float) -> bool:
        """Count the death of a worker, and return whether its job counts as failed.

        Args:
            job: What identifies the job.
            fraction: The fraction of its work that was done, as far as it is known, from 0 to 1.

        """
        count, furthest = self._records.get(job, (0, 0.0))
        count = 1 if fraction > furthest else count + 1
        self._records[job] = count, max(fraction, furthest)
        return count >= MAX_DEATHS

    def sentence(self, job: Hashable, cause: str) -> str:
        """Return why a job failed, for people.

        Args:
            job: What identifies the job.
            cause: How the worker ended the last time: `was ended by signal 9`.

        """
        return f"the worker {cause} {self._records[job][0]} times at this picture; try a smaller size."
