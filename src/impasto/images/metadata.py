"""What a photograph's EXIF says of it: the date, the camera and its lens, who made it, what it shows, and where.

Only the tags named here are known: thumbnails, serial numbers, makers' notes and the orientation stay behind. An EXIF
block is a small TIFF file, so the tags of TIFF files are read by the same code (CIPA DC-008; TIFF 6.0).
"""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pyvips

__all__ = ["Exif", "described", "dpi", "of_description", "read", "without_position", "write"]

Exif = Mapping[str, str]
"""Texts by name, such as `ifd0-Artist`: `ifd0` is the picture, `ifd2` the photograph, `ifd3` the position. Fractions
are written `28/10`, several numbers with spaces between them."""

_TAGS: Mapping[str, Mapping[int, str]] = {
    "ifd0": {
        0x010E: "ImageDescription",
        0x010F: "Make",
        0x0110: "Model",
        0x0132: "DateTime",
        0x013B: "Artist",
        0x8298: "Copyright",
    },
    "ifd2": {
        0x829A: "ExposureTime",
        0x829D: "FNumber",
        0x8822: "ExposureProgram",
        0x8827: "ISOSpeedRatings",
        0x9003: "DateTimeOriginal",
        0x9004: "DateTimeDigitized",
        0x9010: "OffsetTime",
        0x9011: "OffsetTimeOriginal",
        0x9012: "OffsetTimeDigitized",
        0x9204: "ExposureBiasValue",
        0x9207: "MeteringMode",
        0x9209: "Flash",
        0x920A: "FocalLength",
        0x9291: "SubSecTimeOriginal",
        0xA405: "FocalLengthIn35mmFilm",
        0xA432: "LensSpecification",
        0xA433: "LensMake",
        0xA434: "LensModel",
    },
    "ifd3": {
        0x0001: "GPSLatitudeRef",
        0x0002: "GPSLatitude",
        0x0003: "GPSLongitudeRef",
        0x0004: "GPSLongitude",
        0x0007: "GPSTimeStamp",
        0x001D: "GPSDateStamp",
    },
}
"""The altitude is not here: libvips cannot write whether it is below the sea."""

_FOLDERS = {0x8769: "ifd2", 0x8825: "ifd3"}
"""The tags of `ifd0` that say where the others begin."""

_RESOLUTION = {0x011A: "XResolution", 0x0128: "ResolutionUnit"}

_WORDS = {
    "dc:description": "ifd0-ImageDescription",
    "dc:creator": "ifd0-Artist",
    "dc:rights": "ifd0-Copyright",
    "tiff:Make": "ifd0-Make",
    "tiff:Model": "ifd0-Model",
    "exifEX:LensModel": "ifd2-LensModel",
}
"""The tags that XMP has words for, by those."""

_DATE = "exif:DateTimeOriginal"
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d\d:\d\d)?")

_TEXT = 2
_NUMBERS = {3: "H", 4: "I", 5: "II", 9: "i", 10: "ii"}
"""How a number is stored, by type; two are a fraction."""

_LONGEST = 1000
"""Bytes of a value: longer ones are cut off or left out."""


def read(data: Any) -> Exif:
    """Return the known tags of an EXIF block or a TIFF file, bytes or memory-mapped; none of what is not readable."""
    return _read(data, _TAGS)


def dpi(data: Any) -> float | None:
    """Return the pixels an inch that an EXIF block says, if it does."""
    found = _read(data, {"ifd0": _RESOLUTION})
    pixels = re.fullmatch(r"(\d+)/(\d+)", found.get("ifd0-XResolution", ""))
    inches = {"2": 1.0, "3": 2.54}.get(found.get("ifd0-ResolutionUnit", "2"))
    return int(pixels[1]) / int(pixels[2]) * inches if pixels and inches and int(pixels[2]) else None


def write(image: Any, exif: Exif) -> None:
    """Set the tags on a libvips image, which writes them to JPEG, PNG and WebP files, in ASCII as EXIF wants it."""
    for name, text in exif.items():
        image.set_type(pyvips.GValue.gstr_type, f"exif-{name}", f"{text} (.)")  # it drops what a last bracket holds


