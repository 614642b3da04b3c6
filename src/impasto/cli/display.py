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
def bar(*, detailed: bool = False) -> Generator[Show, None, None]:
    """Draw a progress bar of the whole run on standard error, or write lines where that is no terminal.

    Args:
        detailed: Whether to show stage, evaluation and loss, too.

    Yields:
        A function that shows the progress of one evaluation.

    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(detailed=detailed)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    progress = Progress(*columns, console=console, redirect_stdout=sys.stdout.isatty())
    task = progress.add_task("preparing", total=None, state="")

    def say_why() -> None:
        progress.update(task, state="the first time on a machine takes longer")

    def show(report: "Report") -> None:
        patience.cancel()
        size = f"{report.width} × {report.height}"
        progress.update(task, description=size, completed=report.fraction, total=1, state=_state(report, detailed))
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


def _lines(*, detailed: bool) -> Show:
    """Return a function that writes a line on standard error at each tenth of the work, and after each change of it."""
    written, reached = -1, (0, 0)

    def show(report: "Report") -> None:
        nonlocal written, reached
        for line in report.remark.splitlines():
            remark(line)
        before, reached = reached, (report.stage, report.evaluation)
        if reached < before:  # a change began the stages again
            written = -1
        tenth = math.floor(10 * report.fraction)
        if tenth > written:
            written = tenth
            print(f"{report.width} × {report.height}  {_state(report, detailed)}", file=sys.stderr, flush=True)  # noqa: T201

    return show


def _state(report: "Report", detailed: bool) -> str:
    """Describe where a run is: the percentage, the time that is left, and details if they are wanted."""
    left = "" if report.seconds_left is None else f"  {clock(report.seconds_left)} left"
    where = f"stage {report.stage}/{report.stages}, evaluation {report.evaluation}/{report.evaluations}"
    details = f"  {where}, loss {report.loss:.4g}" if detailed else ""
    return f"{report.fraction:4.0%}{left}{details}"


@contextmanager
def while_readable(shown: AbstractContextManager[Callable[P, None]]) -> Generator[Callable[P, None], None, None]:
    """Show progress as long as the output can be written; a run continues when its terminal or reader has closed."""
    show = shown.__enter__()

    def show_or_not(*report: P.args, **more: P.kwargs) -> None:
        try:
            show(*report, **more)
        except OSError:
            _mute()

    try:
        yield show_or_not
    finally:
        try:
            shown.__exit__(None, None, None)
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
def download(*, shown: bool) -> Generator[Callable[[int, int], None] | None, None, None]:
    """Draw a bar of megabytes on standard error while weights are downloaded."""
    if not shown:
        yield None
        return
    progress = Progress("downloading", BarColumn(), DownloadColumn(), console=Console(stderr=True))
    task = progress.add_task("")

    def _show(done: int, total: int) -> None:
        progress.start()  # only the first call has an effect
        progress.update(task, completed=done, total=total or None)

    with _stopping(progress):
        yield _show


@contextmanager
def _stopping(progress: Progress) -> Generator[None, None, None]:
    """Stop a bar that was started; a bar that was not started, since there was nothing to show, prints nothing."""
    try:
        yield
    finally:
        if progress.live.is_started:
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
