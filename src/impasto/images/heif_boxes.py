"""The boxes of AVIF and HEIC files that their decoders pass over: the numbers of their colors, and gain maps.

Files are boxes in boxes (ISO 14496-12; ISO 23008-12), of which `meta` describes the pictures.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from impasto.images.color_codes import ColorCodes

__all__ = ["HeifBoxes", "heif_boxes"]

_GAIN_MAP_WORDS = (b"hdrgainmap", b"tmap")
"""Names of Apple's gain maps, and of pictures that are to be made with ISO's."""

_META_MAX_BYTES = 10_000_000
"""Bytes of the `meta` box that are read; that of a picture of thousands of tiles takes a tenth of it."""


class HeifBoxes(NamedTuple):
    """What the boxes say of the main picture."""

    codes: ColorCodes | None = None
    has_gain_map: bool = False
    is_sequence: bool = False


def heif_boxes(data: Any) -> HeifBoxes:
    """Read the boxes of an AVIF or HEIC file, bytes or mapped into memory; what is damaged is left out."""
    offsets = {kind: (start, end) for kind, start, end in _boxes(data, 0, len(data))}
    is_sequence = b"moov" in offsets
    if b"meta" not in offsets:
        return HeifBoxes(is_sequence=is_sequence)
    start, end = offsets[b"meta"]
    meta = bytes(data[start + 4 : min(end, start + _META_MAX_BYTES)])
    try:
        codes = _codes(meta)
    except (struct.error, IndexError):
        codes = None
    return HeifBoxes(codes, any(word in meta for word in _GAIN_MAP_WORDS), is_sequence)


def _boxes(data: Any, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """List the kind of the boxes in a range of bytes, and where what they hold begins and ends."""
    while start + 8 <= end:
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        head = 8
        if length == 1 and start + 16 <= end:
            (length,), head = struct.unpack(">Q", data[start + 8 : start + 16]), 16
        length = length or end - start
        if length < head or start + length > end:
            return
        yield kind, start + head, start + length
        start += length


def _codes(meta: bytes) -> ColorCodes | None:
    """Return the color codes of the main picture; None: it has none."""
    boxes = {kind: (start, end) for kind, start, end in _boxes(meta, 0, len(meta))}
    if b"iprp" not in boxes:
        return None
    properties = {kind: (start, end) for kind, start, end in _boxes(meta, *boxes[b"iprp"])}
    if b"ipco" not in properties:
        return None
    items = list(_boxes(meta, *properties[b"ipco"]))
    main = _main_item(meta, *boxes[b"pitm"]) if b"pitm" in boxes else None
    indices = _property_indices(meta, *properties[b"ipma"], main) if b"ipma" in properties and main is not None else ()
    for kind, start, _ in [items[index - 1] for index in indices if 0 < index <= len(items)]:
        if kind == b"colr" and meta[start : start + 4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", meta, start + 4)
            return ColorCodes(primaries, transfer)
    return None


def _main_item(meta: bytes, start: int, end: int) -> int:
    """Return the number of the main picture, of 16 or 32 bits by the box's version."""
    return int.from_bytes(meta[start + 4 : min(end, start + (8 if meta[start] else 6))])


def _property_indices(meta: bytes, start: int, end: int, item: int) -> tuple[int, ...]:
    """List the properties of a picture by their numbers, counted from 1."""
    has_wide_items, has_wide_indices = meta[start] > 0, bool(meta[start + 3] & 1)
    (count,), offset = struct.unpack_from(">I", meta, start + 4), start + 8
    for _ in range(count):
        if offset >= end:
            break
        (number,) = struct.unpack_from(">I" if has_wide_items else ">H", meta, offset)
        offset += 4 if has_wide_items else 2
        length = meta[offset]
        code, size = (">H", 2) if has_wide_indices else (">B", 1)
        entries = struct.unpack_from(f">{length}{code[1]}", meta, offset + 1)
        offset += 1 + size * length
        if number == item:
            return tuple(index & (0x7FFF if has_wide_indices else 0x7F) for index in entries)
    return ()
