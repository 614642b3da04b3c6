"""Write samples to a file: the formats that are written, what each of them can hold, and the options of libvips.

What a picture is and where its file goes is not known here. Importing it loads no torch.
"""

import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pyvips

from impasto.errors import InputError, WriteError
from impasto.files import reason
from impasto.images import metadata, profiles, xmp
from impasto.images.libvips import check_process

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PNG", "Format", "check_suffix", "encode", "format_named", "format_of", "levels", "refusal", "write_to"]


class Format(NamedTuple):
    """What a kind of file can hold, and how libvips writes it."""

    name: str
    longest_side: int
    operation: str
    options: Mapping[str, str | bool]
    is_lossy: bool = False
    has_alpha: bool = True
    is_deep: bool = False
    """Whether it holds 16 bits a channel."""


PNG = Format("PNG", 2**31 - 1, "pngsave_target", {}, is_deep=True)
_JPEG = Format(
    "JPEG",
    65_500,
    "jpegsave_target",
    {"subsample_mode": "off", "optimize_coding": True},
    is_lossy=True,
    has_alpha=False,
)
_WEBP = Format("WebP", 16_383, "webpsave_target", {"near_lossless": True}, is_lossy=True)  # else half of the colors
_TIFF = Format(
    "TIFF", 2**31 - 1, "tiffsave_target", {"compression": "deflate", "predictor": "horizontal"}, is_deep=True
)
_MAX_TIFF_BYTES = 4_000_000_000
"""Bytes of samples above which a TIFF file has to be a BigTIFF, whose offsets have 64 bits."""

_SYSTEM_ERROR = re.compile("system error: (.+)")
"""Where libvips says what the system refused."""

_FORMATS = {".png": PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}

_WRITTEN_METADATA = "exif|xmp|icc"


def check_suffix(path: str | Path, *, longest_side: int = 1, deep: bool = False) -> Path:
    """Return `path` if a picture can be saved under that name, before any work is done for it.

    Args:
        path: The file.
        longest_side: The picture's, in pixels; JPEG files hold 65,500 and WebP files 16,383.
        deep: Whether the file is to have 16 bits a channel.

    Returns:
        The path.

    Raises:
        InputError: the suffix is unknown, or its format cannot hold that side or depth.

    """
    format_ = format_of(path, longest_side)
    if deep and not format_.is_deep:
        raise InputError(f"{path} cannot hold 16 bits: a {format_.name} file has 8; name a .png or .tif file.")
    return Path(path)


def format_of(path: str | Path, longest_side: int) -> Format:
    """Return the format that a suffix names.

    Args:
        path: The file.
        longest_side: The picture's, in pixels.

    Raises:
        InputError: the suffix is unknown, or its format cannot hold that side.

    """
    suffix = Path(path).suffix
    format_ = _FORMATS.get(suffix.lower())
    if format_ is None:
        ending = f"ends in {suffix}" if suffix else "has no suffix"
        raise InputError(f"{path} {ending}, and impasto writes {', '.join(_FORMATS)}; choose one of them.")
    _check_side(str(path), format_, longest_side)
    return format_


def format_named(name: object, longest_side: int) -> Format:
    """Return the format of a name.

    Args:
        name: Such as png, jpeg or webp; a suffix is such a name too.
        longest_side: The picture's, in pixels.

    Raises:
        InputError: there is no such format, or it cannot hold that side.

    """
    format_ = _FORMATS.get(f".{str(name).lower().removeprefix('.')}")
    if format_ is None:
        choices = ", ".join(suffix.removeprefix(".") for suffix in _FORMATS)
        raise InputError(f"format cannot be {name}; it takes {choices}.")
    _check_side(f"a {format_.name} file", format_, longest_side)
    return format_


def _check_side(name: str, format_: Format, longest_side: int) -> None:
    """Refuse a picture that is too large for a format."""
    if longest_side > format_.longest_side:
        limit = f"a {format_.name} file holds at most {format_.longest_side} pixels a side"
        raise InputError(f"{name} cannot hold {longest_side} pixels: {limit}; name a .png or .tif file.")


def levels(channels: "Sequence[Tensor]", *, deep: bool) -> Any:
    """Return channels as a libvips image, rounded strip by strip.

    Args:
        channels: float32, nominally in [0, 1], each (H, W).
        deep: Whether the image has 16 bits a channel, and not 8.

    Raises:
        RunError: this process was forked from one that had read pictures.

    """
    check_process()
    height, width = channels[0].shape
    arrays = [np.ascontiguousarray(channel.detach().cpu().numpy()) for channel in channels]
    bands: list[Any] = [pyvips.Image.new_from_memory(array.data, width, height, 1, "float") for array in arrays]
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
    exif: metadata.Exif,
    note: str | None,
) -> None:
    """Write the bytes of a file.

    Args:
        image: The libvips image, RGB with or without alpha.
        format_: The kind of the file.
        target: The libvips target that takes the bytes.
        quality: 1 to 100, of lossy formats.
        profile: The ICC profile in whose RGB the image is; None: sRGB without a profile.
        dpi: Pixels an inch.
        exif: Tags of the photograph.
        note: Free text that travels in the file.

    Raises:
        pyvips.Error: libvips will not make them, or the system not take them.
        InputError: `quality` is out of range.

    """
    if not isinstance(cast("object", quality), Integral) or not 1 <= quality <= 100:
        raise InputError(f"quality is {quality}; it takes a whole number from 1 to 100.")
    image = profiles.embed(image.copy(xres=dpi / 25.4, yres=dpi / 25.4), profile)
    metadata.write(image, exif)
    properties = metadata.xmp_properties(exif)
    if note is not None or properties:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp.packet(note, properties))
    getattr(image, format_.operation)(target, keep=_WRITTEN_METADATA, **_options(image, format_, quality))


def _options(image: Any, format_: Format, quality: int) -> Mapping[str, Any]:
    """Return the options with which libvips writes an image."""
    if format_ is _WEBP and image.hasalpha():
        return {"lossless": True}  # a nearly lossless file rounds transparency too
    if format_.is_lossy:
        return {**format_.options, "Q": quality}
    size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
    return {**format_.options, "bigtiff": True} if format_ is _TIFF and size > _MAX_TIFF_BYTES else format_.options


def write_to(file: Any, data: bytes) -> None:
    """Write bytes to an open file.

    Args:
        file: A file that is open for writing bytes.
        data: The bytes.

    Raises:
        InputError: the file is open for text.
        WriteError: the disk is full, or the system refused.

    """
    name = f"the open file {file.name}" if isinstance(getattr(file, "name", None), str) else "the open file"
    try:
        file.write(data)
    except TypeError:
        raise InputError(f'{name} is open for text; open it with mode "wb".') from None
    except (OSError, ValueError) as error:
        cause = reason(error) if isinstance(error, OSError) else error
        raise WriteError(f"{name} could not be written: {cause}.") from error


def refusal(error: pyvips.Error, format_: Format, width: int, height: int) -> str:
    """Say in a few words why a file was not written.

    Args:
        error: What libvips raised.
        format_: The kind of the file.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        The words, as they follow a colon in a sentence.

    """
    cause = _SYSTEM_ERROR.search(str(error))
    return cause[1].lower() if cause else f"{format_.name} refused {width} × {height} pixels"
