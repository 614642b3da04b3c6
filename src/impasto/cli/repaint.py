"""The command that paints a picture again, from its metadata: `repaint`."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto.cli.flags import RepaintFlags, make_job, read_job, read_settings
from impasto.cli.painting import Output, carry_out
from impasto.cli.watching import Watch
from impasto.errors import InputError
from impasto.files import exists
from impasto.jobs.fingerprint import replaced_file
from impasto.jobs.job import IN_MEMORY, Change, Job
from impasto.jobs.outputs import free_name

__all__ = ["repaint"]


def repaint(
    picture: Annotated[Path, Parameter(name="PICTURE")],
    /,
    *,
    output: Output = None,
    watch: Watch | None = None,
    flags: RepaintFlags = None,
) -> None:
    """Paint PICTURE again, which impasto painted, from the settings and the names of files in its metadata.

    Options that are given replace its own: `impasto repaint small.png --size 2048` paints a larger one. A picture that
    was changed while it was painted, or continued, is painted with the same changes, and options replace theirs too.

    Args:
        picture: A picture that `impasto` painted; the files that it was painted from must still be there. Their paths
            count from the folder in which it was painted.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file. [default: PICTURE-again.png]
        watch: The flags of what is shown.
        flags: The options.

    """
    settings = read_settings(picture)
    fields, hashes = read_job(picture)
    values: dict[str, Any] = {"settings": settings, **fields}  # of a picture with changes, the fields have settings
    job = Job(**values)
    _check_inputs(job, hashes, picture)
    changes = [_replace_options(change, flags) for change in job.changes]
    carry_out(make_job(flags, job, changes=changes, output=output or free_name(picture, "again")), watch)


def _check_inputs(job: Job, hashes: object, picture: Path) -> None:
    """Refuse a picture that was painted from a file that is missing or has changed, or from a picture in memory."""
    missing = next((path for path in job.all_inputs if not exists(path)), None)
    if missing == IN_MEMORY:
        raise InputError(
            f"{picture} was painted from a picture in memory, which is in no file; name other files: impasto PHOTO "
            f"PAINTING --settings {picture}."
        )
    if missing is not None:
        raise InputError(
            f"{picture} was painted from {missing}, which is not there; put it there again, go to the folder in which "
            f"it was painted, or name other files: impasto PHOTO PAINTING --settings {picture}."
        )
    changed = replaced_file(job, hashes)
    if changed is not None:
        raise InputError(
            f"{picture} was painted from another file {changed} than the one that is here; go to the folder in which "
            f"it was painted, or name the files: impasto PHOTO PAINTING --settings {picture}."
        )


def _replace_options(change: Change, flags: RepaintFlags) -> Change:
    """Return a change with the options that are given."""
    return change.replace(job=Job(**make_job(flags, change.job).changeable))
