"""`paint_many`: paint many jobs, here or by workers elsewhere, and yield the outcome of each as it ends."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import cast

from impasto.batch.ordering import Item
from impasto.batch.outcome import Outcome
from impasto.batch.scheduler import Scheduler
from impasto.batch.workers import Workers
from impasto.errors import InputError
from impasto.jobs.job import Job

__all__ = ["paint_many"]


def paint_many(jobs: Iterable[Item], *, workers: Workers | int = 1) -> Iterator[Outcome]:
    """Paint many jobs, and yield the outcome of each as soon as it ends.

    Jobs are taken from their source only as workers become free, so the source may be a generator of any length. A job
    that cannot be painted is an outcome with a sentence, and the other jobs are painted. Each picture that is there
    already, from equal settings and inputs, is skipped. Breaking out of the loop ends the running jobs with
    checkpoints.

    Args:
        jobs: The jobs.
        workers: 1 paints in this process; a larger number is the number of actors of Ray that are started on this
            machine; or `Workers` of any kind, which are closed at the end.

    Yields:
        The outcomes, in the order in which the jobs end.

    Raises:
        InputError: `jobs` is no list of jobs, the number of workers is below 1, or Ray is not installed.

    """
    if isinstance(jobs, str | Job) or not isinstance(cast("object", jobs), Iterable):
        raise InputError(f"the jobs cannot be {jobs!r:.80}; give a list of Job, or a generator of them.")
    with closing(_open_workers(workers)) as crew:
        yield from Scheduler(jobs, crew)


def _open_workers(workers: Workers | int) -> Workers:
    """Return the workers that are asked for."""
    if not isinstance(workers, int):
        if not hasattr(workers, "start"):
            raise InputError(f"workers cannot be {workers!r:.80}; it takes a whole number, at least 1, or Workers.")
        return workers
    if workers < 1:
        raise InputError(f"workers cannot be {workers}; it takes a whole number, at least 1.")
    if workers == 1:
        from impasto.batch.local_workers import LocalWorkers  # noqa: PLC0415 (torch)

        return LocalWorkers()
    from impasto.batch.ray_workers import RayWorkers  # noqa: PLC0415 (an extra)

    return RayWorkers(workers)
