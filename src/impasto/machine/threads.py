"""How many threads a processor's operations take: a number of the whole process, changed for a block at a time.

PyTorch holds one number for each thread that has computed, and gives a new thread the one that was set last. So each
run sets its own number around what it computes, and sets the process's number again after it: runs with different
numbers in one process do not disturb each other, nor the program around them.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from weakref import WeakSet

import torch

from impasto.machine.processes import local_rank
from impasto.settings.limits import cores

__all__ = ["available", "set_for"]


class _Holder:
    """A block in which a number of threads is set."""


class _Thread(threading.local):
    """What one thread of Python has set."""

    count: int | None = None


_lock = threading.RLock()
_holders: WeakSet[_Holder] = WeakSet()
_own = _Thread()
_default = 1


def available() -> int:
    """Return how many cores this process may use, an equal part of them each; torch does not know of containers."""
    _, processes = local_rank()
    return max(1, cores() // processes)


@contextmanager
def set_for(count: int) -> Generator[None, None, None]:
    """Let this thread's operations take `count` threads of the processor in a block, and as many as before after it.

    A thread that has not computed yet would take the number that another block has just set for that of the process;
    so the latter is noted before the first of all blocks that overlap.
    """
    global _default  # noqa: PLW0603 (of the whole process, as torch's is)
    holder, outer = _Holder(), _own.count
    with _lock:
        _default = _default if _holders else torch.get_num_threads()
        _holders.add(holder)
    try:
        _own.count = count
        torch.set_num_threads(count)
        yield
    finally:
        _own.count = outer
        torch.set_num_threads(outer or _default)
        _holders.discard(holder)
