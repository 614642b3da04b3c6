"""The scheduler gives jobs to workers, one at a time each, and takes their outcomes; it knows no kind of worker.

It takes a job from the source only when a worker is free for it or for its preparation: so the source may be as long as
it likes, and no more than two jobs a worker are in memory.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from impasto.batch.ordering import Item, group
from impasto.batch.outcome import Outcome
from impasto.batch.workers import Report, Workers
from impasto.errors import InputError
from impasto.jobs.deaths import Deaths
from impasto.jobs.job import Job

__all__ = ["Scheduler"]


class _Assignment(NamedTuple):
    """A job for a worker."""

    number: int
    """The number of the job among all, from 1."""
    job: Job


class Scheduler:
    """Gives jobs to workers; iterate over their outcomes, in the order in which they end.

    Args:
        jobs: The jobs.
        workers: The workers, which the caller closes.
        window: The most jobs that are read ahead, so that those with the same paintings follow each other.

    """

    def __init__(self, jobs: Iterable[Item], workers: Workers, window: int = 1) -> None:
        self._workers = workers
        self._source = group(jobs, window)
        self._is_exhausted = False
        self._waiting: deque[_Assignment] = deque()
        """Jobs that were taken from the source for workers that died."""
        self._refused: deque[Outcome] = deque()
        """The outcomes of jobs that could not be read."""
        self._painting: dict[int, _Assignment] = {}
        self._next: dict[int, _Assignment] = {}
        self._deaths = Deaths()
        self.is_cancelled = False

    def cancel(self) -> None:
        """Take no more jobs, and end after the running evaluations; a signal handler may call it."""
        self.is_cancelled = True
        self._workers.cancel()

    @property
    def painting(self) -> dict[int, Job]:
        """The jobs that are painted at the moment, by the number of the worker."""
        return {worker: task.job for worker, task in self._painting.items()}

    def __iter__(self) -> Iterator[Outcome]:
        while True:
            self._give()
            while self._refused:
                yield self._refused.popleft()
            if not self._painting and (self.is_cancelled or self._is_over):
                return
            for report in self._workers.wait():
                outcome = self._outcome(report)
                if outcome is not None:
                    yield outcome

    @property
    def _is_over(self) -> bool:
        return self._is_exhausted and not self._waiting and not self._next

    def _give(self) -> None:
        """Give each free worker a job, and tell each one which job comes next."""
        for worker in range(self._workers.count):
            if self.is_cancelled:
                return
            if worker not in self._painting and (task := self._next.pop(worker, None) or self._take()):
                self._painting[worker] = task
                self._workers.start(worker, task.job)
        for worker in self._painting:
            if worker not in self._next and (task := self._take()):
                self._next[worker] = task
                self._workers.prepare(worker, task.job)

    def _take(self) -> _Assignment | None:
        """Take a job: one that was given back, the next one of the source, or none at the moment."""
        if self._waiting:
            return self._waiting.popleft()
        while not self._is_exhausted:
            task = next(self._source, None)
            if task is None:
                self._is_exhausted = True
            elif isinstance(task.item, InputError):
                self._refused.append(Outcome(Job(), "failed", str(task.item), number=task.number))
            else:
                return None if task.item is None else _Assignment(task.number, task.item)
        return None

    def _outcome(self, report: Report) -> Outcome | None:
        """Return the outcome of a job; the job of a worker that died goes to the next free worker."""
        task = self._painting.pop(report.worker)
        if report.outcome is not None:
            return replace(report.outcome, job=task.job, number=task.number)
        if self.is_cancelled:
            return Outcome(task.job, "stopped", f"the worker {report.cause}.", number=task.number)
        if self._deaths.are_too_many(task.number, report.tenth):
            sentence = self._deaths.sentence(task.number, report.cause)
            return Outcome(task.job, "failed", sentence, number=task.number)
        self._waiting.append(task)
        return None
