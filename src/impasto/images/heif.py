"""HEIC files, which phones write: unpacked by pillow-heif, the extra `heif`, because libvips' wheel has no HEVC."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyvips

from impasto.errors import PictureError, import_of_extra
from impasto.images import profiles
from impasto.images.image_file import ImageFile

__all__ = ["unpack"]

_UNSUPPORTED_MESSAGE = "nsupported"
"""What the errors of libheif say of files that are undamaged, and made in a way that it does not read."""


def unpack(file: ImageFile, check: Callable[[int, int], None]) -> Any:
    """Return the main image of a HEIC file as a libvips image, upright, with its profile and EXIF.

    Args:
        file: The file.
        check: Called with width and height before the pixels are unpacked.

    Returns:
        The libvips image of 8 or 16 bits; more than 8 bits are the upper ones of 16.

    Raises:
        PictureError: pillow-heif is not installed, or the file is damaged or of a kind that it does not read.

    """
    need = f"{file.name} is a HEIC file, for which impasto needs its extra heif"
    with import_of_extra("heif", need, ", or export it as a JPEG or PNG file", PictureError):
        import pillow_heif  # noqa: PLC0415 (an extra)
    try:
        heif_file: Any = pillow_heif.open_heif(io.BytesIO(file.data), convert_hdr_to_8bit=False)
        check(*heif_file.size)
        samples = np.ascontiguousarray(np.asarray(heif_file))
    except (OSError, ValueError, EOFError, SyntaxError, RuntimeError, IndexError) as error:
        if _UNSUPPORTED_MESSAGE in str(error):
            raise PictureError(
                f"{file.name} is a HEIC file of a kind that is not read; export it as a JPEG or PNG file."
            ) from error
        raise PictureError(
            f"{file.name} is damaged or cut short; copy it again, or export it as a JPEG file."
        ) from error
    return _as_image(heif_file, samples.reshape(*samples.shape[:2], -1))


def _as_image(heif_file: Any, samples: np.ndarray[Any, Any]) -> Any:
    """Return samples (H, W, channels) as a libvips image, with the profile, EXIF and depth of an opened file."""
    height, width, bands = samples.shape
    deep = samples.dtype == np.uint16
    color = ("rgb16" if deep else "srgb") if bands >= 3 else ("grey16" if deep else "b-w")
    plain: Any = pyvips.Image.new_from_memory(samples.data, width, height, bands, "ushort" if deep else "uchar")
    image = profiles.embed(plain.copy(interpretation=color), heif_file.info.get("icc_profile"))
    if heif_file.premultiplied_alpha:
        image = image.unpremultiply(max_alpha=65535 if deep else 255).cast(plain.format).copy(interpretation=color)
    if heif_file.info.get("exif"):
        image.set_type(pyvips.GValue.blob_type, "exif-data", heif_file.info["exif"])
    image.set_type(pyvips.GValue.gint_type, "n-pages", len(heif_file))
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", heif_file.info.get("bit_depth", 8))
    return image