def without_position(exif: Exif) -> Exif:
    """Leave out where the photograph was taken."""
    return {name: text for name, text in exif.items() if not name.startswith("ifd3")}


def described(exif: Exif) -> Mapping[str, str]:
    """Return what XMP has words for, by its names; XMP is what TIFF files have, and knows all letters."""
    found = {name: exif[tag] for name, tag in _WORDS.items() if tag in exif}
    date, _, time = exif.get("ifd2-DateTimeOriginal", "").partition(" ")
    if time:
        found[_DATE] = f"{date.replace(':', '-')}T{time}{exif.get('ifd2-OffsetTimeOriginal', '')}"
    return found


def of_description(words: Mapping[str, str]) -> Exif:
    """Return the tags that XMP's words stand for: what `described` made, or another program."""
    found = {tag: words[name][:_LONGEST] for name, tag in _WORDS.items() if words.get(name)}
    date = _ISO.match(words.get(_DATE, ""))
    if date:
        found["ifd2-DateTimeOriginal"] = f"{date[1].replace('-', ':')} {date[2]}"
        if date[3]:
            found["ifd2-OffsetTimeOriginal"] = date[3]
    return found


def _read(data: Any, tags: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    start = 6 if data[:6] == b"Exif\0\0" else 0
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(data[start : start + 4]))
    if order is None:
        return {}
    block = _Block(data, start, order)
    main = next(iter(block.unpack("I", 4)), 0)
    folders = {"ifd0": main, **{_FOLDERS[tag]: value for tag, _, _, value in block.entries(main) if tag in _FOLDERS}}
    found: dict[str, str] = {}
    for folder, known in tags.items():
        for tag, kind, count, value in block.entries(folders[folder]) if folder in folders else ():
            text = block.text(kind, count, value) if tag in known else ""
            if text:
                found[f"{folder}-{known[tag]}"] = text
    return found


class _Block(NamedTuple):
    """A TIFF file, or an EXIF block, which is one; it may be damaged, and what is not there is left out."""

    data: Any
    start: int
    """Of its header; all places in it are counted from there."""
    order: str
    """Of bytes, as `struct` has it."""

    def unpack(self, code: str, place: int) -> tuple[Any, ...]:
        """Read numbers; none beyond the end."""
        try:
            return struct.unpack_from(self.order + code, self.data, self.start + place)
        except struct.error:
            return ()

    def entries(self, place: int) -> Iterator[tuple[int, int, int, int]]:
        """List tag, type and count of the values of a folder, and where each stands, or of a folder where it begins."""
        entries = next(iter(self.unpack("H", place)), 0)
        for at in range(place + 2, place + 2 + 12 * entries, 12):
            entry = self.unpack("HHII", at)
            if entry:
                tag, kind, count, value = entry
                yield tag, kind, count, value if _bytes(kind, count) > 4 or tag in _FOLDERS else at + 8

    def text(self, kind: int, count: int, place: int) -> str:
        """Write a value as text; "" for what is none, or too long."""
        if kind == _TEXT:
            first = self.start + place
            return _readable(bytes(self.data[first : first + min(count, _LONGEST)]).split(b"\0")[0])
        if not 0 < _bytes(kind, count) <= _LONGEST:
            return ""
        code = _NUMBERS[kind]
        numbers = self.unpack(code * count, place)
        return " ".join("/".join(map(str, part)) for part in zip(*[iter(numbers)] * len(code), strict=True))


def _bytes(kind: int, count: int) -> int:
    """Return the length of a value; 0, if its type is none that is read."""
    return count if kind == _TEXT else count * struct.calcsize("<" + _NUMBERS.get(kind, ""))


def _readable(text: bytes) -> str:
    try:
        letters = text.decode()
    except UnicodeDecodeError:
        letters = text.decode("latin-1")
    return "".join(letter if letter.isprintable() else " " for letter in letters).strip()
