"""The process in which libvips computes: its threads do not survive a fork, and a forked child would wait for ever.

It knows nothing of images. Every module that lets libvips compute calls `check_process` first.
"""

import os
from functools import cache

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
    """Return the process that asked first; a forked child inherits the answer."""
    return os.getpid()
