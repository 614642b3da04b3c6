"""The files that a job writes: their names, and the checks that they can be written before any work begins."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations, count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from impasto import files
from impasto.errors import InputError
from impasto.jobs import notes
from impasto.jobs.fingerprint import FINGERPRINT, fingerprint
from impasto.jobs.job import Job
from impasto.recipes.print_size import PrintSize

if TYPE_CHECKING:
    from impasto.transfer.progress import Stopped

__all__ = [
    "check_formats",
    "check_frames",
    "check_plot_and_preview",
    "frame",
    "free_name",
    "latest_name",
    "prepare",
    "recorded_stop",
    "with_replaceable_files",
]

_FRAME_NUMBER = re.compile(r"-(\d{5,8})$", re.ASCII)
"""The end of the name of a picture so far: at least five digits."""


def free_name(first: Path, *others: str | Path, suffix: str = ".png", unfinished: str = ".checkpoint") -> Path:
    """Return the path of an output that nobody named: `photo-painting.png` in the folder of the photograph.

    Args:
        first: The file whose folder and name the output gets.
        others: Files, or words, whose names follow.
        suffix: The suffix of the output.
        unfinished: The ending of the name of the file or folder that an unfinished output has in addition.

    Returns:
        A path at which there is no file, or the picture so far of a run that ended early: if the name is taken, the
        path gets a number.

    """
    paths = _names(first, *others, suffix=suffix)
    return next(path for path in paths if not files.exists(path) or files.exists(files.sibling(path, unfinished)))


def latest_name(first: Path, *others: str | Path) -> Path:
    """Return the path that `free_name` gave last: that of the newest picture of these names, or the first name."""
    paths = _names(first, *others, suffix=".png")
    existing = takewhile(lambda path: files.exists(path) or files.exists(files.sibling(path, ".checkpoint")), paths)
    return [next(_names(first, *others, suffix=".png")), *existing][-1]


def _names(first: Path, *others: str | Path, suffix: str) -> Iterator[Path]:
    """Yield the paths that an output of these names may have, from the one without a number on."""
    path = first.with_name("-".join([first.stem, *(Path(other).stem for other in others)]))
    for number in count(1):
        yield files.sibling(path, f"-{number}{suffix}" if number > 1 else suffix)


def prepare(job: Job) -> Job:
    """Check the paths of the files that a job writes, and return the job with the path of its checkpoint.

    Where there is a checkpoint, the pictures so far of the run that saved it may be replaced, but no finished picture
    of another job, and no file that impasto did not paint.

    Args:
        job: The job.

    Returns:
        The job with `Job.checkpoint`, and with `Job.overwrite` where it continues a run.

    Raises:
        InputError: a file could not be written, would replace a file that the job reads, or has the name of another.

    """
    if job.output is None:
        return _without_output(job)
    output, checkpoint = job.output, job.checkpoint or files.sibling(job.output, ".checkpoint")
    continues = not job.overwrite and files.exists(checkpoint) and _is_unfinished(job)
    _check_distinct({"picture": output, "plot": job.plot, "preview": job.preview, "checkpoint": checkpoint})
    files.check_output(output, overwrite=job.overwrite or continues, inputs=job.all_inputs)
    files.check_output(checkpoint, overwrite=True, inputs=job.all_inputs)
    check_plot_and_preview(job, continues=continues)
    job = job.replace(checkpoint=checkpoint)
    return with_replaceable_files(job, is_replaceable=True) if continues else job


def with_replaceable_files(job: Job, *, is_replaceable: bool | None = None) -> Job:
    """Return the job that paints on, which may replace its picture and the pictures so far that impasto painted.

    Args:
        job: The job; `Job.overwrite` says whether it may replace any file.
        is_replaceable: Whether impasto painted the picture at its output, or there is none yet; None: look at its
            metadata.

    Returns:
        The job, with `Job.overwrite` where its picture may be replaced.

    Raises:
        InputError: there is a file that impasto did not paint, which a picture so far would replace.

    """
    for path in _existing_frames(job):
        files.check_output(path, overwrite=job.overwrite or _is_replaceable(path), inputs=job.all_inputs)
    if is_replaceable is None:
        is_replaceable = job.output is not None and _is_replaceable(job.output)
    return job.replace(overwrite=job.overwrite or is_replaceable)


def check_plot_and_preview(job: Job, *, continues: bool) -> None:
    """Check that a plot and a preview can be written.

    Args:
        job: The job.
        continues: Whether the job continues a run or a picture, whose plot is then replaced.

    Raises:
        InputError: a file could not be written, would replace a file that the job reads, or, without
            `Job.overwrite`, one that impasto did not write.

    """
    if job.plot is not None:
        from impasto.transfer.loss_chart import is_plot  # noqa: PLC0415 (torch)

        is_replaceable = continues and files.exists(job.plot) and is_plot(job.plot)
        files.check_output(job.plot, overwrite=job.overwrite or is_replaceable, inputs=job.all_inputs)
    if job.preview is not None:
        files.check_output(job.preview, overwrite=job.overwrite or _is_replaceable(job.preview), inputs=job.all_inputs)


def check_formats(job: Job) -> None:
    """Check that the formats of the files, which their suffixes name, can store the picture and the plot.

    Args:
        job: The job.

    Raises:
        InputError: a suffix is unknown, or its format cannot store the size or the bits of the picture.

    """
    from impasto.images import check_suffix  # noqa: PLC0415 (libvips)
    from impasto.transfer.loss_chart import check_plot  # noqa: PLC0415

    size = job.settings.size
    if job.print_size is not None:
        size = PrintSize.parse(job.print_size, job.settings.dpi).long_pixels
    if job.output is not None:
        check_suffix(job.output, longest_side=size, deep=job.settings.bits == "16")
    if job.plot is not None:
        check_plot(job.plot)
    if job.preview is not None:
        check_suffix(job.preview, longest_side=size)


def check_frames(job: Job, evaluations: int) -> None:
    """Check the files that `save_every` may write in a run.

    Args:
        job: The job.
        evaluations: The most evaluations of the run.

    Raises:
        InputError: a file could not be written.

    """
    if job.output is not None and job.save_every:
        for count in range(job.save_every, evaluations + 1, job.save_every):
            files.check_output(frame(job.output, count), overwrite=job.overwrite, inputs=job.all_inputs)


def frame(output: Path, evaluations: int) -> Path:
    """Return the path of the picture so far, which is `picture-00050.png` for `picture.png`.

    Args:
        output: The path of the finished picture.
        evaluations: The number of evaluations so far.

    Returns:
        The path, in the same folder.

    """
    return files.sibling(output, f"-{evaluations:05}", before_suffix=True)


def recorded_stop(job: Job) -> "Stopped | None":
    """Return how the run stopped that painted the picture at the output of a job from equal settings and inputs.

    Args:
        job: A job with an output.

    Returns:
        How the run stopped; None, if there is no file, another picture, or one of other settings or inputs.

    Raises:
        InputError: an input of the job cannot be read.

    """
    note = _read_note(job.output) if job.output is not None and files.exists(job.output) else {}
    return note.get("stopped") if _is_picture_of(job, note) else None


def _is_picture_of(job: Job, note: Mapping[str, Any]) -> bool:
    """Return whether a picture with a note in its metadata was painted from the settings and inputs of a job."""
    return note.get(FINGERPRINT) is not None and note[FINGERPRINT] == fingerprint(job)


def _read_note(output: Path) -> dict[str, Any]:
    """Return what the metadata of a picture say; nothing, if impasto did not paint it."""
    try:
        return notes.read(output)
    except InputError:
        return {}


def _existing_frames(job: Job) -> Iterator[Path]:
    """List the files that have the names of pictures so far, whatever painted them."""
    if job.output is None or not job.save_every or not files.exists(job.output.parent):
        return
    for path in sorted(job.output.parent.iterdir()):
        number = _FRAME_NUMBER.search(path.stem)
        if number is not None and int(number[1]) % job.save_every == 0 and frame(job.output, int(number[1])) == path:
            yield path


def _without_output(job: Job) -> Job:
    """Return a job whose picture stays in memory, or refuse it if it names other files."""
    for name in ("save_every", "plot", "preview", "checkpoint"):
        if getattr(job, name):
            raise InputError(f"a job without an output cannot have {name}; name an output.")
    return job


def _check_distinct(outputs: dict[str, Path | None]) -> None:
    """Refuse two outputs with the same path."""
    keys = {name: files.name_key(path.resolve()) for name, path in outputs.items() if path is not None}
    for (name, key), (other_name, other_key) in combinations(keys.items(), 2):
        if key == other_key:
            raise InputError(
                f"the {name} and the {other_name} cannot both be {outputs[name]}; give one of them another name."
            )


def _is_unfinished(job: Job) -> bool:
    """Return whether there is no picture yet, or one so far, or one that the job itself has finished."""
    output = cast("Path", job.output)
    if not files.exists(output):
        return True
    note = _read_note(output)
    return note.get("stopped") == "unfinished" or _is_picture_of(job, note)


def _is_replaceable(output: Path) -> bool:
    """Return whether there is no file yet, or a picture that impasto painted."""
    return not files.exists(output) or bool(_read_note(output))
