"""The common part of the commands that paint many pictures: sheets are painted while a bar is drawn."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli import display
from impasto.cli.painting import load_weights
from impasto.interactive.progress_bar import bar
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.jobs.sheets import Sheet

__all__ = ["open_picture", "paint"]


def open_picture(path: Path, *, allow_large: bool, quiet: bool) -> "Picture":
    """Open a picture, and print what of its file was left out.

    Args:
        path: The file.
        allow_large: Whether to open a picture of more than 100 million pixels.
        quiet: Whether to print nothing.

    Returns:
        The picture.

    Raises:
        PictureError: the file cannot be read.

    """
    from impasto.images import Picture  # noqa: PLC0415 (torch)

    picture = Picture.open(path, allow_large=allow_large)
    for sentence in () if quiet else picture.remarks:
        display.remark(sentence)
    return picture


def paint(job: Job, sheets: "Sequence[Sheet]", *, quiet: bool) -> None:
    """Paint sheets while a bar is drawn, and print the result of each picture.

    Args:
        job: What all pictures have in common; `Job.overwrite` says whether existing files may be replaced.
        sheets: The sheets to paint.
        quiet: Whether to print nothing but errors.

    Raises:
        InputError: a picture or a sheet cannot be painted or saved; then nothing has been painted.
        RunError: a file could not be written, or a loss was not finite; the sheets hold the best pictures so far.

    """
    from impasto.jobs import sheets as jobs  # noqa: PLC0415 (torch)
    from impasto.jobs.events import Evaluated, Painted, Saved  # noqa: PLC0415

    events = jobs.paint(job, sheets, overwrite=job.overwrite, load=lambda name: load_weights(name, has_bar=not quiet))
    saved: list[str] = []
    with nullcontext(display.print_nothing) if quiet else bar() as show:
        for event in events:
            if isinstance(event, Evaluated):
                show(event.progress)
            elif isinstance(event, Painted) and not quiet:
                display.say(f"{event.number}/{event.count} {event.name}: {event.sentence}")
            elif isinstance(event, Saved):
                saved.append(f"{event.path}: {event.size}")
    for sentence in () if quiet else saved:
        display.say(sentence)
