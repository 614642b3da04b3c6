"""Paths that a user names, and how a file appears there: whole or not at all. Knows nothing of what is in a file.

Every path that a user gives goes through this module: a name that is too long, a folder that may not be opened, a link
that leads nowhere and an output that is an input end in one sentence here.
"""

import os
import secrets
import stat
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path

from impasto.errors import InputError, WriteError

__all__ = ["beside", "check_output", "exists", "is_same", "reason", "whole"]

MAX_NAME_BYTES = 255
"""Bytes of a file's name that every usual file system accepts."""

_MAX_SUFFIX_BYTES = 16
"""Bytes of a suffix that a temporary file takes over; a longer one names no kind of file."""


def reason(error: OSError) -> str:
    """Say in the system's own words what went wrong, without the number and the path."""
    return (error.strerror or str(error)).lower()


def exists(path: str | Path) -> bool:
    """Return whether there is a file or folder at `path`; a link is followed.

    Raises:
        InputError: the system cannot tell, since the name is too long or a folder on the way may not be opened.

    """
    try:
        return _status(Path(path)) is not None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be looked for: {_why(error)}; give another path.") from error


def is_same(one: str | Path, other: str | Path) -> bool:
    """Return whether two paths lead to one file, through links too; False where one of them does not exist."""
    with suppress(OSError, ValueError):
        return Path(one).samefile(other)
    return False


def beside(path: Path, ending: str, *, before_suffix: bool = False) -> Path:
    """Return the path of a file that belongs to another: its name with an ending, cut to what a file system accepts.

    Args:
        path: The other file.
        ending: What is added to its name, such as `.checkpoint`.
        before_suffix: Whether it is added before the suffix: `picture-00050.png`.

    Raises:
        InputError: `path` has no name, such as `.` or `/`.

    """
    if not path.name:
        raise InputError(f"{str(path)!r} is a folder; name a file in it, such as {path / 'picture.png'}.")
    stem, suffix = (path.stem, ending + _suffix(path)) if before_suffix else (path.name, ending)
    room = MAX_NAME_BYTES - len(os.fsencode(suffix))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return path.with_name(stem + suffix)


def check_output(path: str | Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> Path:
    """Return `path` if a file may be written there, before any work is done for it.

    Args:
        path: Where the file is to appear; a link is followed.
        overwrite: Whether a file that is there may be replaced.
        inputs: Files that the work reads, none of which may be replaced.

    Raises:
        InputError: something is there and `overwrite` is false, it is a folder or one of the inputs, or its folder is
            missing or read-only.

    """
    path = Path(path)
    try:
        return _checked(path, overwrite=overwrite, inputs=inputs)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {_why(error)}; choose another name or folder.") from error


@contextmanager
def whole(path: str | Path, *, overwrite: bool = False) -> Generator[Path, None, None]:
    """Yield a temporary path beside `path`; at the end it is flushed to disk and renamed, on any error removed.

    The temporary name ends as `path` does, so that a writer which looks at the suffix sees the right one. Where `path`
    is a link, the file that it leads to is written and the link stays.

    Args:
        path: Where the file is to appear.
        overwrite: Whether a file that is there may be replaced.

    Raises:
        InputError: as `check_output`.
        WriteError: the system refused while writing (full disk, lost folder).

    """
    path = check_output(path, overwrite=overwrite)
    target = _followed(path)
    temporary = target.with_name(f".impasto-{secrets.token_hex(4)}{_suffix(path)}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check_output(path, overwrite=overwrite)
        temporary.replace(target)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {reason(error)}; nothing was left there.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _checked(path: Path, *, overwrite: bool, inputs: Iterable[str | Path]) -> Path:
    """Return `path`, or refuse it with an InputError; other errors are the system's."""
    target = _followed(path)
    there, folder = _status(target), target.parent
    if there is not None and stat.S_ISDIR(there.st_mode):
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'picture.png'}.")
    if there is not None and not stat.S_ISREG(there.st_mode):
        raise InputError(f"{path} is not a regular file; choose another name.")
    for source in inputs:
        if is_same(target, source):
            raise InputError(f"{path} cannot be written, since it is read as {source}; choose another name.")
    if there is not None and not overwrite:
        raise InputError(f"{path} exists already; choose another name, or allow it to be replaced with --overwrite.")
    if not folder.is_dir() or folder.stat().st_nlink == 0:  # without a link, the working folder was deleted
        raise InputError(f"the folder {folder} does not exist; make it first, or name another for {target.name}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} is read-only; name another for {target.name}.")
    return path


def _suffix(path: Path) -> str:
    """Return the suffix of a path, or nothing where it is too long to name a kind of file."""
    return path.suffix if len(os.fsencode(path.suffix)) <= _MAX_SUFFIX_BYTES else ""


def _followed(path: Path) -> Path:
    """Return the path of the file that a link leads to, or `path` where it is no link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _status(path: Path) -> os.stat_result | None:
    """Return the system's record of a file, or None where there is none."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _why(error: OSError | ValueError) -> str:
    """Say why a path cannot be used; a ValueError is a zero byte in it."""
    return reason(error) if isinstance(error, OSError) else "it holds a zero byte"
