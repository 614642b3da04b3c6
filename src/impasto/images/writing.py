"""From samples to a file: which formats are written, what each has room for, and how libvips is asked for them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from impasto.errors import InputError
from impasto.images import profiles, xmp
from impasto.images.libvips import check_process
from impasto.images.metadata import Exif, described, write

__all__ = ["PNG", "Format", "check_suffix", "encode", "format_of", "levels", "refusal"]


class Format(NamedTuple):
    """What a kind of file has room for, and how libvips writes it."""

    name: str
    longest_side: int
    operation: str
    options: Mapping[str, str | bool]
    lossy: bool = False
    alpha: bool = True
    deep: bool = False
    """Whether it holds 16 bits a channel."""


PNG = Format("PNG", 2**31 - 1, "pngsave_target", {}, deep=True)
_JPEG = Format(
    "JPEG",
    65_500,
    "jpegsave_target",
    {"subsample_mode": "off", "optimize_coding": True},
    lossy=True,
    alpha=False,
)
_WEBP = Format("WebP", 16_383, "webpsave_target", {"near_lossless": True}, lossy=True)  # else half of the colors
_TIFF = Format("TIFF", 2**31 - 1, "tiffsave_target", {"compression": "deflate", "predictor": "horizontal"}, deep=True)
_LARGEST_TIFF = 4_000_000_000
"""Bytes of samples above which a TIFF file has to be a BigTIFF, whose offsets have 64 bits."""

_SYSTEM = re.compile("system error: (.+)")
"""Where libvips says what the system refused."""

_FORMATS = {".png": PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}

_KEEP = "exif|xmp|icc"


def check_suffix(path: str | Path, *, longest_side: int = 1, deep: bool = False) -> Path:
    """Return `path` if a picture can be saved under that name, before any work is done for it.

    `longest_side`, in pixels, is the picture's; JPEG files end at 65,500 and WebP files at 16,383. `deep` asks for
    16 bits a channel.

    Raises:
        InputError: the suffix is unknown, or its format has no room for that side or depth.

    """
    format_ = format_of(path, longest_side)
    if deep and not format_.deep:
        raise InputError(f"{path} cannot hold 16 bits: a {format_.name} file has 8; name a .png or .tif file.")
    return Path(path)


def format_of(path: str | Path, longest_side: int) -> Format:
    """Return the format that a suffix names.

    Raises:
        InputError: the suffix is unknown, or its format has no room for that side.

    """
    suffix = Path(path).suffix
    format_ = _FORMATS.get(suffix.lower())
    if format_ is None:
        ending = f"ends in {suffix}" if suffix else "has no suffix"
        raise InputError(f"{path} {ending}, and impasto writes {', '.join(_FORMATS)}; choose one of them.")
    if longest_side > format_.longest_side:
        limit = f"a {format_.name} file holds at most {format_.longest_side} pixels a side"
        raise InputError(f"{path} cannot hold {longest_side} pixels: {limit}; name a .png or .tif file.")
    return format_


def levels(channels: list[NDArray[Any]], *, deep: bool) -> Any:
    """Return float32 channels in [0, 1], each (H, W), as a libvips image of 8 or 16 bits, rounded strip by strip."""
    check_process()
    height, width = channels[0].shape
    bands: list[Any] = [
        pyvips.Image.new_from_memory(np.ascontiguousarray(channel).data, width, height, 1, "float")
        for channel in channels
    ]
    largest, kind, color = (65535, "ushort", "rgb16") if deep else (255, "uchar", "srgb")
    rounded = bands[0].bandjoin(bands[1:]).linear(largest, 0.5).cast(kind)  # it clamps and cuts off
    return rounded.copy(interpretation=color)


def encode(
    image: Any,
    format_: Format,
    target: Any,
    *,
    quality: int,
    profile: bytes | None,
    dpi: float,
    exif: Exif,
    note: str | None,
) -> None:
    """Write the bytes of a file.

    Raises:
        pyvips.Error: libvips will not make them, or the system not take them.
        ValueError: `quality` is out of range.

    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; it goes from 1 to 100.")
    image = profiles.embed(image.copy(xres=dpi / 25.4, yres=dpi / 25.4), profile)
    write(image, exif)
    words = described(exif)
    if note is not None or words:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp.packet(note, words))
    options = {**format_.options, "Q": quality} if format_.lossy else format_.options
    if format_ is _WEBP and image.hasalpha():
        options = {"lossless": True}  # a nearly lossless file rounds transparency too
    size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
    if format_ is _TIFF and size > _LARGEST_TIFF:
        options = {**options, "bigtiff": True}
    getattr(image, format_.operation)(target, keep=_KEEP, **options)


def refusal(error: pyvips.Error, format_: Format, width: int, height: int) -> str:
    """Say in a few words why a file was not written."""
    why = _SYSTEM.search(str(error))
    return why[1].lower() if why else f"{format_.name} refused {width} × {height} pixels"
