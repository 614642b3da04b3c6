"""The libraries of the extra `film`, which are imported only where a film is painted."""

from importlib import import_module
from typing import Any

from impasto.errors import import_of_extra

__all__ = ["library"]


def library(name: str) -> Any:
    """Import a library of the extra.

    Args:
        name: av, which reads and writes films, or cv2, which computes optical flow.

    Returns:
        The module.

    Raises:
        InputError: it is not installed.

    """
    with import_of_extra("film", "films need impasto's extra film"):
        return import_module(name)
