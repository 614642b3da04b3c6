"""Whether memory that is freed stays with the process.

The GNU C library gives blocks above 32 MB back to the system; a new one is filled with zeros, page by page, when it is
first written. An evaluation frees and takes such blocks all the time.
"""

import ctypes
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

__all__ = ["keeping"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of mallopt(3)."""

_KEEPING = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}
_GIVING_BACK = {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
"""What the library comes to by itself in a process that uses large blocks."""


@contextmanager
def keeping(*, wanted: bool = True) -> Generator[None, None, None]:
    """Keep what is freed for what is taken next, then give it back; without the GNU library, change nothing."""
    library: Any = ctypes.CDLL(None) if wanted and sys.platform == "linux" else None
    if not hasattr(library, "mallopt"):
        yield
        return
    _set(library, _KEEPING)
    try:
        yield
    finally:
        _set(library, _GIVING_BACK)
        library.malloc_trim(0)


def _set(library: Any, parameters: dict[int, int]) -> None:
    for parameter, value in parameters.items():
        library.mallopt(parameter, value)
