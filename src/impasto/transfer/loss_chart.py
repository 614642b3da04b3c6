"""The chart of the losses of a run, drawn with matplotlib, which is imported when a chart is drawn."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from impasto import files
from impasto.drawing import importing_matplotlib
from impasto.errors import InputError
from impasto.transfer.progress import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PLOT_SUFFIXES", "HasHistory", "check_plot", "is_plot", "plot_losses"]

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
"""The suffixes of the files that a chart can be saved in."""

_TITLE = "Losses of a run of impasto"
"""The title in the metadata of the file of a chart."""


class HasHistory(Protocol):
    """A run, or its result."""

    @property
    def history(self) -> Sequence[Progress]:
        """The report of each evaluation."""
        ...


def check_plot(path: Path) -> None:
    """Check that the suffix of a path is one of `PLOT_SUFFIXES`.

    Args:
        path: The path of a chart.

    Raises:
        InputError: the suffix is another one.

    """
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"a plot cannot be saved as {path}; its name must end in {', '.join(PLOT_SUFFIXES)}.")


def is_plot(path: Path) -> bool:
    """Return whether a file is a chart that `plot_losses` saved; False if it cannot be read."""
    try:
        return _TITLE.encode() in path.read_bytes()
    except OSError:
        return False


def plot_losses(
    history: HasHistory | Sequence[Progress], path: str | Path | None = None, *, overwrite: bool = False
) -> "Figure":
    """Draw the loss and its terms against the seconds of a run, with a dashed line at the start of each stage.

    Args:
        history: A run, its result, or the progress of each evaluation, in order.
        path: A .png, .svg or .pdf file in which to save the chart; none, if not given.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The chart, a figure of matplotlib, which a notebook shows.

    Raises:
        InputError: the suffix is not one of `PLOT_SUFFIXES`, or no file may be written at the path.
        WriteError: the file could not be written.

    """
    reports = _reports(history)
    figure = _figure()
    _draw(figure.subplots(), reports)
    if path is not None:
        check_plot(files.check_output(path, overwrite=overwrite))
        with files.atomic_write(path, overwrite=overwrite) as temporary:
            figure.savefig(temporary, metadata={"Title": _TITLE})
    return figure


def _figure() -> "Figure":
    """Return an empty figure that shows itself in a notebook; only those of pyplot do so otherwise."""
    with importing_matplotlib():
        from matplotlib.figure import Figure  # noqa: PLC0415

    class LossChart(Figure):
        """A figure that a notebook shows, without pyplot."""

        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png")
            return file.getvalue()

    return LossChart(figsize=(8, 5), layout="constrained")


def _reports(history: object) -> Sequence[Progress]:
    """Return the reports of a run, of a result, or themselves."""
    reports: object = getattr(history, "history", history)
    if isinstance(reports, Sequence) and all(
        isinstance(report, Progress) for report in cast("Sequence[object]", reports)
    ):
        return cast("Sequence[Progress]", reports)
    raise InputError(f"{history!r:.80} has no losses to plot; give a run, its result, or its history.")


def _draw(axes: "Axes", reports: Sequence[Progress]) -> None:
    """Draw the lines of a chart."""
    seconds = [progress.seconds for progress in reports]
    axes.plot(seconds, [progress.loss for progress in reports], "k", label="loss", linewidth=2)
    for term in reports[0].terms if reports else ():
        axes.plot(seconds, [progress.terms[term] for progress in reports], label=term, linewidth=1)
    for progress in reports:
        if progress.evaluation == 1:
            axes.axvline(progress.seconds, color="gray", linestyle="--", linewidth=0.8)
            axes.annotate(f" {progress.width} × {progress.height}", (progress.seconds, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8)  # fmt: skip # noqa: E501
    axes.set(xlabel="seconds", ylabel="loss", yscale="log")
    axes.legend()
