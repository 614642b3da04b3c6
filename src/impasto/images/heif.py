"""HEIC files, which phones write: unpacked by pillow-heif, the extra `heif`, because libvips' wheel has no HEVC."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from impasto.errors import PictureError
from impasto.images import profiles

__all__ = ["unpacked"]


def unpacked(path: Path, check: Callable[[int, int], None]) -> Any:
    """Return the main image of a HEIC file as a libvips image, upright, with its profile and EXIF.

    More than 8 bits stand in the upper ones of 16. `check` is given width and height before the pixels are unpacked.

    Raises:
        PictureError: pillow-heif is not installed, or the file is damaged.

    """
    try:
        import pillow_heif  # noqa: PLC0415 (an extra)
    except ImportError:
        raise PictureError(
            f"{path} is a HEIC file, for which impasto needs its extra heif; run pip install impasto[heif], or export "
            "it as a JPEG or PNG file."
        ) from None
    try:
        file: Any = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
        check(*file.size)
        samples = np.ascontiguousarray(np.asarray(file))
    except (OSError, ValueError, EOFError, SyntaxError, RuntimeError, IndexError) as error:
        raise PictureError(f"{path} is damaged or cut short; copy it again, or export it as a JPEG file.") from error
    samples = samples.reshape(*samples.shape[:2], -1)
    height, width, bands = samples.shape
    deep = samples.dtype == np.uint16
    color = ("rgb16" if deep else "srgb") if bands >= 3 else ("grey16" if deep else "b-w")
    made: Any = pyvips.Image.new_from_memory(samples.data, width, height, bands, "ushort" if deep else "uchar")
    image = profiles.embed(made.copy(interpretation=color), file.info.get("icc_profile"))
    if file.premultiplied_alpha:
        image = image.unpremultiply(max_alpha=65535 if deep else 255).cast(made.format).copy(interpretation=color)
    if file.info.get("exif"):
        image.set_type(pyvips.GValue.blob_type, "exif-data", file.info["exif"])
    image.set_type(pyvips.GValue.gint_type, "n-pages", len(file))
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", file.info.get("bit_depth", 8))
    return image
