"""The picture of a run in a notebook, shown while it is painted, with its loss and the time that is left.

A display of IPython that is updated in place: it needs no widgets, and the saved notebook has the last picture.
"""

import base64
import html
import sys
import time
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

from impasto.interactive.progress_bar import size, state
from impasto.transfer.progress import Progress
from impasto.transfer.run import Run

__all__ = ["LivePicture", "is_in_notebook"]

MIN_SECONDS_BETWEEN = 2.0
"""Seconds from one update of the display to the next, at least: an update encodes a picture and sends it."""

MAX_SIDE = 512
"""Pixels of the long side of the picture that is shown, at most."""


def is_in_notebook() -> bool:
    """Tell whether the program runs in a kernel of Jupyter, which shows pictures."""
    ipython: Any = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


class LivePicture(AbstractContextManager["LivePicture"]):
    """Shows the picture of a run in a notebook; the end of the context shows the last one.

    Args:
        run: The run whose picture is shown.

    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._module: Any = import_module("IPython.display")
        self._handle: Any = self._module.display(self._module.HTML("the first evaluation"), display_id=True)
        self._report: Progress | None = None
        self._remarks: list[str] = []
        self._updated = -MIN_SECONDS_BETWEEN

    def __call__(self, report: Progress) -> None:
        """Show a report, unless the last update was a moment ago."""
        self._report = report
        self._remarks += report.remark.splitlines()
        if time.monotonic() - self._updated >= MIN_SECONDS_BETWEEN:
            self._update()

    def __exit__(self, *_: object) -> None:
        if self._run.stopped == "unfinished":
            self._remarks.append("stopped before the end; its run can continue")
        self._update()

    def _update(self) -> None:
        """Show the picture so far, if there has been a report."""
        if self._report is None:
            return
        encoded = base64.b64encode(self._run.preview().within(MAX_SIDE).jpeg(quality=85)).decode()
        text = f"{size(self._report)}  {state(self._report, 'stage')}"
        lines = "<br>".join(html.escape(line) for line in (text, *self._remarks))
        bar = f'<progress value="{self._report.fraction:.3f}" style="width: 100%; max-width: 20em"></progress>'
        picture = f'<img alt="the picture so far" src="data:image/jpeg;base64,{encoded}">'
        self._handle.update(self._module.HTML(f"<div>{picture}<br>{bar}<br>{lines}</div>"))
        self._updated = time.monotonic()
