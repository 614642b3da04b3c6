"""The memory allocator: the blocks of memory that stay cached in the process when they are freed.

A block that the system gives is filled with zeros, page by page, when it is first written, and an evaluation frees and
takes blocks all the time: so caching them saves time. By itself the GNU C library caches those below 32 MB, and in the
holes between them half as much memory can be idle as is in use. On a GPU, PyTorch's allocator does the same with
segments of memory; segments that can be expanded leave fewer holes, and take 0.2 s longer to set up.

The library's parameters are those of the whole process. A run sets them for an evaluation at a time; where several runs
evaluate at once, those of the one that is shortest of memory hold.
"""

import ctypes
import os
import sys
import threading
from collections.abc import Generator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch

from impasto.planning.footprint import Caching, Overhead

__all__ = ["caching", "overheads", "release"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of mallopt(3)."""

_ALLOCATOR_VARIABLES = {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}
"""The environment variables with which users say how PyTorch's allocator takes a GPU's memory."""

_DEFAULT: Caching = "small"
"""What the GNU C library comes to by itself in a process that uses large blocks."""

_PARAMETERS: Mapping[Caching, Mapping[int, int]] = {
    "none": {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 1 << 19, _TRIM_THRESHOLD: 1 << 20},
    "small": {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20},
    "all": {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1},
}
"""The arguments of mallopt by level of caching, in bytes but for a number of blocks."""

_LEVELS: Sequence[Caching] = ("none", "small", "all")
"""The levels of caching, from the one that caches least to the one that caches most."""


class _Block:
    """A block of the program that sets a level of caching."""


_lock = threading.RLock()
_active: MutableMapping[_Block, Caching] = WeakKeyDictionary()
_current_level: Caching | None = None
"""The level that was set last; None: none has been set yet."""


_OVERHEADS: Mapping[Caching, Overhead] = {"all": Overhead(1.75), "small": Overhead(1, 0.2e9), "none": Overhead()}
"""What is taken of a processor's memory beyond the need, the fastest first: docs/notes/speed.md."""

_GPU_OVERHEADS: Mapping[Caching, Overhead] = {"all": Overhead(1.5, 0.3e9), "none": Overhead(1.15, 0.15e9)}
"""What is taken of a GPU's memory beyond the need, the fastest first: docs/notes/gpu.md."""


def overheads(device: torch.device) -> Mapping[Caching, Overhead]:
    """Return what is taken of a device's memory beyond the need, by level of caching, the fastest first."""
    return _OVERHEADS if device.type == "cpu" else _GPU_OVERHEADS


@contextmanager
def caching(level: Caching) -> Generator[None, None, None]:
    """Cache blocks of memory at a level in a block of the program, and as the library does by itself after it.

    Memory that is cached then stays until the library needs it, or until `release`.

    Args:
        level: The blocks of memory to cache; where several blocks of the program overlap, the least level holds.

    """
    block = _Block()
    try:
        with _lock:
            _active[block] = level
            _apply_least_level()
        yield
    finally:
        with _lock:
            _active.pop(block, None)
            _apply_least_level()


def release() -> None:
    """Give what is cached and free back to the system; without the GNU C library, do nothing."""
    library = _library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def _apply_least_level() -> None:
    """Set the least level of the blocks of the program that are under way."""
    global _current_level  # noqa: PLW0603 (of the whole process, as the library's parameters are)
    levels: set[Caching] = set(_active.values()) or {_DEFAULT}
    least: Caching = next(level for level in _LEVELS if level in levels)
    if least != _current_level:
        _set_parameters(least)
        _current_level = least


def _set_parameters(level: Caching) -> None:
    """Set the parameters of the libraries that there are."""
    set_allocator = getattr(torch._C, "_accelerator_setAllocatorSettings", None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if set_allocator and torch.cuda.is_initialized() and not _ALLOCATOR_VARIABLES & set(os.environ):
        set_allocator(f"expandable_segments:{level == 'none'}")
    library = _library()
    for parameter, value in _PARAMETERS[level].items() if hasattr(library, "mallopt") else ():
        library.mallopt(parameter, value)


def _library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
