"""How far a run is, on standard error: a bar on a terminal, lines elsewhere. The command shows it so, too."""

import math
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, TextColumn

from impasto.jobs.amounts import clock
from impasto.transfer.progress import Progress

__all__ = ["Show", "bar", "size", "state"]

PATIENCE_SECONDS = 4.0
"""Seconds before the first evaluation after which a word says why there is none yet."""

LINES_PER_RUN = 10
"""Lines that a run writes where standard error is no terminal."""

Show = Callable[[Progress], None]
"""A function that shows the progress of one evaluation."""


@contextmanager
def bar(unit: str = "") -> Generator[Show, None, None]:
    """Draw a progress bar of the whole run on standard error, or write lines where that is no terminal.

    Args:
        unit: stage, or frame in a film, to show its number, the evaluation and the loss, too; empty for neither.

    Yields:
        A function that shows the progress of one evaluation.

    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(unit)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    progress = Bar(*columns, console=console, redirect_stdout=sys.stdout.isatty())
    task = progress.add_task("preparing", total=None, state="")

    def say_why() -> None:
        progress.update(task, state="the first time on a machine takes longer")

    def show(report: Progress) -> None:
        patience.cancel()
        progress.update(task, description=size(report), completed=report.fraction, total=1, state=state(report, unit))
        if report.remark:
            progress.console.print(report.remark, highlight=False, markup=False)

    patience = threading.Timer(PATIENCE_SECONDS, say_why)
    patience.daemon = True
    patience.start()
    progress.start()
    try:
        yield show
    finally:
        patience.cancel()
        progress.stop()


def _lines(unit: str) -> Show:
    """Return a function that writes a line at each tenth of the work, and after each change of it."""
    last_line, position = -1, (0, 0)

    def show(report: Progress) -> None:
        nonlocal last_line, position
        for remark in report.remark.splitlines():
            print(f"impasto: {remark}", file=sys.stderr)  # noqa: T201
        last_position, position = position, (report.stage, report.evaluation)
        if position < last_position:  # a change began the stages again
            last_line = -1
        line = math.floor(LINES_PER_RUN * report.fraction)
        if line > last_line:
            last_line = line
            print(f"{size(report)}  {state(report, unit)}", file=sys.stderr, flush=True)  # noqa: T201

    return show


def size(report: Progress) -> str:
    """Return the size of the picture of a report."""
    return f"{report.width} × {report.height}"


def state(report: Progress, unit: str) -> str:
    """Describe how far a run is: the percentage, the remaining time, and, with a unit, its number and the loss."""
    remaining = "" if report.seconds_left is None else f"  {clock(report.seconds_left)} left"
    position = f"{unit} {report.stage}/{report.stages}, evaluation {report.evaluation}/{report.evaluations}"
    details = f"  {position}, loss {report.loss:.4g}" if unit else ""
    return f"{report.fraction:4.0%}{remaining}{details}"
