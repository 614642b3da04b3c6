"""The order of jobs: those with the same paintings follow each other, so that targets are found in the cache."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple, cast

from impasto.errors import InputError
from impasto.jobs.job import Job

__all__ = ["WINDOW", "Item", "Task", "group"]

WINDOW = 256
"""Jobs that are read ahead of a long list, to find those with the same paintings."""

Item = Job | InputError | None
"""What a source gives: a job; the error of one that cannot be read; or None, when there is none at the moment."""


class Task(NamedTuple):
    """What a source gave, and its number among all jobs, from 1."""

    number: int
    item: Item


def group(items: Iterable[Item], window: int) -> Iterator[Task]:
    """Count what a source gives, and bring jobs of the same paintings together.

    Args:
        items: What the source gives; None is not counted.
        window: The most jobs that are read ahead; 1 leaves the order as it is, and reads nothing ahead.

    Yields:
        The tasks.

    """
    numbered = _number(items)
    while tasks := list(islice(numbered, window)):
        yield from sorted(tasks, key=_paintings)


def _number(items: Iterable[Item]) -> Iterator[Task]:
    number = 0
    for item in items:
        number += item is not None
        is_item = item is None or isinstance(cast("object", item), Job | InputError)
        yield Task(number, item if is_item else InputError(f"{item!r:.80} is no job; give Job(content=…, styles=[…])."))


def _paintings(task: Task) -> tuple[str, ...]:
    """Return what jobs that measure the same targets have in common."""
    if not isinstance(task.item, Job):
        return ()
    settings = task.item.settings
    return (
        *(f"{style.picture} {style.scale}" for style in task.item.styles),
        f"{settings.size} {settings.style_scale}",
    )
