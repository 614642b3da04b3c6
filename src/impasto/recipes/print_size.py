"""The size of a print: the pixels of the largest picture that fits on a sheet of paper."""

import re
from typing import NamedTuple, Self

from impasto.errors import InputError

__all__ = ["PrintSize"]

DEFAULT_DPI = 300.0
"""Pixels per inch of a print if no other number is given; print shops ask for this number."""

_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_PATTERN = re.compile(r"(\d+(?:\.\d+)?) ?[x×] ?(\d+(?:\.\d+)?) ?(in|cm|mm)")

_MIN_PIXELS, _MAX_PIXELS = 32, 1_000_000
"""The bounds of the long side, in pixels."""


class PrintSize(NamedTuple):
    """A sheet of paper, in portrait or landscape format as the picture needs it."""

    long: float
    """The long side, in inches."""
    short: float
    """The short side, in inches."""
    dpi: float
    """Pixels per inch."""

    @classmethod
    def parse(cls, text: str, dpi: float) -> Self:
        """Read 30x40cm, 8x10in or 200x300mm.

        Args:
            text: Two sides and a unit.
            dpi: Pixels per inch; 0 means `DEFAULT_DPI`.

        Returns:
            The size of the paper.

        Raises:
            InputError: the text is not of that form, or the picture would be too small or too large.

        """
        found = _PATTERN.fullmatch(text.strip().lower())
        short, long = sorted(float(side) * _INCHES[found[3]] for side in found.groups()[:2]) if found else (0.0, 0.0)
        if not short:
            raise InputError(
                f"print cannot be {text}; it takes two sides and a unit, such as 30x40cm, 8x10in, 200x300mm."
            )
        paper = cls(long, short, dpi or DEFAULT_DPI)
        if not _MIN_PIXELS <= paper.long_pixels <= _MAX_PIXELS:
            raise InputError(
                f"print cannot be {text}: at {paper.dpi:g} pixels per inch its long side has {paper.long_pixels} "
                f"pixels; it takes a size of {_MIN_PIXELS} to {_MAX_PIXELS} pixels."
            )
        return paper

    @property
    def long_pixels(self) -> int:
        """The long side, in pixels."""
        return round(self.long * self.dpi)

    def fitted(self, width: int, height: int) -> int:
        """Return the long side, in pixels, of the largest picture of a shape that fits on the paper.

        Args:
            width: The width of the shape, in any unit.
            height: The height of the shape, in the same unit.

        Returns:
            The long side, in pixels.

        """
        long, short = max(width, height), min(width, height)
        return min(self.long_pixels, round(self.short * self.dpi * long / short))
