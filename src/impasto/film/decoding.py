"""Decodes the frames of a film file in the order of their times, around what is damaged, and counts what is missing."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from statistics import median_low
from typing import TYPE_CHECKING, Any, cast

from impasto.film.extra import library
from impasto.jobs.amounts import amount

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["Decoder"]

MIN_REGULAR_FRACTION = 0.9
"""The least fraction of equal steps from frame to frame in a film of a steady rate."""

STEP_TOLERANCE = 0.1
"""The relative difference of two steps that count as equal: times in .mkv files are whole milliseconds."""

LONG_PAUSE = 0.5
"""Seconds without a frame from which on a remark says so, in a film without other damage: cameras leave out frames."""

MAX_EARLY_SECONDS = 0.5
"""Seconds by which a whole file may end before the time that it states."""

INDEXED_FORMATS = ("mp4", "matroska")
"""The formats in which seeking gives the same frames as reading from the beginning: .mp4, .mov, .mkv and .webm. In .ts
and .mpg files it does not (docs/notes/films.md)."""

SEEK_MARGIN = 2.0
"""Seconds by which seeking aims before the start: a key frame may be shown up to 16 frames after it is decoded."""


class Decoder:
    """Decodes a film; iterate over it once for the time of each frame, in units of the stream, and the frame.

    What cannot be decoded is left out, and so is a frame that comes after one of a later time.

    Args:
        container: The film file.
        stream: The stream of moving pictures.

    """

    def __init__(self, container: "InputContainer", stream: "VideoStream") -> None:
        self._container, self._stream = container, stream
        self._base = stream.time_base or Fraction(1, 1000)
        self._last_time: int | None = None
        self._steps: list[int] = []
        self._read_count, self._unread_count, self._partial_count, self._discarded_count = 0, 0, 0, 0
        self._end_seconds = 0.0
        self._is_from_start, self._is_ended = True, False

    @property
    def is_damaged(self) -> bool:
        """Whether something could not be decoded so far, or only in part."""
        return self._unread_count + self._partial_count > 0

    def skip(self, time: int) -> None:
        """Seek to a key frame before a time, in units of the stream, if the file has an index of key frames."""
        target = time - round(SEEK_MARGIN / self._base)
        if target > (self._stream.start_time or 0) and set(INDEXED_FORMATS) & {*self._container.format.name.split(",")}:
            self._container.seek(target, stream=self._stream)
            self._last_time, self._is_from_start = None, False

    def __iter__(self) -> "Iterator[tuple[int, VideoFrame]]":
        for packet in self._container.demux():
            self._end_seconds = max(self._end_seconds, _end_seconds(packet))
            for frame in self._decode(packet) if packet.stream.index == self._stream.index else ():
                time = self._time(frame)
                if self._last_time is not None and time <= self._last_time:
                    self._unread_count += 1
                    continue
                self._steps += [] if self._last_time is None else [time - self._last_time]
                self._read_count, self._last_time = self._read_count + 1, time
                self._partial_count += frame.is_corrupt
                yield time, frame
        self._is_ended = True

    def _decode(self, packet: "Packet[Any]") -> "Sequence[VideoFrame]":
        """Return the frames that a packet completes; none, if it cannot be decoded."""
        self._discarded_count += packet.is_discard
        try:
            return cast("Sequence[VideoFrame]", packet.decode())
        except library("av").InvalidDataError:
            self._unread_count += 1
            return ()

    def _time(self, frame: "VideoFrame") -> int:
        """Return when a frame is shown; a file that does not say has a steady rate."""
        if frame.pts is not None:
            return frame.pts
        return round(self._read_count / ((self._stream.average_rate or Fraction(25)) * self._base))

    def remarks(self) -> list[str]:
        """Say what of the frames so far could not be read, and where a file was cut off."""
        missing, partial, remarks = self._missing_count(), self._partial_count, list[str]()
        faults = [f"about {amount(missing, 'frame')} could not be read"] if missing else []
        faults += [f"{amount(partial, 'frame')} could be read in part"] if partial else []
        if self.is_damaged:
            remarks.append(f"the film is damaged: {' and '.join(faults)}; all that could be read is painted.")
        elif missing:
            remarks.append(
                f"the film stands still for a while, or is damaged: by its times, {missing} frames are missing."
            )
        stated = (self._container.duration or 0) / 1e6
        is_stated = "matroska" in self._container.format.name  # by its head, where others are estimated or fail
        if self._is_ended and is_stated and stated - self._end_seconds > MAX_EARLY_SECONDS:
            remarks.append(f"the film was cut off: of its {stated:.1f} seconds it has {self._end_seconds:.1f}.")
        return remarks

    def _missing_count(self) -> int:
        """Return about how many frames are missing."""
        is_counted = self._is_from_start and self._is_ended and self.is_damaged
        stated = self._stream.frames - self._discarded_count - self._read_count if is_counted else 0
        return max(stated, self._unread_count, self._gap_count())

    def _gap_count(self) -> int:
        """Return how many frames are missing between others, in a film of a steady rate."""
        step = median_low(self._steps) if self._steps else 0
        equal = sum(abs(each - step) <= 1 + STEP_TOLERANCE * step for each in self._steps)
        if not equal or equal < MIN_REGULAR_FRACTION * len(self._steps):
            return 0
        min_gap = 0.0 if self.is_damaged else LONG_PAUSE / float(self._base)
        return sum(round(each / step) - 1 for each in self._steps if each > max(step, min_gap))


def _end_seconds(packet: "Packet[Any]") -> float:
    """Return when what a packet holds ends, in seconds; 0, if it does not say."""
    if packet.pts is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base)
