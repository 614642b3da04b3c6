"""The tags of TIFF files, BigTIFF files and EXIF blocks, which are small TIFF files (TIFF 6.0; CIPA DC-008).

The bytes may be damaged: what is not there is left out. What a tag means is not known here.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

__all__ = ["MAX_VALUE_BYTES", "Folder", "Tag", "TiffBlock"]

_TEXT_TYPE = 2

_NUMBER_CODES = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 7: "B", 8: "h", 9: "i", 10: "ii", 13: "I", 16: "Q", 18: "Q"}
"""How a number is stored, by the tag's type, as `struct` writes it; two numbers are a fraction."""

MAX_VALUE_BYTES = 1000
"""Longer texts are cut off, longer lists of numbers left out."""

_MAX_ENTRIES = 4096
"""Tags of a folder that are looked at; cameras write some hundred."""


class Tag(NamedTuple):
    """Where the value of a tag stands."""

    kind: int
    """The type of the value, as TIFF numbers types."""
    size: int
    """How many numbers or letters it has."""
    offset: int
    """Where the value begins, in bytes from the header."""


class Folder(NamedTuple):
    """The tags of a page, by their numbers, and where the next page's folder stands; 0: there is none."""

    tags: Mapping[int, Tag]
    next: int


class TiffBlock(NamedTuple):
    """The bytes of a TIFF file or an EXIF block."""

    data: Any
    start: int
    """Where the header begins; offsets in the block are counted from there."""
    order: str
    """The order of bytes, as `struct` writes it."""
    is_big: bool
    """Whether offsets have 64 bits."""

    @classmethod
    def of(cls, data: Any) -> Self | None:
        """Return the block that begins at the first byte or behind `Exif`.

        Args:
            data: The bytes, or a file that is mapped into memory.

        Returns:
            The block; None, if there is none.

        """
        start = 6 if data[:6] == b"Exif\0\0" else 0
        kinds = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
        layout = kinds.get(bytes(data[start : start + 4]))
        return None if layout is None else cls(data, start, *layout)

    def first_folder(self) -> Folder:
        """Return the folder of the first page."""
        return self.folder(next(iter(self._unpack("Q", 8) if self.is_big else self._unpack("I", 4)), 0))

    def folder(self, offset: int) -> Folder:
        """Return the folder at an offset; of one that is cut short, the tags that are there."""
        head, entry, length, inline = ("Q", "HHQ", 20, 8) if self.is_big else ("H", "HHI", 12, 4)
        count = min(next(iter(self._unpack(head, offset)), 0), _MAX_ENTRIES) if offset else 0
        first, offset_code = offset + struct.calcsize("<" + head), "Q" if self.is_big else "I"
        tags: dict[int, Tag] = {}
        for position in range(first, first + length * count, length):
            fields, value_field = self._unpack(entry, position), position + length - inline
            pointer = self._unpack(offset_code, value_field)
            if not fields or not pointer:
                break
            tag, kind, size = fields
            tags.setdefault(tag, Tag(kind, size, pointer[0] if _bytes(kind, size) > inline else value_field))
        next_offset = self._unpack(offset_code, first + length * count) if count else ()
        return Folder(tags, next(iter(next_offset), 0))

    def values(self, tag: Tag | None) -> tuple[int, ...]:
        """Return the numbers of a tag, of a fraction two; none of a missing, too long or damaged one."""
        if tag is None or tag.kind not in _NUMBER_CODES or not 0 < _bytes(tag.kind, tag.size) <= MAX_VALUE_BYTES:
            return ()
        return self._unpack(_NUMBER_CODES[tag.kind] * tag.size, tag.offset)

    def integer(self, offset: int) -> int:
        """Return the 32 bits at an offset; 0 beyond the end."""
        return next(iter(self._unpack("I", offset)), 0)

    def replace(self, data: bytearray, tag: Tag, values: Sequence[int]) -> None:
        """Write other numbers over the value of a tag, unless that is damaged.

        Args:
            data: A copy of the block's bytes, which is changed.
            tag: A tag of single numbers that are not fractions.
            values: As many numbers as the tag has.

        """
        code = _NUMBER_CODES.get(tag.kind, "")
        if len(code) == 1 and len(values) == len(self.values(tag)):
            struct.pack_into(f"{self.order}{len(values)}{code}", data, self.start + tag.offset, *values)

    def text(self, tag: Tag) -> str:
        """Write the value of a tag as text: a fraction as `28/10`, several numbers with spaces between them."""
        if tag.kind == _TEXT_TYPE:
            first = self.start + tag.offset
            return _readable(bytes(self.data[first : first + min(tag.size, MAX_VALUE_BYTES)]).split(b"\0")[0])
        group_size = len(_NUMBER_CODES.get(tag.kind, "-"))
        values = iter(self.values(tag))
        return " ".join("/".join(map(str, group)) for group in zip(*[values] * group_size, strict=True))

    def _unpack(self, code: str, offset: int) -> tuple[Any, ...]:
        """Read numbers; none beyond the end."""
        try:
            return struct.unpack_from(self.order + code, self.data, self.start + offset)
        except (struct.error, OverflowError):
            return ()


def _bytes(kind: int, count: int) -> int:
    """Return the length of a value; 0, if its type is none that is read."""
    return count if kind == _TEXT_TYPE else count * struct.calcsize("<" + _NUMBER_CODES.get(kind, ""))


def _readable(text: bytes) -> str:
    """Decode a text, and make a space of what cannot be printed."""
    try:
        letters = text.decode()
    except UnicodeDecodeError:
        letters = text.decode("latin-1")
    return "".join(letter if letter.isprintable() else " " for letter in letters).strip()
