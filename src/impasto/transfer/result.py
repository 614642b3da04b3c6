"""The result of a run: the painted picture, its settings and its history."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.images import Picture
from impasto.settings import Settings
from impasto.transfer.loss_chart import plot_losses
from impasto.transfer.progress import Progress, Stopped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Result"]


@dataclass(frozen=True, repr=False)
class Result:
    """A painted picture, its settings and its history."""

    picture: Picture
    """The painted picture: the image with the least loss."""
    settings: Settings
    """The options of the picture."""
    history: Sequence[Progress]
    """The report of each evaluation; the losses of each term and layer are in it."""
    stopped: Stopped
    """Why the run ended: finished, converged, unfinished or diverged."""

    def __repr__(self) -> str:
        size, count = f"{self.picture.width} × {self.picture.height}", len(self.history)
        if not count:
            return f"Result({size}, no evaluations, {self.stopped})"
        last = self.history[-1]
        return f"Result({size}, loss {last.loss:.4g}, {count} evaluations in {last.seconds:.1f} s, {self.stopped})"

    def _repr_png_(self) -> bytes:
        """Return the image that a notebook shows: the picture, or a smaller copy of a large one."""
        return self.picture.notebook_png()

    def plot(self, path: str | Path | None = None, *, overwrite: bool = False) -> "Figure":
        """Draw the losses of the run, as `plot_losses` does.

        Args:
            path: A .png, .svg or .pdf file in which to save the chart; none, if not given.
            overwrite: Whether an existing file may be replaced.

        Returns:
            The chart, a figure of matplotlib, which a notebook shows.

        Raises:
            InputError: the suffix is another one, or no file may be written at the path.
            WriteError: the file could not be written.

        """
        return plot_losses(self, path, overwrite=overwrite)
