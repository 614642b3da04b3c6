"""A film file, opened by PyAV of the extra `film`: its beginning, its stream, its frames as upright sRGB pictures."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from impasto.errors import PictureError
from impasto.files import exists
from impasto.film.decoding import Decoder
from impasto.film.extra import library
from impasto.images import MAX_PIXELS, Picture

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["Beginning", "beginning", "container_remarks", "frame_picture", "open_film", "video_stream"]

_UNSPECIFIED = 2
"""The color space of a frame that names none, as in ITU-T H.273."""

_HD_WIDTH, _HD_HEIGHT = 1280, 576
"""Pixels from which on the colors of a film that names no color space are those of HDTV (ITU-R BT.709), as players
assume."""

_HDR_CURVES = {16: "PQ", 18: "HLG"}
"""The transfer curves of HDR films, as in ITU-T H.273."""


@contextmanager
def open_film(path: Path) -> Generator["InputContainer", None, None]:
    """Open a film file for reading.

    Args:
        path: The file.

    Yields:
        PyAV's container.

    Raises:
        PictureError: it is missing, damaged, or no film.

    """
    av = library("av")
    if not exists(path):
        raise PictureError(f"there is no file {path}; name a film that is there.")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            yield container
    except (av.FFmpegError, UnicodeError) as error:
        message = str(getattr(error, "strerror", "") or error).lower()
        raise PictureError(
            f"{path} cannot be read as a film: {message}; give an MP4, MOV, MKV, WebM or AVI file that plays."
        ) from error


class Beginning(NamedTuple):
    """What is known of a film before all of it is read."""

    picture: Picture
    """The first frame, upright."""
    seconds: float | None
    """How long the film is, as the file says; None if it does not."""
    fps: float | None
    """Frames for each second on average, as the file says; None if it does not."""
    remarks: tuple[str, ...]
    """What of the file is left out, in sentences."""


def beginning(path: Path) -> Beginning:
    """Read the first frame of a film file and what the file says of itself, which takes as long for any film.

    Args:
        path: The file.

    Returns:
        What is known of the film.

    Raises:
        PictureError: the file is no film, or no frame of it can be read.
        InputError: PyAV is not installed.

    """
    with open_film(path) as container:
        stream = video_stream(container, path)
        _, frame = next(iter(Decoder(container, stream)), (0, None))
        if frame is None:
            raise PictureError(f"{path} holds no frame; give a film that plays.")
        seconds = container.duration / 1e6 if container.duration else None
        fps = float(stream.average_rate) if stream.average_rate else None
        return Beginning(frame_picture(frame), seconds, fps, container_remarks(frame, container))


def video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the stream of moving pictures of a film file.

    Args:
        container: The film file.
        path: Its path, for messages.

    Raises:
        PictureError: there is none, or its frames have too many pixels.

    """
    if not container.streams.video:
        raise PictureError(f"{path} holds no film, but sound or something else; give a film.")
    stream = container.streams.video[0]
    if stream.width * stream.height > MAX_PIXELS:
        raise PictureError(
            f"{path} has frames of {stream.width} × {stream.height} pixels, more than {MAX_PIXELS // 1_000_000} "
            "million; scale the film down first."
        )
    stream.thread_type = "AUTO"
    return stream


def frame_picture(frame: "VideoFrame") -> Picture:
    """Return a frame as a picture, upright and in sRGB."""
    is_hd = frame.width >= _HD_WIDTH or frame.height > _HD_HEIGHT
    has_space = frame.colorspace != _UNSPECIFIED
    space = None if has_space else "ITU709" if is_hd else "ITU601"
    samples = frame.reformat(format="rgb24", src_colorspace=space).to_ndarray()  # (H, W, 3)
    upright = np.rot90(samples, round(frame.rotation / 90))
    pixels = torch.from_numpy(np.ascontiguousarray(upright.transpose(2, 0, 1)))
    return Picture(pixels, title="a frame of the film")


def container_remarks(first: "VideoFrame", container: "InputContainer") -> tuple[str, ...]:
    """Return sentences about what of a film is left out.

    Args:
        first: The first frame, whose colors and interlacing count.
        container: The film file, whose streams count.

    Returns:
        The sentences; none, if nothing is left out.

    """
    remarks: list[str] = []
    if first.color_trc in _HDR_CURVES:
        remarks.append(
            f"the film is in HDR ({_HDR_CURVES[first.color_trc]}) and is painted as if it were not, so its colors are "
            "pale; convert it to SDR first."
        )
    if first.interlaced_frame:
        remarks.append("the film is interlaced, and its edges have combs where it moves; deinterlace it first.")
    if container.streams.subtitles:
        remarks.append("the film has subtitles; they are left out.")
    return tuple(remarks)
