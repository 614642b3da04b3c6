"""The process in which libvips computes: its threads do not survive a fork, and a forked child would wait for ever.

libvips caches no operation there, since a cached one keeps the file open that it read: Windows neither replaces nor
deletes an open file. It knows nothing of images. Every module that lets libvips compute calls `check_process` first.
"""

import os
from functools import cache

import pyvips

from impasto.errors import RunError

__all__ = ["check_process"]


def check_process() -> None:
    """Refuse to compute in a process that was forked from one in which libvips had computed already.

    Raises:
        RunError: this process is such a child.

    """
    first = _first_process()
    if first != os.getpid():
        raise RunError(
            f"process {os.getpid()} was forked from process {first}, which had opened or saved a picture already, and "
            "the threads that read pictures do not survive a fork; start such processes with "
            'multiprocessing.get_context("spawn"), or open no picture before the fork.'
        )


@cache
def _first_process() -> int:
    """Return the process that asked first, and end its cache of operations; a forked child inherits the answer."""
    pyvips.cache_set_max(0)
    return os.getpid()
