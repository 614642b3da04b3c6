"""Bytes that are cached on disk for later processes: with the compiled Python code, or in the user's cache folder.

Errors are ignored, since what is cached can be made again.
"""

import hashlib
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from impasto.errors import InputError, WriteError
from impasto.files import atomic_write

__all__ = ["read", "user_cache", "write"]


def user_cache() -> Path | None:
    """Return the user's cache folder for this package, or None where there is no home folder."""
    try:
        folder = user_cache_path("impasto")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # "~", in earlier versions of platformdirs


def read(name: str) -> bytes | None:
    """Return what `write` stored under a name; None if there is nothing, or if it is damaged."""
    for folder in _folders():
        with suppress(OSError):
            data = (folder / name).read_bytes()
            digest, content = data[:32], data[32:]
            if hashlib.sha256(content).digest() == digest:
                return content
    return None


def write(name: str, content: bytes) -> None:
    """Store bytes under a name in the first folder that can be written, if there is one.

    Args:
        name: A relative path.
        content: The bytes; their SHA-256 is stored with them.

    """
    for folder in _folders():
        path = folder / name
        with suppress(OSError, WriteError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path, overwrite=True) as temporary:
                temporary.write_bytes(hashlib.sha256(content).digest() + content)
            return


def _folders() -> list[Path]:
    """List the folders to cache files in, in the order in which they are tried."""
    folders = [Path(__file__).parent / "__pycache__", user_cache()]
    return [folder for folder in folders if folder is not None]
