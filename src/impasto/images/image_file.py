"""An image file as bytes, from a path or from memory, with the name that messages give it.

It knows what a readable file is, and nothing of its contents.
"""

import mmap
import stat
from pathlib import Path
from typing import Any, NamedTuple, Self

import pyvips

from impasto.errors import PictureError
from impasto.files import reason

__all__ = ["READABLE_KINDS", "ImageFile"]

READABLE_KINDS = "a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIC file"
"""What messages offer in place of what cannot be read."""


class ImageFile(NamedTuple):
    """The bytes of an image file that is not empty."""

    name: str
    """What messages call it: its path, or what it was given as."""
    data: bytes | mmap.mmap
    source: Any
    """The bytes as a libvips source."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map a file into memory, of which only what is looked at is read.

        The file is opened here and not by libvips, which reads `[...]` at the end of a name as options.

        Raises:
            PictureError: the file is missing, empty, not a regular file, or may not be read.

        """
        try:
            mode = path.stat().st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
                raise PictureError(f"{path} is {kind}; give {READABLE_KINDS}.")
            with path.open("rb", buffering=0) as file:
                if path.stat().st_size == 0:
                    raise PictureError(f"{path} is empty; give {READABLE_KINDS}.")
                source = pyvips.Source.new_from_descriptor(file.fileno())  # which duplicates the descriptor
                return cls(str(path), mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), source)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            cause = reason(error) if isinstance(error, OSError) else str(error)
            raise PictureError(f"{path} cannot be read: {cause}; give a picture's path.") from error

    @classmethod
    def of_bytes(cls, name: str, data: bytes) -> Self:
        """Take the bytes of an image file.

        Args:
            name: What messages call it.
            data: Its bytes.

        Returns:
            The file.

        Raises:
            PictureError: there are none.

        """
        if not data:
            raise PictureError(f"{name} is empty; give the bytes of {READABLE_KINDS}.")
        return cls(name, data, pyvips.Source.new_from_memory(data))

    def with_data(self, data: bytes) -> Self:
        """Return the file with other bytes."""
        return self._replace(data=data, source=pyvips.Source.new_from_memory(data))
