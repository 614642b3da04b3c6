"""Read an image file into upright RGB samples, with its profile, transparency and metadata.

Whatever a file holds (inks, gray, a palette, 16 bits, a turned camera, several frames) ends here. Kinds of files are
distinguished in `loading`, what samples mean in `samples`.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from impasto.errors import PictureError
from impasto.images import metadata, profiles, xmp
from impasto.images.image_file import ImageFile
from impasto.images.loading import LoadedImage, load
from impasto.images.samples import to_rgb

__all__ = ["MAX_PIXELS", "PictureFields", "decode", "read_note"]

MAX_PIXELS = 100_000_000
"""Width times height above which a file is refused unless `allow_large` is set: a file of a few bytes may unpack to any
size."""

_MAX_DPI = 65_000
"""Pixels an inch that are believed."""

_MISSING_RESOLUTION = 1.0
"""Pixels a millimeter that libvips says where a file says nothing."""


class PictureFields(NamedTuple):
    """What an image holds: the fields of a picture."""

    samples: NDArray[Any]
    """uint8, uint16 or float32, (3, H, W)."""
    alpha: NDArray[Any] | None = None
    """Opacity, (H, W), of one of the same dtypes; None: opaque."""
    profile: bytes | None = None
    bits: int = 8
    dpi: float | None = None
    exif: metadata.Exif = {}  # noqa: RUF012 (it is not changed)
    note: str | None = None
    remarks: tuple[str, ...] = ()


def decode(file: ImageFile, *, allow_large: bool) -> PictureFields:
    """Read the picture of a file.

    Args:
        file: The file.
        allow_large: Whether it may have more than `MAX_PIXELS`.

    Returns:
        The fields of a `Picture`.

    Raises:
        PictureError: the file is damaged, cut short, of a kind that is not read, wholly transparent, or too large.
        RunError: this process was forked from one that had read pictures.

    """
    loaded = load(file, partial(_check_size, file.name, allow_large=allow_large))
    image = loaded.image
    if image.format not in {"uchar", "ushort"}:
        raise PictureError(f"{file.name} holds {image.format} samples; save it as RGB with 8 or 16 bits a channel.")
    try:
        orientation = image.get("orientation") if image.get_typeof("orientation") else 1
        colored, profile = to_rgb(image, loaded.samples, loaded.implied_profile)
        samples = _turn_upright(colored.numpy(), orientation)  # (H, W, 3 or 4)
    except pyvips.Error as error:
        raise loaded.failure(error) from error
    color = np.ascontiguousarray(samples[..., :3].transpose(2, 0, 1))  # (3, H, W)
    alpha = np.ascontiguousarray(samples[..., 3]) if samples.shape[2] > 3 else None
    if alpha is not None:
        color = whiten(color, alpha, file.name)
    tags, dpi = _metadata(file, image)
    return PictureFields(
        color,
        alpha,
        profile,
        bits=16 if color.dtype == np.uint16 else 8,
        dpi=dpi,
        exif=tags,
        note=_note(image),
        remarks=tuple(f"{file.name} {remark}" for remark in _remarks(loaded, profile)),
    )


def whiten(color: NDArray[Any], alpha: NDArray[Any], name: str) -> NDArray[Any]:
    """Return colors that are white where nothing shows: the color below is arbitrary, and white is what was seen.

    Args:
        color: Samples, (3, H, W), which are changed.
        alpha: Opacity, (H, W); 0 shows nothing.
        name: What messages call the picture.

    Raises:
        PictureError: nothing shows.

    """
    if not alpha.any():
        raise PictureError(f"{name} is wholly transparent; give a picture that shows something.")
    color[:, alpha == 0] = np.iinfo(color.dtype).max if color.dtype.kind == "u" else 1
    return color


def read_note(path: str | Path) -> str | None:
    """Return the note that `Picture.save` stored in a file, or None, without unpacking its pixels.

    Args:
        path: The file of a picture.

    Returns:
        The note; None, if there is none.

    Raises:
        PictureError: the file is missing, empty or not a picture.

    """
    return _note(load(ImageFile.open(Path(path)), _allow_any_size).image)


def _allow_any_size(width: int, height: int) -> None:
    """Refuse nothing."""


def _check_size(name: str, width: int, height: int, *, allow_large: bool) -> None:
    if width * height > MAX_PIXELS and not allow_large:
        raise PictureError(
            f"{name} has {width} × {height} pixels, more than {MAX_PIXELS // 1_000_000} million; "
            "if that is right, allow large pictures (--allow-large, allow_large=True)."
        )


def _turn_upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn (H, W, bands) as EXIF says: 1 upright, 3 upside down, 6 and 8 on a side, 2, 4, 5 and 7 mirrored as well."""
    if orientation in {5, 6, 7, 8}:
        samples = samples.transpose(1, 0, 2)
    rows = -1 if orientation in {3, 4, 7, 8} else 1
    columns = -1 if orientation in {2, 3, 6, 7} else 1
    return samples[::rows, ::columns]


def _note(image: Any) -> str | None:
    return xmp.read(bytes(image.get("xmp-data"))) if image.get_typeof("xmp-data") else None


def _metadata(file: ImageFile, image: Any) -> tuple[metadata.Exif, float | None]:
    """Return what EXIF, the tags of a TIFF file and XMP say, and the pixels an inch."""
    described: metadata.Exif = {}
    if image.get_typeof("xmp-data"):
        described = metadata.from_xmp(xmp.properties(bytes(image.get("xmp-data"))))
    dpi = None if image.xres == _MISSING_RESOLUTION else image.xres * 25.4
    if image.get_typeof("exif-data"):
        block = bytes(image.get("exif-data"))
        tags, dpi = metadata.read(block), dpi or metadata.dpi(block)
    else:
        tags = metadata.read(file.data)
    return {**tags, **described}, round(dpi, 1) if dpi is not None and 1 <= dpi <= _MAX_DPI else None


def _remarks(loaded: LoadedImage, profile: bytes | None) -> list[str]:
    """Say what of a file is not in the picture, in words to stand behind its name."""
    remarks = list(loaded.remarks)
    if loaded.frames > 1:
        remarks.insert(0, f"has {loaded.frames} frames or pages; the first is taken.")
    if loaded.samples.model == "cmyk":
        remarks.append("holds the inks of print; they become sRGB.")
    if loaded.samples.model in {"cielab", "icclab"}:
        remarks.append("holds L*a*b* colors; they become sRGB.")
    file_profile, implied_profile = profiles.embedded(loaded.image), loaded.implied_profile
    if file_profile is not None and loaded.samples.model == "rgb" and _is_unpaintable(file_profile, profile):
        remarks.append("has a color profile that cannot be painted in; its colors become sRGB.")
    elif file_profile is None and implied_profile is not None and _is_unpaintable(implied_profile, profile):
        remarks.append("tells by its gamma that its colors are such as cannot be painted in; they become sRGB.")
    return remarks


def _is_unpaintable(file_profile: bytes, profile: bytes | None) -> bool:
    """Tell whether colors of a given profile had to become sRGB; `profile` is that of the picture."""
    return profile is None and profiles.is_usable(file_profile) and not profiles.is_srgb(file_profile)
