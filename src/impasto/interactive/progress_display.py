"""How far a run is, shown while it paints: its picture in a notebook, a bar on a terminal, lines elsewhere.

Bar and lines are written to standard error.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from impasto.interactive.live_picture import LivePicture, is_in_notebook
from impasto.interactive.report_text import stage, state, time_left
from impasto.transfer.progress import Progress
from impasto.transfer.run import Run

__all__ = ["show_progress"]

LINES_PER_RUN = 10
"""Lines that a run writes where standard error is no terminal."""

Show = Callable[[Progress], object]
"""A function that shows a report."""


def show_progress(run: Run) -> Iterator[Progress]:
    """Iterate over a run, and show each report before it is yielded.

    Args:
        run: The run.

    Yields:
        The reports of the run.

    """
    display, show = _display(run)
    with display:
        for report in run:
            show(report)
            yield report


def _display(run: Run) -> tuple[AbstractContextManager[object], Show]:
    """Return the display that suits where the program runs: a context, and what updates it."""
    if is_in_notebook():
        picture = LivePicture(run)
        return picture, picture
    return _bar() if sys.stderr.isatty() else (nullcontext(), _Lines())


def _bar() -> tuple[AbstractContextManager[object], Show]:
    """Return a bar on the terminal as a context, and what updates it."""
    from rich.console import Console  # noqa: PLC0415 (only where there is a terminal)
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        Progress as Bar,
        TaskProgressColumn,
        TextColumn,
    )

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[details]}")
    bar = Bar(*columns, console=Console(stderr=True))
    task = bar.add_task("", total=1.0, details="")

    def show(report: Progress) -> None:
        details = f"loss {report.loss:.4g}{time_left(report)}"
        bar.update(task, completed=report.fraction, description=stage(report), details=details)
        if report.remark:
            bar.console.print(report.remark, highlight=False, markup=False)

    return bar, show


class _Lines:
    """Writes a line for each tenth of the run, and for each remark."""

    def __init__(self) -> None:
        self._last_line = -1

    def __call__(self, report: Progress) -> None:
        line = int(report.fraction * LINES_PER_RUN)
        if report.remark:
            sys.stderr.write(f"{report.remark}\n")
        if line > self._last_line:
            self._last_line = line
            sys.stderr.write(f"{state(report)}\n")
            sys.stderr.flush()
