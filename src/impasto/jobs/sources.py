"""The sources of a job: it opens the files that the job names as pictures, masks and styles."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from impasto.errors import InputError
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.jobs.job import DATA_URI, Job, StyleSource
from impasto.recipes import texture
from impasto.recipes.print_size import PrintSize
from impasto.settings import Settings
from impasto.transfer.inputs import Inputs
from impasto.transfer.styles import Style

__all__ = ["OpenFile", "OpenedJob", "open_job", "open_picture"]


class OpenFile(Protocol):
    """A function that opens the picture of a path, as `Picture.open` does."""

    def __call__(self, file: Path, /, *, allow_large: bool = False) -> Picture:
        """Open a picture."""
        ...


class OpenedJob(NamedTuple):
    """The opened sources of a job."""

    inputs: Inputs
    """The pictures, masks and styles that a run paints from."""
    settings: Settings
    """The settings of the job; a print size has replaced `size` and `dpi`."""
    announcements: Sequence[str] = ()
    """Sentences about what the job will do that its user should know before it starts."""

    @property
    def remarks(self) -> Iterator[str]:
        """Sentences about the parts of the files that were left out of the pictures, and about likely mistakes."""
        content, initial = self.inputs.content, self.inputs.initial
        pictures = (content, *(style.picture for style in self.inputs.styles), initial)
        for picture in pictures:
            yield from () if picture is None else picture.remarks
        for number, style in enumerate(self.inputs.styles, start=1):
            camera = style.picture.exif.get("ifd0-Model")
            if camera is not None and camera == content.exif.get("ifd0-Model"):
                yield (
                    f"style {number} was taken with the camera of the content ({camera}), and is used as a painting; "
                    "give one photograph first and paintings after it."
                )


def open_job(job: Job, open_file: OpenFile = Picture.open) -> OpenedJob:
    """Open the sources of a job.

    Args:
        job: The job.
        open_file: What opens the pictures of paths, perhaps with a cache; masks are opened without it.

    Returns:
        The pictures, masks and settings.

    Raises:
        InputError: a source cannot be read or used.

    """

    @cache  # styles of the same region get the same mask
    def mask(source: str | None) -> Mask | None:
        return None if source is None else Mask.open(source, allow_large=job.allow_large)

    def style(source: StyleSource) -> Style:
        picture = open_picture(source.picture, open_file, allow_large=job.allow_large)
        masks = mask(source.mask), mask(source.region)
        return Style(picture, source.weight, source.scale, *masks, source.color, source.color_match)

    if job.content is None:
        return OpenedJob(texture.inputs(list(map(style, job.styles)), job.proportions, job.settings.size), job.settings)
    content = open_picture(job.content, open_file, allow_large=job.allow_large)
    styles = list(map(style, job.styles))
    initial = None if job.initial is None else open_picture(job.initial, open_file, allow_large=job.allow_large)
    return _fit_to_paper(job, Inputs(content, styles, initial, mask(job.keep), mask(job.focus)))


def _fit_to_paper(job: Job, inputs: Inputs) -> OpenedJob:
    """Return the sources with the settings for a print, cropped to the paper where the picture fills it."""
    if job.print_size is None:
        return OpenedJob(inputs, job.settings)
    paper = PrintSize.parse(job.print_size, job.settings.dpi)
    if job.fill:
        inputs = _crop(inputs, paper.ratio(inputs.content.width, inputs.content.height))
    width, height = inputs.content.width, inputs.content.height
    settings = job.settings.replace(size=paper.fitted(width, height), dpi=paper.dpi)
    return OpenedJob(inputs, settings, [paper.announcement(width, height)])


def _crop(inputs: Inputs, ratio: float) -> Inputs:
    """Return the sources with the photograph, and the masks that belong to it, cropped to some proportions."""

    @cache  # styles of the same region get the same mask
    def crop(source: Any) -> Any:
        return None if source is None else source.cropped(ratio)

    styles = [replace(style, region=crop(style.region)) for style in inputs.styles]
    names = ("content", "initial", "keep", "focus")
    return inputs._replace(styles=styles, **{name: crop(getattr(inputs, name)) for name in names})


def open_picture(
    source: str | Path | Picture, open_file: OpenFile = Picture.open, *, allow_large: bool = False
) -> Picture:
    """Return the picture of a source.

    Args:
        source: A path, a PNG file as a data URI, or a picture in memory.
        open_file: What opens the picture of a path.
        allow_large: Whether to open a picture of more than 100 million pixels.

    Returns:
        The picture.

    Raises:
        PictureError: the source cannot be read.

    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str) and source.startswith(DATA_URI):
        return Picture.of(_decode(source), allow_large=allow_large)
    return open_file(Path(source), allow_large=allow_large)


def _decode(uri: str) -> bytes:
    """Return the bytes of the file in a data URI."""
    try:
        return base64.b64decode(uri.removeprefix(DATA_URI), validate=True)
    except binascii.Error:
        raise InputError(f"a picture is not base64: {uri[:60]}…; give a PNG file as {DATA_URI}….") from None
