"""What a photograph's EXIF says of it: the date, the camera and its lens, who made it, what it shows, and where.

Only the tags named here are known: thumbnails, serial numbers, makers' notes and the orientation stay behind. An EXIF
block is a small TIFF file, so the tags of TIFF files are read by the same functions (CIPA DC-008; TIFF 6.0).
"""

import re
from collections.abc import Mapping
from typing import Any

import pyvips

from impasto.images.tiff_tags import MAX_VALUE_BYTES, Tag, TiffBlock

__all__ = ["Exif", "dpi", "from_xmp", "is_adobe_rgb", "read", "without_position", "write", "xmp_properties"]

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

_INTEROPERABILITY = 0xA005
"""The tag of `ifd2` that says where the folder begins that names a color space (DCF 2.0)."""

_XMP_NAMES = {
    "dc:description": "ifd0-ImageDescription",
    "dc:creator": "ifd0-Artist",
    "dc:rights": "ifd0-Copyright",
    "tiff:Make": "ifd0-Make",
    "tiff:Model": "ifd0-Model",
    "exifEX:LensModel": "ifd2-LensModel",
}
"""The tags that have a name in XMP, by that name."""

_XMP_DATE = "exif:DateTimeOriginal"
_ISO_DATE = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?([+-]\d\d:\d\d)?")


def read(data: Any) -> Exif:
    """Return the known tags of an EXIF block or a TIFF file.

    Args:
        data: The bytes, or a file that is mapped into memory.

    Returns:
        The tags that can be read.

    """
    return _read(data, _TAGS)


def dpi(data: Any) -> float | None:
    """Return the pixels an inch that an EXIF block says, if it does."""
    tags = _read(data, {"ifd0": _RESOLUTION})
    pixels = re.fullmatch(r"(\d+)/(\d+)", tags.get("ifd0-XResolution", ""))
    inches = {"2": 1.0, "3": 2.54}.get(tags.get("ifd0-ResolutionUnit", "2"))
    return int(pixels[1]) / int(pixels[2]) * inches if pixels and inches and int(pixels[2]) else None


def is_adobe_rgb(data: Any) -> bool:
    """Tell whether an EXIF block says that the colors are Adobe RGB's, as cameras say it that embed no profile."""
    block = TiffBlock.of(data)
    if block is None:
        return False
    photograph = _linked_tags(block, block.first_folder().tags, 0x8769)
    name = _linked_tags(block, photograph, _INTEROPERABILITY).get(1)
    return name is not None and block.text(name) == "R03"


def write(image: Any, exif: Exif) -> None:
    """Set the tags on a libvips image, which writes them to JPEG, PNG and WebP files.

    Args:
        image: The libvips image, which is changed.
        exif: The tags; letters beyond ASCII are lost, for EXIF has only ASCII.

    """
    for name, text in exif.items():
        image.set_type(pyvips.GValue.gstr_type, f"exif-{name}", f"{text} (.)")  # it drops what a last bracket holds


def without_position(exif: Exif) -> Exif:
    """Return the tags without the position where the photograph was taken."""
    return {name: text for name, text in exif.items() if not name.startswith("ifd3")}


def xmp_properties(exif: Exif) -> Mapping[str, str]:
    """Return the tags that have a name in XMP, by that name; TIFF files hold XMP only, and XMP has all letters."""
    properties = {name: exif[tag] for name, tag in _XMP_NAMES.items() if tag in exif}
    date, _, time = exif.get("ifd2-DateTimeOriginal", "").partition(" ")
    if time:
        properties[_XMP_DATE] = f"{date.replace(':', '-')}T{time}{exif.get('ifd2-OffsetTimeOriginal', '')}"
    return properties


def from_xmp(properties: Mapping[str, str]) -> Exif:
    """Return the tags of XMP properties, which `described` made or another program."""
    tags = {tag: properties[name][:MAX_VALUE_BYTES] for name, tag in _XMP_NAMES.items() if properties.get(name)}
    date = _ISO_DATE.match(properties.get(_XMP_DATE, ""))
    if date:
        tags["ifd2-DateTimeOriginal"] = f"{date[1].replace('-', ':')} {date[2]}"
        if date[3]:
            tags["ifd2-OffsetTimeOriginal"] = date[3]
    return tags


def _read(data: Any, tags: Mapping[str, Mapping[int, str]]) -> dict[str, str]:
    """Return the values of tags that are known by name, in the folders that a block has."""
    block = TiffBlock.of(data)
    if block is None:
        return {}
    main = block.first_folder().tags
    folders = {"ifd0": main, **{name: _linked_tags(block, main, tag) for tag, name in _FOLDERS.items()}}
    texts: dict[str, str] = {}
    for folder, names in tags.items():
        for tag, value in folders[folder].items():
            text = block.text(value) if tag in names else ""
            if text:
                texts[f"{folder}-{names[tag]}"] = text
    return texts


def _linked_tags(block: TiffBlock, tags: Mapping[int, Tag], number: int) -> Mapping[int, Tag]:
    """Return the tags of the folder to which a tag leads."""
    offset = block.values(tags.get(number))
    return block.folder(offset[0]).tags if offset else {}
