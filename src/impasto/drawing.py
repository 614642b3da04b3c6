"""How matplotlib is imported: only where something is drawn, and without a word about its own folders."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["importing_matplotlib"]


@contextmanager
def importing_matplotlib() -> Generator[None, None, None]:
    """Let matplotlib be imported in the block; it takes half a second the first time.

    Where the user's folders cannot be written, matplotlib caches its list of fonts in a temporary folder, which it
    removes at the end. It draws the same, so its warnings on the terminal are of no use.
    """
    logger = logging.getLogger("matplotlib")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
