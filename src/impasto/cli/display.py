"""The display of a run in progress: a bar for people, JSON lines for programs, or nothing."""

import json
import math
import os
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, ParamSpec

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from impasto.jobs.amounts import clock

if TYPE_CHECKING:
    from impasto.planning.plan import Plan
    from impasto.transfer.progress import Progress as Report

__all__ = ["Show", "bar", "download", "plan", "records", "remark", "say", "silence", "while_readable"]

PATIENCE_SECONDS = 4.0
"""Seconds before the first evaluation after which a word says why there is none yet."""

P = ParamSpec("P")

Show = Callable[["Report"], None]
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
    progress = Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty())
    task = progress.add_task("preparing", total=None, state="")

    def say_why() -> None:
        progress.update(task, state="the first time on a machine takes longer")

    def show(report: "Report") -> None:
        patience.cancel()
        size = f"{report.width} × {report.height}"
        progress.update(task, description=size, completed=report.fraction, total=1, state=_state(report, unit))
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
    """Return a function that writes a line on standard error at each tenth of the work, and after each change of it."""
    last_tenth, position = -1, (0, 0)

    def show(report: "Report") -> None:
        nonlocal last_tenth, position
        for line in report.remark.splitlines():
            remark(line)
        last_position, position = position, (report.stage, report.evaluation)
        if position < last_position:  # a change began the stages again
            last_tenth = -1
        tenth = math.floor(10 * report.fraction)
        if tenth > last_tenth:
            last_tenth = tenth
            print(f"{report.width} × {report.height}  {_state(report, unit)}", file=sys.stderr, flush=True)  # noqa: T201

    return show


def _state(report: "Report", unit: str) -> str:
    """Describe how far a run is: the percentage, the remaining time, and, with a unit, its number and the loss."""
    remaining = "" if report.seconds_left is None else f"  {clock(report.seconds_left)} left"
    position = f"{unit} {report.stage}/{report.stages}, evaluation {report.evaluation}/{report.evaluations}"
    details = f"  {position}, loss {report.loss:.4g}" if unit else ""
    return f"{report.fraction:4.0%}{remaining}{details}"


@contextmanager
def while_readable(display: AbstractContextManager[Callable[P, None]]) -> Generator[Callable[P, None], None, None]:
    """Show progress as long as the output can be written; a run continues when its terminal or reader has closed."""
    show = display.__enter__()

    def show_if_readable(*arguments: P.args, **options: P.kwargs) -> None:
        try:
            show(*arguments, **options)
        except OSError:
            _mute()

    try:
        yield show_if_readable
    finally:
        try:
            display.__exit__(None, None, None)
        except OSError:
            _mute()


def _mute() -> None:
    """Redirect every standard stream that nobody reads any more to the null device."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def download() -> Generator[Callable[[int, int], None], None, None]:
    """Draw a bar of megabytes on standard error while weights are downloaded.

    Yields:
        A function that shows how many bytes are there, and how many there will be, or 0 if that is not known.

    """
    progress = Progress("downloading", BarColumn(), DownloadColumn(), console=Console(stderr=True))
    task = progress.add_task("")

    def show(done: int, total: int) -> None:
        progress.start()  # only the first call has an effect
        progress.update(task, completed=done, total=total or None)

    try:
        yield show
    finally:
        if progress.live.is_started:  # a bar that was not started, since there was no download, prints nothing
            progress.stop()


@contextmanager
def records() -> Generator[Show, None, None]:
    """Print one JSON record for each evaluation on standard output."""

    def show(report: "Report") -> None:
        print(json.dumps(report.as_dict()), flush=True)  # noqa: T201

    yield show


@contextmanager
def silence() -> Generator[Show, None, None]:
    """Show nothing."""

    def show(report: "Report") -> None:
        del report

    yield show


_TARGET_STORAGE = {"bfloat16": "stored in bfloat16", "recomputed": "computed again in each evaluation"}
"""How the content's features are stored when memory is short, by the value of `Tiling.targets`."""


def plan(plan: "Plan", seconds: float, *, has_history: bool) -> None:
    """Print the plan of a run: its stages, how each fits into memory, and how much memory and time the run will take.

    Args:
        plan: The plan.
        seconds: The predicted time of the run, in seconds.
        has_history: Whether the optimizer has a history, which the table then shows.

    """
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("stage", "pixels", "evaluations", "tiles", "history", "memory", "work"):
        table.add_column(name, justify="left" if name in {"tiles", "history"} else "right")
    for number, stage in enumerate(plan.stages, start=1):
        layout, tiling = stage.layout, stage.layout.tiling
        tiles = f"{layout.tiles} of {tiling.side}, {tiling.retained_tiles} retained" if layout.tiles > 1 else "1"
        history = f"{layout.history} in {layout.history_dtype}" if has_history else ""
        memory = f"{layout.bytes / 1e9:.2f} GB"
        table.add_row(
            str(number), str(stage.size), str(stage.evaluations), tiles, history, memory, f"{layout.work:.2f}"
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    for number, stage in enumerate(plan.stages, start=1):
        if stage.layout.tiling.targets != "stored":
            console.print(
                f"In stage {number} the content's features are {_TARGET_STORAGE[stage.layout.tiling.targets]}."
            )
    gigabytes = f"{plan.bytes / 1e9:.2f} GB, {plan.baseline / 1e9:.2f} GB of it before the first stage"
    console.print(f"About {gigabytes}, and {clock(seconds)} in time.")


def say(sentence: str) -> None:
    """Print one line on standard output; nothing happens if nobody reads the output any more."""
    try:
        print(sentence, flush=True)  # noqa: T201
    except OSError:
        _mute()


def remark(sentence: str) -> None:
    """Print one line on standard error about something that the user did not ask for."""
    print(f"impasto: {sentence}", file=sys.stderr)  # noqa: T201
