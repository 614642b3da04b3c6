"""How a file appears: whole or not at all. Knows nothing of what is in it."""

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto.errors import InputError, WriteError

__all__ = ["check_target", "reason", "whole"]


def reason(error: OSError) -> str:
    """Say in the system's own words what went wrong, without the number and the path."""
    return (error.strerror or str(error)).lower()


def check_target(path: str | Path, *, overwrite: bool = False) -> Path:
    """Return `path` if a file may be written there, before any work is done for it.

    Raises:
        InputError: it exists and `overwrite` is false, it is a folder, or its folder is missing or read-only.

    """
    path = Path(path)
    folder = path.parent
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'picture.png'}.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists already; choose another name, or allow it to be replaced with --overwrite.")
    if not folder.is_dir():
        raise InputError(f"the folder {folder} does not exist; make it first, or name another for {path.name}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} is read-only; name another for {path.name}.")
    return path


@contextmanager
def whole(path: str | Path, *, overwrite: bool = False) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; at the end it is flushed to disk and renamed, on any error removed.

    The temporary name ends as `path` does, so that a writer which looks at the suffix sees the right one.

    Raises:
        InputError: as `check_target`.
        WriteError: the system refused while writing (full disk, lost folder).

    """
    path = check_target(path, overwrite=overwrite)
    temporary = path.with_name(f".{secrets.token_hex(4)}-{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check_target(path, overwrite=overwrite)
        temporary.replace(path)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {reason(error)}; nothing was left there.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
