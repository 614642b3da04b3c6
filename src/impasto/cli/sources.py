"""Pictures and masks by their files, and styles as words: PAINTING,weight=2,scale=0.5,mask=FILE,region=FILE."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from impasto.cli import display
from impasto.errors import InputError

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.images.masks import Mask
    from impasto.transfer.styles import Style

__all__ = ["open_mask", "open_picture", "open_styles"]

_WORDS = ("weight", "scale", "mask", "region")
_STYLE = re.compile(rf"(.*?)((?:,(?:{'|'.join(_WORDS)})=[^,]*)*)", re.DOTALL)


def open_picture(path: str | Path, *, allow_large: bool, quiet: bool) -> "Picture":
    """Open a picture, and say what of its file is not in it unless `quiet`."""
    from impasto.images import Picture  # noqa: PLC0415 (torch)

    picture = Picture.open(path, allow_large=allow_large)
    for sentence in () if quiet else picture.remarks:
        display.remark(sentence)
    return picture


def open_styles(words: Sequence[str], *, allow_large: bool, quiet: bool) -> "list[Style]":
    """Open the styles that the command names.

    Raises:
        InputError: a weight or scale is no number or out of range, a word is unknown, or a file cannot be used.

    """
    from impasto.transfer.styles import Style  # noqa: PLC0415 (torch)

    masks: dict[str, Mask] = {}

    def mask(source: str | None) -> "Mask | None":
        if source is not None and source not in masks:
            masks[source] = open_mask(source, allow_large=allow_large)
        return None if source is None else masks[source]

    found: list[Style] = []
    for path, given in map(_parted, words):
        numbers = {name: _number(name, given[name]) for name in ("weight", "scale") if name in given}
        picture = open_picture(path, allow_large=allow_large, quiet=quiet)
        found.append(Style(picture, **numbers, mask=mask(given.get("mask")), region=mask(given.get("region"))))
    return found


def open_mask(source: str, *, allow_large: bool) -> "Mask":
    """Open a mask, FILE or FILE#rrggbb."""
    from impasto.images.masks import Mask  # noqa: PLC0415 (torch)

    return Mask.open(source, allow_large=allow_large)


def _parted(style: str) -> tuple[str, Mapping[str, str]]:
    """Part the path of a style from what is said of it."""
    found = _STYLE.fullmatch(style)
    path, rest = (found[1], found[2]) if found else (style, "")
    unknown = re.search(r",(\w+)=", path)
    if unknown and not Path(path).exists():
        raise InputError(f"a style has no {unknown[1]}; what can be said of it is {', '.join(_WORDS)}.")
    return path, dict(word.split("=", 1) for word in rest.split(",")[1:])


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"a style's {name} cannot be {text}; it takes a number.") from None
