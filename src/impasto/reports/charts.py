"""Charts of the losses of runs, drawn with matplotlib."""

from collections.abc import Sequence
from pathlib import Path

from impasto import files
from impasto.errors import InputError
from impasto.reports.drawing import importing_matplotlib
from impasto.transfer.progress import Progress

__all__ = ["PLOT_SUFFIXES", "check_plot", "plot_losses"]

PLOT_SUFFIXES = (".png", ".svg", ".pdf")
"""The suffixes of the files that a chart can be saved in."""


def check_plot(path: Path) -> None:
    """Check that the suffix of a path is one of `PLOT_SUFFIXES`.

    Raises:
        InputError: the suffix is another one.

    """
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"a plot cannot be saved as {path}; its name must end in {', '.join(PLOT_SUFFIXES)}.")


def plot_losses(history: Sequence[Progress], path: Path, *, overwrite: bool = False) -> None:
    """Draw the loss and its terms against the seconds of a run, with a dashed line at the start of each stage.

    Args:
        history: The progress of each evaluation, in order.
        path: A .png, .svg or .pdf file.
        overwrite: Whether an existing file may be replaced.

    Raises:
        InputError: the suffix is not one of `PLOT_SUFFIXES`, or no file may be written at the path.
        WriteError: the file could not be written.

    """
    with importing_matplotlib():
        from matplotlib.figure import Figure  # noqa: PLC0415

    check_plot(path)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    seconds = [progress.seconds for progress in history]
    axes.plot(seconds, [progress.loss for progress in history], "k", label="loss", linewidth=2)
    for term in history[0].terms if history else ():
        axes.plot(seconds, [progress.terms[term] for progress in history], label=term, linewidth=1)
    for progress in history:
        if progress.evaluation == 1:
            axes.axvline(progress.seconds, color="gray", linestyle="--", linewidth=0.8)
            axes.annotate(f" {progress.width} × {progress.height}", (progress.seconds, 1), xycoords=("data", "axes fraction"), va="top", fontsize=8)  # fmt: skip # noqa: E501
    axes.set(xlabel="seconds", ylabel="loss", yscale="log")
    axes.legend()
    with files.whole(path, overwrite=overwrite) as temporary:
        figure.savefig(temporary)
