"""Pictures, in files and in memory: upright RGB, (3, H, W), with their color profile, transparency and metadata.

In here: `picture` (a picture, from whatever holds one and to a file) over `reading` and `writing`; `loading`, which
asks each kind of file for what libvips passes over (`tiff`, `png_chunks`, `jpeg_segments`, `heif`, `heif_boxes`,
`formats`); colors (`profiles`, `icc_writer`, `color_codes`, `samples`, `color`), metadata (`metadata`, `xmp`,
`tiff_tags`); and `masks` with `guides`, which say what a mask means to a layer. Not in here: what a picture is used
for, and where files may be written (`files`). It may import `layers`, `files` and `errors`.

Files are read and written with libvips (measured against Pillow in docs/notes/images.md); HEIC files are unpacked by
pillow-heif.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from impasto.images.picture import Picture
    from impasto.images.profiles import srgb
    from impasto.images.reading import MAX_PIXELS, read_note
    from impasto.images.resampling import resample
    from impasto.images.writing import check_suffix

__all__ = ["MAX_PIXELS", "Picture", "check_suffix", "read_note", "resample", "srgb"]

_HOMES = {
    "MAX_PIXELS": "reading",
    "Picture": "picture",
    "check_suffix": "writing",
    "read_note": "reading",
    "resample": "resampling",
    "srgb": "profiles",
}


def __getattr__(name: str) -> Any:
    """Import a module only when one of its names is asked for: most of them need torch, `check_suffix` does not."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
