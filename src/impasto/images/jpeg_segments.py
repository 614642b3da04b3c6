"""The segments of a JPEG file that libvips passes over: its end, and what it holds besides its picture.

Phones put a gain map for HDR screens, a short film or more pictures into one file (ITU-T T.81; CIPA DC-007, multi-
picture format; ISO 21496-1 and Android's Ultra HDR).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from impasto.images.tiff_tags import TiffBlock

__all__ = ["END_MARKER", "JpegSegments", "jpeg_segments"]

END_MARKER = b"\xff\xd9"

_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
"""A marker behind compressed samples, in which 0xff is followed by 0 or the number of a restart."""

_MARKERS_BETWEEN_SCANS = frozenset({0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""Tables, the next scan, comments and programs' data."""

_END, _SCAN, _PROGRAMS_DATA = 0xD9, 0xDA, range(0xE1, 0xE3)

_GAIN_MAP_WORDS = (b"ns.adobe.com/hdr-gain-map", b"iso:ts:21496", b'Semantic="GainMap"', b"hdrgainmap")
_FILM_WORDS = (b'MotionPhoto="1"', b'MicroVideo="1"', b'Semantic="MotionPhoto"', b"MotionPhoto_Data")

_ENTRY_BYTES = 16
"""Length of an entry of a picture in the index of a multi-picture file."""

_THUMBNAILS = frozenset({0x010001, 0x010002})
"""Kinds of pictures of a multi-picture file that are smaller copies of the first."""


class JpegSegments(NamedTuple):
    """What the segments say."""

    cut_offset: int | None = None
    """Where the end marker is missing, in bytes; None: it is there."""
    pictures: int = 1
    """The number of pictures in the file, without thumbnails and the gain map."""
    has_gain_map: bool = False
    has_film: bool = False


def jpeg_segments(data: Any) -> JpegSegments:
    """Read the segments of a JPEG file, bytes or mapped into memory; what is damaged is left out."""
    pictures, program_data = 1, bytearray()
    end, is_complete = len(data), True
    for marker, offset, length in _segments(data):
        if marker in {None, _END}:
            end, is_complete = offset, marker == _END
        elif marker in _PROGRAMS_DATA:
            body = bytes(data[offset : offset + length])
            program_data += body
            pictures = _picture_count(body) if body[:4] == b"MPF\0" else pictures
    has_gain_map = any(word in program_data or data.find(word, end) >= 0 for word in _GAIN_MAP_WORDS)
    has_film = any(word in program_data or data.find(word, end) >= 0 for word in _FILM_WORDS)
    return JpegSegments(None if is_complete else end, max(1, pictures - has_gain_map), has_gain_map, has_film)


def _segments(data: Any) -> Iterator[tuple[int | None, int, int]]:
    """List the marker, offset and length of the segments; None as marker: where the end marker is missing."""
    offset = 2
    while offset + 4 <= len(data):
        if data[offset] != 0xFF or data[offset + 1] in {0x00, 0xFF}:
            offset = data.find(b"\xff", offset + 1)  # a stray byte, or one that fills up
            if offset < 0:
                return
            continue
        marker, length = data[offset + 1], int.from_bytes(data[offset + 2 : offset + 4])
        if marker == _END:
            break
        yield marker, offset + 4, length - 2
        offset += 2 + length
        if marker == _SCAN:
            match = _MARKER_IN_SCAN.search(data, offset)
            offset = match.start() if match else len(data)
            if not match or (match[1][0] != _END and match[1][0] not in _MARKERS_BETWEEN_SCANS):
                yield None, offset, 0
                return
    yield _END, min(offset + 2, len(data)), 0


def _picture_count(index: bytes) -> int:
    """Count the pictures in the index of a multi-picture file, without thumbnails."""
    block = TiffBlock.of(index[4:])
    entries = None if block is None else block.first_folder().tags.get(0xB002)
    if block is None or entries is None:
        return 1
    count = min(entries.size, len(index)) // _ENTRY_BYTES
    kinds = [block.integer(entries.offset + _ENTRY_BYTES * number) & 0xFFFFFF for number in range(count)]
    return sum(kind not in _THUMBNAILS for kind in kinds)
