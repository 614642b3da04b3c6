"""A film file: its frames as pictures, upright and in sRGB, and the time of each. PyAV, the extra `film`, reads it."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
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

__all__ = ["Beginning", "Video", "beginning", "reading"]

_UNSPECIFIED = 2
"""The color space of a frame that names none, as in ITU-T H.273."""

_HD_WIDTH, _HD_HEIGHT = 1280, 576
"""Pixels from which on the colors of a film that names no color space are those of HDTV (ITU-R BT.709), as players
assume."""

_HDR_CURVES = {16: "PQ", 18: "HLG"}
"""The transfer curves of HDR films, as in ITU-T H.273."""


@contextmanager
def reading(path: Path) -> Generator["InputContainer", None, None]:
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
        said = str(getattr(error, "strerror", "") or error).lower()
        raise PictureError(
            f"{path} cannot be read as a film: {said}; give an MP4, MOV, MKV, WebM or AVI file that plays."
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

    Raises:
        PictureError: the file is no film, or no frame of it can be read.
        InputError: PyAV is not installed.

    """
    with reading(path) as container:
        stream = _stream(container, path)
        _, first = next(iter(Decoder(container, stream)), (0, None))
        if first is None:
            raise PictureError(f"{path} holds no frame; give a film that plays.")
        seconds = container.duration / 1e6 if container.duration else None
        fps = float(stream.average_rate) if stream.average_rate else None
        return Beginning(_picture(first), seconds, fps, _remarks(first, container))


@dataclass(frozen=True)
class Video:
    """The frames of a film file that are to be painted. Iterate over them for pictures, which are read one by one."""

    path: Path
    """The file."""
    times: tuple[int, ...]
    """When each frame is shown, in units of `time_base`."""
    time_base: Fraction
    """The unit of times, in seconds."""
    begin: int
    """The time of the file from which on frames were chosen, in units of `time_base`."""
    width: int
    """The width of an upright frame, in pixels."""
    height: int
    """The height of an upright frame, in pixels."""
    pixel_ratio: Fraction
    """The width of a pixel of an upright frame, divided by its height."""
    is_whole: bool
    """Whether the film begins with the first frame of the file, and ends with the last one."""
    remarks: tuple[str, ...] = ()
    """What of the file is left out, in sentences."""

    @classmethod
    def open(cls, path: Path, *, start: float = 0.0, end: float | None = None, fps: float | None = None) -> "Video":
        """Read a part of a film file once and choose frames: what is damaged is known before anything is painted.

        Args:
            path: The file.
            start: Seconds from the first frame of the file to the first one that is chosen.
            end: Seconds from the first frame at which the chosen ones end; None: the end of the file.
            fps: Frames for each second, at most; None: all.

        Raises:
            PictureError: the file is no film, is too damaged, has no frame in that time, or frames of several sizes.
            InputError: PyAV is not installed.

        """
        with reading(path) as container:
            stream = _stream(container, path)
            base = stream.time_base or Fraction(1, 1000)
            decoder = Decoder(container, stream)
            first, sizes, begin = _read(decoder, base, start, end)
            times = list(sizes)
            if first is None or len(times) < 2:
                raise PictureError(
                    f"{path} is damaged, and no film can be read from it; give a film that plays."
                    if decoder.is_damaged
                    else f"{path} holds no film, but one picture at most; paint it with impasto PHOTO PAINTING."
                )
            chosen = _chosen(times, base, start, end, fps)
            if not chosen:
                raise PictureError(
                    f"{path} has no frame from {start:g} seconds on; it takes {float((times[-1] - times[0]) * base):g} "
                    "seconds, so give an earlier start."
                )
            width, height = _size(path, {time: sizes[time] for time in chosen}, (base, times[0]))
            turned, ratio = first.rotation % 180 != 0, Fraction(stream.sample_aspect_ratio or 1)
            sides = (height, width) if turned else (width, height)
            is_whole = chosen[0] == times[0] and end is None
            remarks = *_remarks(first, container), *decoder.remarks()
            return cls(path, chosen, base, begin, *sides, 1 / ratio if turned else ratio, is_whole, remarks)

    @property
    def origin(self) -> int:
        """The time, in units of `time_base`, that is 0 in the painted film; a whole film keeps its times."""
        return 0 if self.is_whole else self.times[0]

    def __iter__(self) -> Iterator[Picture]:
        """Read the chosen frames, one by one.

        Raises:
            PictureError: the file cannot be read any more.

        """
        chosen = set(self.times)
        with reading(self.path) as container:
            decoder = Decoder(container, _stream(container, self.path))
            decoder.skip(self.begin)
            for time, frame in decoder:
                if time in chosen:
                    chosen.remove(time)
                    yield _picture(frame)
                if not chosen:
                    return
        raise PictureError(f"{self.path} was changed while it was read; start the same command again.")


def _stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the stream of moving pictures; covers and the like have a single picture."""
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


def _read(
    decoder: Decoder, base: Fraction, start: float, end: float | None
) -> "tuple[VideoFrame | None, dict[int, tuple[int, int]], int]":
    """Read a part of a film; return its first frame, the size of each frame by its time, and the time of its start."""
    sizes = dict[int, tuple[int, int]]()
    first: VideoFrame | None = None
    origin = begin = 0
    for time, frame in decoder:
        sizes[time] = frame.width, frame.height
        if first is None:
            first, origin, begin = frame, time, time + int(start / base)
            decoder.skip(begin)
        if end is not None and (time - origin) * base >= end:
            break
    return first, sizes, begin


def _chosen(times: list[int], base: Fraction, start: float, end: float | None, fps: float | None) -> tuple[int, ...]:
    """Return the times of the frames in a part of a film, at most `fps` of them for each second."""
    origin = times[0]
    due, chosen = 0.0, list[int]()
    for time in sorted(set(times)):
        seconds = float((time - origin) * base)
        if seconds < start - 1e-6 or (end is not None and seconds >= end - 1e-6):
            continue
        if fps is None or (seconds - start) * fps >= due - 1e-3:
            chosen.append(time)
            due = (int((seconds - start) * fps + 1e-3) + 1) if fps else 0.0
    return tuple(chosen)


def _size(path: Path, sizes: Mapping[int, tuple[int, int]], clock: tuple[Fraction, int]) -> tuple[int, int]:
    """Return the width and height that all frames have, by their times; the clock has its unit and its 0."""
    (base, origin), (_, size) = clock, next(iter(sizes.items()))
    other = next((time for time, each in sizes.items() if each != size), None)
    if other is None:
        return size
    (width, height), (its_width, its_height) = size, sizes[other]
    raise PictureError(
        f"{path} has frames of {width} × {height} pixels, and from {float((other - origin) * base):g} seconds on of "
        f"{its_width} × {its_height}; paint it in parts, by end and start."
    )


def _picture(frame: "VideoFrame") -> Picture:
    """Return a frame as a picture, upright."""
    is_hd = frame.width >= _HD_WIDTH or frame.height > _HD_HEIGHT
    named = frame.colorspace != _UNSPECIFIED
    space = None if named else "ITU709" if is_hd else "ITU601"
    samples = frame.reformat(format="rgb24", src_colorspace=space).to_ndarray()  # (H, W, 3)
    upright = np.rot90(samples, round(frame.rotation / 90))
    return Picture(torch.from_numpy(np.ascontiguousarray(upright.transpose(2, 0, 1))))


def _remarks(first: "VideoFrame", container: "InputContainer") -> tuple[str, ...]:
    """Say what of a film is left out."""
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
