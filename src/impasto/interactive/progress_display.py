"""How far a run is, shown while it paints: its picture in a notebook, a bar on a terminal, lines elsewhere."""

from collections.abc import Iterator

from impasto.interactive.live_picture import LivePicture, is_in_notebook
from impasto.interactive.progress_bar import bar
from impasto.transfer.progress import Progress
from impasto.transfer.run import Run

__all__ = ["show_progress"]


def show_progress(run: Run) -> Iterator[Progress]:
    """Iterate over a run, and show each report before it is yielded.

    Args:
        run: The run.

    Yields:
        The reports of the run.

    """
    with LivePicture(run) if is_in_notebook() else bar("stage") as show:
        for report in run:
            show(report)
            yield report
