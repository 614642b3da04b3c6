"""The display of a run in progress: a bar for people, JSON lines for programs, or nothing."""

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from impasto.jobs.durations import clock

if TYPE_CHECKING:
    from impasto.planning.plan import Plan
    from impasto.transfer.progress import Progress as Report

__all__ = ["Show", "bar", "download", "plan", "records", "remark", "say", "silence", "while_readable"]

Show = Callable[["Report"], None]
"""A function that shows the progress of one evaluation."""


@contextmanager
def bar() -> Generator[Show, None, None]:
    """Draw a progress bar on standard error: stage, size, loss, time left."""
    columns = (
        TextColumn("stage {task.fields[stage]}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  loss {task.fields[loss]:.4g}  {task.fields[left]} left"),
    )
    progress = Progress(*columns, console=Console(stderr=True))
    task = progress.add_task("", stage="1", loss=float("nan"), left="?")

    def show(report: "Report") -> None:
        stage = f"{report.stage}/{report.stages}  {report.width} × {report.height}"
        progress.update(
            task,
            completed=report.evaluation,
            total=report.evaluations,
            stage=stage,
            loss=report.loss,
            left=clock(report.seconds_left),
        )
        progress.start()  # only the first call has an effect
        if report.remark:
            progress.console.print(report.remark, highlight=False, markup=False)

    with _stopping(progress):
        yield show


@contextmanager
def while_readable(shown: AbstractContextManager[Show]) -> Generator[Show, None, None]:
    """Show progress as long as the output can be written; a run continues when its terminal or reader has closed."""
    show = shown.__enter__()

    def show_or_not(report: "Report") -> None:
        try:
            show(report)
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
