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

__all__ = ["available", "using"]


class _Block:
    """A block in which a number of threads is set."""


class _ThreadState(threading.local):
    """The number that one thread of Python has set; None outside of all blocks."""

    count: int | None = None


_lock = threading.RLock()
_blocks: WeakSet[_Block] = WeakSet()
_state = _ThreadState()
_default = 1
"""The number of the process outside of all blocks."""


def available() -> int:
    """Return how many cores this process may use, an equal part of them each; torch does not know of containers."""
    _, processes = local_rank()
    return max(1, cores() // processes)


@contextmanager
def using(count: int) -> Generator[None, None, None]:
    """Use `count` threads of the processor for this thread's operations in a block, and the previous number after it.

    A thread that has not computed yet would take the number that another block has just set for that of the process;
    so `_default` is read before the first of all blocks that overlap.

    Args:
        count: The number of threads, at least 1.

    """
    global _default  # noqa: PLW0603 (of the whole process, as torch's is)
    block, outer_count = _Block(), _state.count
    with _lock:
        _default = _default if _blocks else torch.get_num_threads()
        _blocks.add(block)
    try:
        _state.count = count
        torch.set_num_threads(count)
        yield
    finally:
        _state.count = outer_count
        torch.set_num_threads(outer_count or _default)
        _blocks.discard(block)
