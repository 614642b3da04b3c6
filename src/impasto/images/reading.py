"""From a file to upright RGB samples, and all that travels with them.

Whatever a file holds (inks, gray, a palette, 16 bits, a turned camera, several frames) ends here.
"""

import mmap
import re
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from impasto.errors import PictureError
from impasto.files import reason
from impasto.images import heif, metadata, profiles, xmp

__all__ = ["LARGEST_PIXELS", "Decoded", "decode", "read_note"]

LARGEST_PIXELS = 100_000_000
"""Width times height above which a file is refused unless told: a file of a few bytes may unpack to any size."""

_KINDS = "a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIC file"

_FINEST = 65_000
"""Pixels an inch that are believed."""

_DEFAULT = 1.0
"""Pixels a millimeter that libvips says where a file says nothing."""


class Decoded(NamedTuple):
    """What a file holds: the fields of a picture."""

    samples: NDArray[Any]
    """uint8 or uint16, (3, H, W)."""
    alpha: NDArray[Any] | None
    """Of the same kind, (H, W)."""
    profile: bytes | None
    bits: int
    dpi: float | None
    exif: metadata.Exif
    note: str | None
    remarks: tuple[str, ...]


def decode(path: Path, *, allow_large: bool) -> Decoded:
    """Read a file.

    Raises:
        PictureError: the file is missing, damaged, cut short, of another kind, wholly transparent, or over
            `LARGEST_PIXELS` without `allow_large`.

    """
    image = _header(path, partial(_check_size, path, allow_large=allow_large))
    if image.format not in {"uchar", "ushort"}:
        raise PictureError(f"{path} holds {image.format} samples; save it with 8 or 16 bits a channel.")
    try:
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        colored, profile = _in_rgb(image)
        samples = _upright(colored.numpy(), orientation)  # (H, W, bands)
    except pyvips.Error as error:
        raise _damaged(path) from error
    color = np.ascontiguousarray(samples[..., :3].transpose(2, 0, 1))  # (3, H, W)
    alpha = np.ascontiguousarray(samples[..., 3]) if samples.shape[2] > 3 else None
    if alpha is not None:
        if not alpha.any():
            raise PictureError(f"{path} is wholly transparent; give a picture that shows something.")
        color[:, alpha == 0] = np.iinfo(color.dtype).max  # what lies below is anything; white is what was seen
    tags, dpi = _metadata(path, image)
    return Decoded(
        color,
        alpha,
        profile,
        bits=16 if color.dtype == np.uint16 else 8,
        dpi=dpi,
        exif=tags,
        note=_note(image),
        remarks=tuple(_remarks(path, image, profile)),
    )


def read_note(path: str | Path) -> str | None:
    """Return the note that `Picture.save` stored in a file, or None, without unpacking its pixels.

    Raises:
        PictureError: the file is missing, empty or not a picture.

    """
    return _note(_header(Path(path)))


def _check_size(path: Path, width: int, height: int, *, allow_large: bool) -> None:
    if width * height > LARGEST_PIXELS and not allow_large:
        raise PictureError(
            f"{path} has {width} × {height} pixels, more than {LARGEST_PIXELS // 1_000_000} million; "
            "if that is right, allow large pictures (--allow-large, allow_large=True)."
        )


# These first bytes are the whole list of what is opened: libvips would also read SVG, CSV and others, and take
# the high dynamic range version of a phone's photograph.
_LOADERS = {
    "pngload_source": rb"\x89PNG\r\n\x1a\n",
    "jpegload_source": rb"\xff\xd8\xff",
    "webpload_source": rb"RIFF....WEBP",
    "tiffload_source": rb"II[*+]\0|MM\0[*+]",
    "gifload_source": rb"GIF8[79]a",
    "heifload_source": rb"....ftyp(?:avi[fs]|mif1.*avif)",
}
_HEIC = rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)"


def _any_size(width: int, height: int) -> None:
    """Refuse nothing."""


