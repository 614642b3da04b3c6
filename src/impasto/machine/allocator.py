"""Which blocks of memory stay with the process when they are freed.

A block that the system gives is filled with zeros, page by page, when it is first written, and an evaluation frees and
takes blocks all the time: so to keep them saves time. By itself the GNU C library keeps those below 32 MB, and in the
holes between them half as much memory can lie idle as is in use. On a GPU, PyTorch's allocator does the same with
segments of memory; segments that can be expanded leave fewer holes, and take 0.2 s longer to set up.
"""

import ctypes
import os
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from impasto.planning.footprint import Caching, Overhead

__all__ = ["keep", "keeping", "overheads", "trim"]

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""Parameters of mallopt(3)."""

_ALLOCATOR_VARIABLES = {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}
"""With which users say how PyTorch's allocator takes a GPU's memory."""

_KEEPING: Mapping[Caching, Mapping[int, int]] = {
    "all": {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1},
    "small": {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20},
    "none": {_MMAP_MAX: 65536, _MMAP_THRESHOLD: 1 << 19, _TRIM_THRESHOLD: 1 << 20},
}
"""Small ones are what the library comes to by itself in a process that uses large blocks."""


_OVERHEADS: Mapping[Caching, Overhead] = {"all": Overhead(1.75), "small": Overhead(1, 0.2e9), "none": Overhead()}
"""What is taken of a processor's memory beyond the need, the fastest first: docs/notes/speed.md."""

_GPU_OVERHEADS: Mapping[Caching, Overhead] = {"all": Overhead(1.5, 0.3e9), "none": Overhead(1.15, 0.15e9)}
"""What is taken of a GPU's memory beyond the need, the fastest first: docs/notes/gpu.md."""


def overheads(device: torch.device) -> Mapping[Caching, Overhead]:
    """Return what is taken of a device's memory beyond the need, by what stays with the process, the fastest first."""
    return _OVERHEADS if device.type == "cpu" else _GPU_OVERHEADS


@contextmanager
def keeping(which: Caching) -> Generator[None, None, None]:
    """Keep these until the end, and give back what is free then."""
    keep(which)
    try:
        yield
    finally:
        keep("small")
        trim()


def trim() -> None:
    """Give back what is free."""
    library = _library()
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def keep(which: Caching) -> None:
    """Keep these for what is taken next, and give back the others; without the GNU library, change nothing."""
    library = _library()
    set_allocator = getattr(torch._C, "_accelerator_setAllocatorSettings", None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    if set_allocator and torch.cuda.is_initialized() and not _ALLOCATOR_VARIABLES & set(os.environ):
        set_allocator(f"expandable_segments:{which == 'none'}")
    for parameter, value in _KEEPING[which].items() if hasattr(library, "mallopt") else ():
        library.mallopt(parameter, value)


def _library() -> Any:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
