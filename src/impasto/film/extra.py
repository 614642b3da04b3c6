"""The libraries of the extra `film`, which are imported only where a film is painted."""

from importlib import import_module
from typing import Any

from impasto.errors import InputError, install_command

__all__ = ["library"]


def library(name: str) -> Any:
    """Import a library of the extra.

    Args:
        name: av, which reads and writes films, or cv2, which computes optical flow.

    Raises:
        InputError: it is not installed.

    """
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"films need impasto's extra film; run {install_command('film')}.") from None
