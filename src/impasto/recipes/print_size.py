"""The size of a print: the pixels of the largest picture that fits on a sheet of paper."""

import re
from typing import NamedTuple, Self

from impasto.errors import InputError

__all__ = ["PrintSize"]

DEFAULT_DPI = 300.0
"""Pixels per inch of a print if no other number is given; print shops ask for this number."""

_INCHES = {"in": 1.0, "cm": 1 / 2.54, "mm": 1 / 25.4}
_PATTERN = re.compile(r"(\d{1,9}(?:\.\d+)?) ?[x×] ?(\d{1,9}(?:\.\d+)?) ?(in|cm|mm)")

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
    unit: str
    """The unit in which `announcement` speaks of lengths: in, cm or mm."""

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
        match = _PATTERN.fullmatch(text.strip().lower())
        short, long = sorted(float(side) * _INCHES[match[3]] for side in match.groups()[:2]) if match else (0.0, 0.0)
        if match is None or not short:
            raise InputError(
                f"print cannot be {text}; it takes two sides and a unit, such as 30x40cm, 8x10in, 200x300mm."
            )
        paper = cls(long, short, dpi or DEFAULT_DPI, match[3])
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

    def ratio(self, width: int, height: int) -> float:
        """Return the width of the paper divided by its height, with its long side along that of a picture.

        Args:
            width: The width of the picture, in any unit.
            height: The height of the picture, in the same unit.

        Returns:
            The ratio, at least 1 for a picture that is at least as wide as high.

        """
        return self.long / self.short if width >= height else self.short / self.long

    def announcement(self, width: int, height: int) -> str:
        """Say how large a picture is on paper, how wide its margins are, and how much it is enlarged.

        Args:
            width: The width of the photograph, cropped if the picture fills the paper, in pixels.
            height: The height of the photograph, in pixels.

        Returns:
            One sentence.

        """
        size = self.fitted(width, height)
        factor = size / max(width, height)
        pixels = round(width * factor), round(height * factor)
        paper = (self.long, self.short) if width >= height else (self.short, self.long)
        printed = [side / self.dpi for side in pixels]
        margins = [max(0.0, (sheet - side) / 2) for sheet, side in zip(paper, printed, strict=True)]
        sentence = (
            f"The print is {self._lengths(*printed)} at {self.dpi:g} pixels per inch, {pixels[0]} × {pixels[1]} pixels"
        )
        if max(margins) * self.dpi >= 1:
            across, down = (self._lengths(margin) for margin in margins)
            sentence += f", with margins of {across} left and right and {down} above and below (--fill crops instead)"
        if factor > 1:
            sentence += f"; the photograph's {width} × {height} pixels are enlarged {factor:.1f} times"
        return f"{sentence}."

    def _lengths(self, *inches: float) -> str:
        """Write one or two lengths in the unit, to a tenth, or to a whole millimeter."""
        digits = 0 if self.unit == "mm" else 1
        numbers = (f"{round(length / _INCHES[self.unit], digits):g}" for length in inches)
        return f"{' × '.join(numbers)} {self.unit}"
