"""Kinds of image files by their first bytes: which are read, with what, and the names of some that are not.

The first bytes decide and not the suffix. No other kind is opened: libvips alone would also read SVG, CSV and
others, and take the high dynamic range version of a phone's photograph.
"""

import re

__all__ = ["FILM", "RAW_PHOTOGRAPH", "is_lossless", "loader_of", "unsupported_kind"]

_LOADERS = {
    "pngload_source": rb"\x89PNG\r\n\x1a\n",
    "jpegload_source": rb"\xff\xd8\xff",
    "webpload_source": rb"RIFF....WEBP",
    "tiffload_source": rb"II[*+]\0|MM\0[*+]",
    "gifload_source": rb"GIF8[79]a",
    "heifload_source": rb"....ftyp(?:avi[fs]|mif1.*avif)",
    "heif": rb"....ftyp(?:hei[cxms]|hev[cxms]|mif1|msf1)",
}
"""First bytes by the operation of libvips that reads such files; `heif`: pillow-heif reads them."""

RAW_PHOTOGRAPH = "a raw photograph"
FILM = "a film"

_UNSUPPORTED_KINDS = {
    RAW_PHOTOGRAPH: rb"FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|MMOR|FOVb|\0MRM|....ftypcrx ",
    "a JPEG XL file": rb"\xff\x0a|\0\0\0\x0cJXL ",
    "a JPEG 2000 file": rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51",
    "a BMP file": rb"BM.{4}\0\0\0\0",
    "a Photoshop file": rb"8BP[SB]",
    "a GIMP file": rb"gimp xcf",
    "an OpenEXR file": rb"v/1\x01",
    "a Radiance file": rb"#\?RADIANCE|#\?RGBE",
    "an icon": rb"\0\0[\1\2]\0[^\0]\0",
    "a drawing (SVG)": rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg\b",
    "a PDF file": rb"%PDF-",
    "a Netpbm file": rb"P[1-7][\s#]",
    "a DirectDraw file": rb"DDS ",
    "a page of HTML": rb"\s*<(?:!doctype html|html)",
    FILM: rb"....(?:ftyp(?:isom|iso[2-9]|mp4|qt  |M4V|avc1|3gp)|moov|wide)|\x1aE\xdf\xa3|RIFF....AVI ",
    "a pointer to a file that Git LFS has not fetched": rb"version https://git-lfs",
}
"""First bytes of files that are known and not read."""


def loader_of(start: bytes) -> str | None:
    """Return the operation of libvips that reads a file with such first bytes, `heif`, or None where none does."""
    return next((name for name, pattern in _LOADERS.items() if re.match(pattern, start, re.DOTALL)), None)


def is_lossless(start: bytes) -> bool:
    """Tell whether files with such first bytes hold every color as it was drawn; TIFF files nearly always do."""
    return loader_of(start) in {"pngload_source", "tiffload_source", "gifload_source"}


def unsupported_kind(start: bytes) -> str | None:
    """Name the kind of a file that is not read, by its first bytes; None: it is not known."""
    flags = re.DOTALL | re.IGNORECASE
    return next((name for name, pattern in _UNSUPPORTED_KINDS.items() if re.match(pattern, start, flags)), None)
