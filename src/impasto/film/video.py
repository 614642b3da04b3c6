"""The frames of a film file that are to be painted, and the time of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.errors import PictureError
from impasto.film.container import container_remarks, frame_picture, open_film, video_stream
from impasto.film.decoding import Decoder
from impasto.images import Picture

if TYPE_CHECKING:
    from av import VideoFrame

__all__ = ["Video"]


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

        Returns:
            The film, with the times of the frames that are chosen.

        Raises:
            PictureError: the file is no film, is too damaged, has no frame in that time, or frames of several sizes.
            InputError: PyAV is not installed.

        """
        with open_film(path) as container:
            stream = video_stream(container, path)
            base = stream.time_base or Fraction(1, 1000)
            decoder = Decoder(container, stream)
            first_frame, sizes, begin = _read_frames(decoder, base, start, end)
            times = list(sizes)
            if first_frame is None or len(times) < 2:
                raise PictureError(
                    f"{path} is damaged, and no film can be read from it; give a film that plays."
                    if decoder.is_damaged
                    else f"{path} holds no film, but one picture at most; paint it with impasto PHOTO PAINTING."
                )
            selected = _select(times, base, start, end, fps)
            if not selected:
                raise PictureError(
                    f"{path} has no frame from {start:g} seconds on; it takes {float((times[-1] - times[0]) * base):g} "
                    "seconds, so give an earlier start."
                )
            width, height = _size(path, {time: sizes[time] for time in selected}, (base, times[0]))
            is_turned, ratio = first_frame.rotation % 180 != 0, Fraction(stream.sample_aspect_ratio or 1)
            sides = (height, width) if is_turned else (width, height)
            is_whole = selected[0] == times[0] and end is None
            remarks = *container_remarks(first_frame, container), *decoder.remarks()
            return cls(path, selected, base, begin, *sides, 1 / ratio if is_turned else ratio, is_whole, remarks)

    @property
    def origin(self) -> int:
        """The time, in units of `time_base`, that is 0 in the painted film; a whole film has the times of its file."""
        return 0 if self.is_whole else self.times[0]

    def __iter__(self) -> Iterator[Picture]:
        """Read the chosen frames, one by one.

        Raises:
            PictureError: the file cannot be read any more.

        """
        remaining = set(self.times)
        with open_film(self.path) as container:
            decoder = Decoder(container, video_stream(container, self.path))
            decoder.skip(self.begin)
            for time, frame in decoder:
                if time in remaining:
                    remaining.remove(time)
                    yield frame_picture(frame)
                if not remaining:
                    return
        raise PictureError(f"{self.path} was changed while it was read; start the same command again.")


def _read_frames(
    decoder: Decoder, base: Fraction, start: float, end: float | None
) -> "tuple[VideoFrame | None, dict[int, tuple[int, int]], int]":
    """Read a part of a film; return its first frame, the size of each frame by its time, and the time of its start."""
    sizes = dict[int, tuple[int, int]]()
    first_frame: VideoFrame | None = None
    origin = begin = 0
    for time, frame in decoder:
        sizes[time] = frame.width, frame.height
        if first_frame is None:
            first_frame, origin, begin = frame, time, time + int(start / base)
            decoder.skip(begin)
        if end is not None and (time - origin) * base >= end:
            break
    return first_frame, sizes, begin


def _select(times: list[int], base: Fraction, start: float, end: float | None, fps: float | None) -> tuple[int, ...]:
    """Return the times of the frames in a part of a film, at most `fps` of them for each second."""
    origin = times[0]
    due, selected = 0.0, list[int]()
    for time in sorted(set(times)):
        seconds = float((time - origin) * base)
        if seconds < start - 1e-6 or (end is not None and seconds >= end - 1e-6):
            continue
        if fps is None or (seconds - start) * fps >= due - 1e-3:
            selected.append(time)
            due = (int((seconds - start) * fps + 1e-3) + 1) if fps else 0.0
    return tuple(selected)


def _size(path: Path, sizes: Mapping[int, tuple[int, int]], clock: tuple[Fraction, int]) -> tuple[int, int]:
    """Return the width and height that all frames have, by their times; the clock is the unit of times and their 0."""
    (base, origin), size = clock, next(iter(sizes.values()))
    change = next((time for time, other in sizes.items() if other != size), None)
    if change is None:
        return size
    (width, height), (new_width, new_height) = size, sizes[change]
    raise PictureError(
        f"{path} has frames of {width} × {height} pixels, and from {float((change - origin) * base):g} seconds on of "
        f"{new_width} × {new_height}; paint it in parts, by end and start."
    )
