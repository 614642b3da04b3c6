"""The display of many jobs in progress: one bar for all of them and one for each worker, lines, JSON, or nothing."""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from impasto.cli import display
from impasto.jobs.amounts import clock

if TYPE_CHECKING:
    from impasto.batch.outcome import Outcome, Tally
    from impasto.batch.scheduler import Scheduler
    from impasto.batch.workers import Workers
    from impasto.transfer.progress import Progress

__all__ = ["Show", "bars", "print_failure", "print_record"]

REFRESHES = 2
"""Refreshes of the bars in a second."""

MAX_WORKERS = 16
"""Workers that have a bar of their own, at most."""

BAR_WIDTH = 30

Show = Callable[["Outcome", "Tally"], None]
"""A function that shows the outcome of a job, and the totals after it."""


@contextmanager
def bars(scheduler: "Scheduler", workers: "Workers", tally: "Tally") -> Generator[Show, None, None]:
    """Print a line for each job that ends; on a terminal, draw bars on standard error.

    Args:
        scheduler: The scheduler that gives jobs to the workers.
        workers: The workers.
        tally: The totals, which the bar of all jobs shows.

    Yields:
        A function that shows the outcome of a job.

    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_line
        return

    def draw() -> RenderableType:
        return Group(_total_bar(tally, progress := workers.progress()), *_worker_bars(scheduler, progress))

    with Live(get_renderable=draw, console=console, refresh_per_second=REFRESHES, transient=True):
        yield _print_line


def print_record(outcome: "Outcome", tally: "Tally") -> None:  # noqa: ARG001
    """Print the JSON record of a job that ended on standard output."""
    display.say(json.dumps({"event": "outcome", **outcome.as_dict()}))


def print_failure(outcome: "Outcome", tally: "Tally") -> None:  # noqa: ARG001
    """Print what went wrong on standard error, and nothing else."""
    if outcome.state == "failed":
        display.remark(_describe(outcome))


def _print_line(outcome: "Outcome", tally: "Tally") -> None:
    """Print the outcome of a job: failures and remarks on standard error, results on standard output."""
    for sentence in outcome.remarks:
        display.remark(sentence)
    print_failure(outcome, tally)
    if outcome.state == "done":
        total = "" if tally.count is None else f"/{tally.count}"
        display.say(f"{tally.finished}{total} {_describe(outcome)}")


def _describe(outcome: "Outcome") -> str:
    """Return the sentence of an outcome, after the name of its result unless the sentence has it."""
    name, sentence = str(outcome.job.output or ""), outcome.sentence
    return f"{name}: {sentence}" if name and name not in sentence else sentence


def _total_bar(tally: "Tally", progress: "Mapping[int, Progress]") -> RenderableType:
    """Return the bar of all jobs."""
    finished = tally.finished + sum(report.fraction for report in progress.values())
    seconds = tally.seconds_left(progress)
    return _bar(finished, tally.count, f"{tally}{'' if seconds is None else f'  {clock(seconds)} left'}")


def _worker_bars(scheduler: "Scheduler", progress: "Mapping[int, Progress]") -> Iterator[RenderableType]:
    """Yield the bars of the workers."""
    for worker, job in list(scheduler.painting.items())[:MAX_WORKERS]:
        report = progress.get(worker)
        name = "" if job.output is None else job.output.name
        yield _bar(0 if report is None else report.fraction, 1, name)


def _bar(finished: float, total: float | None, text: str) -> RenderableType:
    """Return a bar with a text; without a total, the bar is empty."""
    row = Table.grid(padding=(0, 1))
    row.add_column(width=BAR_WIDTH)
    row.add_column(no_wrap=True, overflow="ellipsis")
    row.add_row(ProgressBar(total=total or 1, completed=finished if total else 0, width=BAR_WIDTH), text)
    return row
