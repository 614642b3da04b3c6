"""The sources of a job: it opens the files that the job names as pictures, masks and styles."""

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from impasto.errors import InputError
from impasto.images import Picture
from impasto.images.faces import find_faces
from impasto.images.masks import Mask
from impasto.jobs.job import AUTO, DATA_URI, FACES, Job, StyleSource, source_name
from impasto.recipes import texture
from impasto.recipes.print_size import PrintSize
from impasto.settings import Settings
from impasto.transfer.inputs import Inputs
from impasto.transfer.styles import Style

__all__ = ["OpenFile", "OpenedJob", "face_announcements", "open_job", "open_picture"]

_Cropped = TypeVar("_Cropped", Picture | None, Mask | None)


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
    mask_remarks: Sequence[str] = ()
    """Sentences about masks that do not count, since the photograph shows no faces."""

    @property
    def remarks(self) -> Iterator[str]:
        """Sentences about the parts of the files that were left out of the pictures, and about likely mistakes."""
        content, initial = self.inputs.content, self.inputs.initial
        yield from self.mask_remarks
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


def open_job(
    job: Job, open_file: OpenFile = Picture.open, find_focus: Callable[[Picture], Mask | None] = find_faces
) -> OpenedJob:
    """Open the sources of a job.

    Args:
        job: The job.
        open_file: What opens the pictures of paths, perhaps with a cache; masks are opened without it.
        find_focus: What finds the faces of the photograph that are in focus.

    Returns:
        The pictures, masks and settings.

    Raises:
        InputError: a source cannot be read or used.

    """
    open_source = partial(open_picture, open_file=open_file, allow_large=job.allow_large)
    photograph = None if job.content is None else open_source(job.content)
    name = "the texture" if job.content is None else source_name(job.content)
    paper = None if photograph is None or job.print_size is None else PrintSize.parse(job.print_size, job.settings.dpi)
    ratio = paper.ratio(photograph.width, photograph.height) if photograph and paper and job.fill else None
    content = _crop(photograph, ratio)

    @cache  # styles of the same region get the same mask
    def mask(source: str | None) -> Mask | None:
        return _crop(_open_mask(source, content, allow_large=job.allow_large), ratio)

    def style(source: StyleSource) -> Style:
        picture = open_source(source.picture)
        part, region = _open_mask(source.mask, picture, allow_large=job.allow_large), mask(source.region)
        _check_faces(source.mask, part, source_name(source.picture))
        _check_faces(source.region, region, name)
        return Style(picture, source.weight, source.scale, part, region, source.color, source.color_match)

    styles = list(map(style, job.styles))
    if content is None:
        return OpenedJob(texture.inputs(styles, job.proportions, job.settings.size), job.settings)
    initial = None if job.initial is None else _crop(open_source(job.initial), ratio)
    focus = find_focus(content) if job.focus in {AUTO, FACES} else mask(job.focus)
    inputs = Inputs(content, styles, initial, mask(job.keep), focus)
    announcements, remarks = face_announcements(job, name, focus), _face_remarks(job, name, inputs)
    if paper is None:
        return OpenedJob(inputs, job.settings, announcements, remarks)
    settings = job.settings.replace(size=paper.fitted(content.width, content.height), dpi=paper.dpi)
    return OpenedJob(inputs, settings, [paper.announcement(content.width, content.height), *announcements], remarks)


def face_announcements(job: Job, name: str, focus: Mask | None) -> list[str]:
    """Return what is announced of faces that are in focus though the job does not name them.

    Args:
        job: The job.
        name: What people are told that its photograph is.
        focus: The mask of what is in focus; None: nothing.

    Returns:
        A sentence, or none.

    """
    if job.focus != AUTO or focus is None or job.settings.focus_weight <= 1:
        return []
    return [f"Faces were found in {name} and stay like the person; a focus weight of 1 leaves them to the painting."]


def _face_remarks(job: Job, name: str, inputs: Inputs) -> list[str]:
    """Return what is remarked of masks that are missing since the photograph shows no face."""
    missing = [mask for mask in ("keep", "focus") if getattr(job, mask) == FACES and getattr(inputs, mask) is None]
    return [f"no face was found in {name}, so the mask {mask} does not count." for mask in missing]


def _crop(source: _Cropped, ratio: float | None) -> _Cropped:
    """Return the middle part of a picture or a mask that has some proportions; without a ratio, all of it."""
    return source if source is None or ratio is None else source.cropped(ratio)


def _open_mask(source: str | None, picture: Picture | None, *, allow_large: bool) -> Mask | None:
    """Return a mask of a picture; None if there is none, also where it was to be of faces and the picture has none."""
    if source is None:
        return None
    if source != FACES:
        return Mask.open(source, allow_large=allow_large)
    return None if picture is None else find_faces(picture)


def _check_faces(source: str | None, mask: Mask | None, name: str) -> None:
    """Refuse a style that belongs to faces where the picture of a name shows none."""
    if source is not None and mask is None:
        raise InputError(f"no face was found in {name}; draw a mask of the part that you mean.")


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
