"""A sheet of paper, and how many pixels a picture has that fills it."""

import re
from typing import NamedTuple, Self

from impasto.errors import InputError

__all__ = ["Paper"]

_USUAL = 300.0
"""Pixels an inch of a print where nothing else is said."""

_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?[x×] ?(\d+(?:\.\d+)?) ?(in|cm|mm)")

_SMALLEST, _LARGEST = 32, 1_000_000
"""Pixels of the long side."""


class Paper(NamedTuple):
    """A sheet of paper, upright or across, as the picture is."""

    long: float
    """In inches."""
    short: float
    dpi: float

    @classmethod
    def of(cls, text: str, dpi: float, flags: object) -> Self:
        """Read 30x40cm, 8x10in or 200x300mm, at so many pixels an inch; 0 is 300.

        Raises:
            InputError: it is no such size, too small or too large, or `flags` give a size in pixels as well.

        """
        found = _SIZE.fullmatch(text.strip().lower())
        short, long = sorted(float(side) * _INCHES[found[3]] for side in found.groups()[:2]) if found else (0.0, 0.0)
        if not short:
            raise InputError(
                f"print cannot be {text}; it takes two sides and a unit, such as 30x40cm, 8x10in, 200x300mm."
            )
        paper = cls(long, short, dpi or _USUAL)
        if not _SMALLEST <= paper.longest <= _LARGEST:
            raise InputError(
                f"print cannot be {text}: at {paper.dpi:g} pixels an inch its long side has {paper.longest} pixels; "
                f"it takes a size of {_SMALLEST} to {_LARGEST} pixels."
            )
        if getattr(flags, "size", None) is not None:
            raise InputError("print and size both say how large the picture is; give one of them.")
        return paper

    @property
    def longest(self) -> int:
        """The pixels on its long side."""
        return round(self.long * self.dpi)

    def fitted(self, width: int, height: int) -> int:
        """Return the long side, in pixels, of the largest picture of a shape that fits on it."""
        long, short = max(width, height), min(width, height)
        return min(self.longest, round(self.short * self.dpi * long / short))
