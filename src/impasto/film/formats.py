"""Kinds of film files by their first bytes: the first bytes decide, and not the suffix."""

import re
from typing import Literal, get_args

__all__ = ["FILM_FORMATS", "FilmFormat", "format_of"]

FilmFormat = Literal["mp4", "mov", "webm", "mkv", "avi"]
"""The format of a film that is read, as its suffix."""

FILM_FORMATS: tuple[FilmFormat, ...] = get_args(FilmFormat)
"""All formats of films that are read."""

_FIRST_BYTES: dict[FilmFormat, bytes] = {
    "mov": rb"....(?:ftypqt  |moov|wide)",
    "mp4": rb"....ftyp",
    "webm": rb"\x1aE\xdf\xa3.{0,60}webm",
    "mkv": rb"\x1aE\xdf\xa3",
    "avi": rb"RIFF....AVI ",
}
"""First bytes by format, of which the first one that fits counts."""


def format_of(start: bytes) -> FilmFormat | None:
    """Return the format of a film file that begins with some bytes, or None if it is none; a picture must be ruled out.

    Args:
        start: The first bytes of the file, 64 of them or more.

    """
    return next((name for name, pattern in _FIRST_BYTES.items() if re.match(pattern, start, re.DOTALL)), None)
