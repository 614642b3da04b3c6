"""Writes a film file from painted frames, at the times of the original's frames and with its sound, as it is.

PyAV, of the extra `film`, has the encoders: H.264 for .mp4, .mov and .mkv files, VP9 for .webm files. The colors are
those of HDTV (ITU-R BT.709), and a frame with an odd side loses a row or a column of pixels.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from fractions import Fraction
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from impasto import files
from impasto.errors import InputError, WriteError
from impasto.film.container import open_film
from impasto.film.extra import library
from impasto.film.film import SUFFIXES
from impasto.film.video import Video
from impasto.images import Picture
from impasto.jobs import notes

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

__all__ = ["encode", "read_note"]


class _Codec(NamedTuple):
    """An encoder, and how it is to encode."""

    name: str
    options: dict[str, str]


_H264 = _Codec("libx264", {"crf": "17", "preset": "medium"})
_VP9 = _Codec("libvpx-vp9", {"crf": "24", "b": "0", "cpu-used": "2", "row-mt": "1"})

_CODECS = dict.fromkeys(SUFFIXES, _H264) | {".webm": _VP9}
"""The encoder of each kind of film file."""

_BT709, _LIMITED_RANGE = 1, 1
"""What the stream says of its colors, as in ITU-T H.273: primaries, curve and matrix of HDTV, from 16 to 235."""


def read_note(path: Path) -> dict[str, Any]:
    """Return the note of impasto in the metadata of a film file; it is empty if impasto did not write the file."""
    try:
        with open_film(path) as container:
            return notes.parse(container.metadata.get("comment") or container.metadata.get("COMMENT"))
    except InputError:
        return {}


def encode(video: Video, frames: Sequence[Path], output: Path, *, note: str, overwrite: bool) -> list[str]:
    """Write a film file, whole or not at all.

    Args:
        video: The film that was painted.
        frames: The files of the painted frames, from the first one on; fewer than the film has end it earlier.
        output: The file.
        note: A text for its metadata.
        overwrite: Whether an existing file is replaced.

    Returns:
        Sentences about sound that is left out.

    Raises:
        InputError: no file may be written there.
        WriteError: the file could not be written.

    """
    av = library("av")
    try:
        with (
            files.atomic_write(output, overwrite=overwrite) as temporary,
            av.open(str(video.path)) if files.exists(video.path) else nullcontext() as original,
            av.open(str(temporary), "w") as container,
        ):
            container.metadata["comment"] = note
            stream = _add_stream(container, video, Picture.open(frames[0]))
            sound, remarks = _add_sound(original, container, video)
            pictures = _picture_packets(video, frames, stream)
            sounds = _sound_packets(original, sound, video, _sound_end(video, len(frames)))
            for _, packets in merge(pictures, sounds, key=itemgetter(0)):
                container.mux(packets)
            container.mux(stream.encode())
    except (av.FFmpegError, ValueError) as error:
        raise WriteError(f"{output} could not be written: {str(error).lower()}; nothing was left there.") from error
    return remarks


def _add_stream(container: "OutputContainer", video: Video, first: Picture) -> "VideoStream":
    """Add a stream of pictures of the size of the first frame, less an odd row or column."""
    codec = _CODECS[Path(container.name).suffix.lower()]
    count, seconds = len(video.times), float((video.times[-1] - video.times[0]) * video.time_base)
    rate = Fraction((count - 1) / seconds).limit_denominator(1001) if seconds else Fraction(25)
    stream = cast("VideoStream", container.add_stream(codec.name, rate=rate, options=codec.options))
    stream.width, stream.height = first.width - first.width % 2, first.height - first.height % 2
    stream.pix_fmt = "yuv420p"
    context: Any = stream.codec_context
    context.time_base = video.time_base
    context.sample_aspect_ratio = video.pixel_ratio
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED_RANGE
    return stream


def _picture_packets(
    video: Video, frames: Sequence[Path], stream: "VideoStream"
) -> Iterator[tuple[Fraction, "Sequence[Packet[Any]]"]]:
    """Encode the painted frames; yield when each is shown, in seconds of the original, and packets."""
    av = library("av")
    for path, time in zip(frames, video.times, strict=False):
        levels = (Picture.open(path).pixels * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
        samples = np.ascontiguousarray(levels[: stream.height, : stream.width].numpy())  # (H, W, 3)
        frame = av.VideoFrame.from_ndarray(samples, format="rgb24").reformat(format="yuv420p", dst_colorspace="ITU709")
        frame.time_base, frame.pts = video.time_base, time - video.origin
        yield time * video.time_base, stream.encode(frame)


def _add_sound(
    original: "InputContainer | None", container: "OutputContainer", video: Video
) -> tuple[dict[int, Any], list[str]]:
    """Add streams for the sound of the original; return them by the numbers of its streams, and what is left out."""
    streams: dict[int, Any] = {}
    if original is None:
        return streams, [f"{video.path} is not there any more, so the painted film has no sound."]
    remarks: list[str] = []
    for stream in original.streams.audio:
        name = stream.codec_context.name
        if name in container.supported_codecs:
            streams[stream.index] = container.add_stream_from_template(stream)
        else:
            kind = Path(container.name).suffix
            remarks.append(f"the sound, {name}, does not fit into a {kind} file and is left out; choose an .mkv file.")
    return streams, remarks


def _sound_end(video: Video, count: int) -> Fraction | None:
    """Return when the sound of the first `count` frames ends, in seconds of the original; None: at its end."""
    if count < len(video.times):
        return video.times[count] * video.time_base
    if video.is_whole:
        return None
    step = (video.times[-1] - video.times[0]) / max(1, len(video.times) - 1)
    return Fraction(video.times[-1] + step) * video.time_base


def _sound_packets(
    original: "InputContainer | None", sound: Mapping[int, Any], video: Video, end: Fraction | None
) -> Iterator[tuple[Fraction, "Packet[Any]"]]:
    """Read the packets of sound, and let them begin with the film; sound of a whole film may begin before it.

    Args:
        original: The file that they are read from; None, if it is missing.
        sound: The streams that they are written to, by the number of the one that they are read from.
        video: The film that was painted.
        end: When the film ends, in seconds of the original; None: sound ends with it.

    Yields:
        When a packet is heard, in seconds of the original, and the packet.

    """
    if original is None or not sound:
        return
    origin = video.origin * video.time_base
    for packet in original.demux(*(original.streams[index] for index in sound)):
        if packet.dts is None or packet.pts is None:
            continue
        base = packet.time_base
        time = packet.pts * base
        if (time < origin and not video.is_whole) or (end is not None and time >= end):
            continue
        packet.pts -= round(origin / base)
        packet.dts -= round(origin / base)
        packet.stream = sound[packet.stream.index]
        yield time, packet