def _header(path: Path, check: Callable[[int, int], None] = _any_size) -> Any:
    """Return the file as a libvips image of which only the header has been read, unless it is HEIC.

    `check` is given width and height. The file is opened here, not by libvips, which reads `[...]` at the end of a name
    as options. A load with fail_on "error" refuses what is cut short or broken, and forgives a stray byte between two
    markers.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise PictureError(f"{path} is {kind}; give {_KINDS}.")
        with path.open("rb", buffering=0) as file:
            start = file.read(64)
            source = pyvips.Source.new_from_descriptor(file.fileno())  # it keeps a duplicate
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {reason(error)}; give a picture's path.") from error
    if not start:
        raise PictureError(f"{path} is empty; give {_KINDS}.")
    loader = next((name for name, pattern in _LOADERS.items() if re.match(pattern, start, re.DOTALL)), None)
    if loader is None and re.match(_HEIC, start, re.DOTALL):
        return _stretched(heif.unpacked(path, check))
    if loader is None:
        raise PictureError(f"{path} is not a picture that impasto reads; give {_KINDS}.")
    try:
        image = getattr(pyvips.Image, loader)(source, access="sequential", fail_on="error")
    except pyvips.Error as error:
        raise _damaged(path) from error
    check(image.width, image.height)
    return _stretched(image) if loader == "heifload_source" else image


def _damaged(path: str | Path) -> PictureError:
    return PictureError(f"{path} is damaged or cut short; copy it again, or export it as a new PNG or JPEG file.")


def _stretched(image: Any) -> Any:
    """Make the white of a HEIC or AVIF file of 10 or 12 bits the white of 16, where its bits are only shifted."""
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 16
    if image.format != "ushort" or bits == 16:
        return image
    levels = (image >> (16 - bits)).linear(65535 / (2**bits - 1), 0.5)
    return levels.cast("ushort").copy(interpretation=image.interpretation)


def _upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn (H, W, bands) as EXIF says: 1 upright, 3 upside down, 6 and 8 on a side, 2, 4, 5 and 7 mirrored as well."""
    if orientation in {5, 6, 7, 8}:
        samples = samples.transpose(1, 0, 2)
    rows = -1 if orientation in {3, 4, 7, 8} else 1
    columns = -1 if orientation in {2, 3, 6, 7} else 1
    return samples[::rows, ::columns]


def _in_rgb(image: Any) -> tuple[Any, bytes | None]:
    """Return RGB at the depth that the image has, and its profile: its own, where one can paint in it, or else sRGB.

    A profile that cannot be used counts as none, as in viewers.
    """
    deep = image.format == "ushort"
    profile = profiles.embedded(image)
    if profile is not None and _is_rgb(image) and profiles.can_paint(profile):
        return image, profile
    if profile is not None and (profiles.works(profile) or not _is_rgb(image)):
        try:
            image = profiles.through(image, 16 if deep else 8)
        except pyvips.Error:
            image = profiles.embed(image, None)  # or colourspace would try it again for CMYK
    return image.colourspace("rgb16" if deep else "srgb"), None


def _is_rgb(image: Any) -> bool:
    return image.interpretation in {"srgb", "rgb16"}


def _note(image: Any) -> str | None:
    return xmp.read(bytes(image.get("xmp-data"))) if image.get_typeof("xmp-data") else None


def _metadata(path: Path, image: Any) -> tuple[metadata.Exif, float | None]:
    """Return what EXIF, the tags of a TIFF file and XMP say, and the pixels an inch."""
    words: metadata.Exif = {}
    if image.get_typeof("xmp-data"):
        words = metadata.of_description(xmp.properties(bytes(image.get("xmp-data"))))
    dpi = None if image.xres == _DEFAULT else image.xres * 25.4
    if image.get_typeof("exif-data"):
        block = bytes(image.get("exif-data"))
        tags, dpi = metadata.read(block), dpi or metadata.dpi(block)
    else:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            tags = metadata.read(whole)
    return {**tags, **words}, round(dpi, 1) if dpi is not None and 1 <= dpi <= _FINEST else None


def _remarks(path: Path, image: Any, profile: bytes | None) -> list[str]:
    """Say in sentences what of a file is not in the picture."""
    found: list[str] = []
    frames = image.get("n-pages") if image.get_typeof("n-pages") else 1
    if frames > 1:
        found.append(f"{path} has {frames} frames or pages; the first is taken.")
    if image.interpretation == "cmyk":
        found.append(f"{path} holds the inks of print; they become sRGB.")
    given = profiles.embedded(image)
    if given is not None and _is_rgb(image) and profile is None and profiles.works(given):
        found.append(f"{path} has a color profile that cannot be painted in; its colors become sRGB.")
    return found
