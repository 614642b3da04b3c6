"""The chunks of a PNG file that libvips passes over: what they tell of its colors, and its frames (PNG 3)."""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from impasto.images.color_codes import ColorCodes
from impasto.images.icc_writer import Primaries

__all__ = ["PngChunks", "png_chunks"]


class PngChunks(NamedTuple):
    """What the chunks before the pixels say."""

    frames: int = 1
    codes: ColorCodes | None = None
    """The colors that `cICP` tells; they count before a profile."""
    is_srgb: bool = False
    """Whether `sRGB` says so, which counts before `gamma` and `primaries`."""
    gamma: float | None = None
    primaries: Primaries | None = None


def png_chunks(data: Any) -> PngChunks:
    """Read the chunks of a PNG file, bytes or mapped into memory; what is damaged is left out."""
    fields: dict[str, Any] = {}
    for kind, offset, length in _chunks(data):
        body = bytes(data[offset : offset + min(length, 32)])
        if kind == b"acTL" and length == 8:
            fields["frames"] = struct.unpack(">I", body[:4])[0] or 1
        elif kind == b"cICP" and length == 4:
            fields["codes"] = ColorCodes(body[0], body[1], full_range=bool(body[3]))
        elif kind == b"sRGB" and length == 1:
            fields["is_srgb"] = True
        elif kind == b"gAMA" and length == 4:
            fields["gamma"] = struct.unpack(">I", body)[0] / 100_000
        elif kind == b"cHRM" and length == 32:
            coordinates = [number / 100_000 for number in struct.unpack(">8I", body)]
            fields["primaries"] = Primaries(*zip(coordinates[::2], coordinates[1::2], strict=True))
    return PngChunks(**fields)


def _chunks(data: Any) -> Iterator[tuple[bytes, int, int]]:
    """List the kind, offset and length of the chunks before the pixels."""
    offset = 8
    while offset + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[offset : offset + 8])
        if kind == b"IDAT" or offset + 12 + length > len(data):
            return
        yield kind, offset + 8, length
        offset += 12 + length
