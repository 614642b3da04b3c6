"""How a run is shown while it goes on: a bar for people, JSON lines for programs, or nothing."""

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

__all__ = ["Show", "bar", "download", "plan", "records", "remark", "say", "silence", "while_seen"]

Show = Callable[["Report"], None]
"""Shows one evaluation's progress."""


@contextmanager
def bar() -> Generator[Show, None, None]:
    """Draw a progress bar on standard error: stage, size, loss, time left."""
    columns = (
        TextColumn("stage {task.fields[stage]}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}  loss {task.fields[loss]:.4g}  {task.fields[left]} left"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", stage="1", loss=float("nan"), left="?", visible=False)

        def show(report: "Report") -> None:
            stage = f"{report.stage}/{report.stages}  {report.width} × {report.height}"
            progress.update(
                task,
                completed=report.evaluation,
                total=report.evaluations,
                stage=stage,
                loss=report.loss,
                left=clock(report.seconds_left),
                visible=True,
            )
            if report.remark:
                progress.console.print(report.remark, highlight=False, markup=False)

        yield show


@contextmanager
def while_seen(shown: AbstractContextManager[Show]) -> Generator[Show, None, None]:
    """Show for as long as someone reads: a run goes on when its terminal, or the program that reads it, is gone."""
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
    """Let what is written to a stream whose other end is gone go nowhere."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def download(*, shown: bool) -> Generator[Callable[[int, int], None] | None, None, None]:
    """Draw a bar of megabytes on standard error while weights come in; nothing where nothing is downloaded."""
    if not shown:
        yield None
        return
    progress = Progress("downloading", BarColumn(), DownloadColumn(), console=Console(stderr=True))
    task = progress.add_task("")

    def show(done: int, total: int) -> None:
        progress.start()  # the first time only, so that nothing is drawn where nothing is downloaded
        progress.update(task, completed=done, total=total or None)

    try:
        yield show
    finally:
        if progress.live.is_started:
            progress.stop()


@contextmanager
def records() -> Generator[Show, None, None]:
    """Print one JSON record an evaluation on standard output."""

    def show(report: "Report") -> None:
        print(json.dumps(report.as_dict()), flush=True)  # noqa: T201

    yield show


@contextmanager
def silence() -> Generator[Show, None, None]:
    """Show nothing."""

    def show(report: "Report") -> None:
        del report

    yield show


_STORAGE = {"bfloat16": "stored in bfloat16", "recomputed": "computed each time"}


def plan(plan: "Plan", seconds: float, *, has_history: bool) -> None:
    """Print what a run will do: its stages, how each fits into memory, and how much memory and time it will take."""
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
            console.print(f"In stage {number} the content's features are {_STORAGE[stage.layout.tiling.targets]}.")
    gigabytes = f"{plan.bytes / 1e9:.2f} GB, {plan.baseline / 1e9:.2f} GB of it without any stage"
    console.print(f"About {gigabytes}, and {clock(seconds)} in time.")


def say(sentence: str) -> None:
    """Print one line on standard output, if anyone reads it."""
    try:
        print(sentence, flush=True)  # noqa: T201
    except OSError:
        _mute()


def remark(sentence: str) -> None:
    """Print one line on standard error: what the command did that was not asked for."""
    print(f"impasto: {sentence}", file=sys.stderr)  # noqa: T201
