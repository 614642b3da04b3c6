"""What the command prints: sentences, plans, JSON lines for programs, and the bar of a download."""

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, ParamSpec

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress
from rich.table import Table

from impasto.jobs.amounts import clock

if TYPE_CHECKING:
    from impasto.planning.plan import Plan
    from impasto.transfer.progress import Progress as Report

__all__ = ["download", "plan", "print_nothing", "print_record", "remark", "say", "while_readable"]

P = ParamSpec("P")


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


def print_record(report: "Report") -> None:
    """Print the JSON record of an evaluation on standard output."""
    say(json.dumps(report.as_dict()))


def print_nothing(_: object) -> None:
    """Take what is not shown."""


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
