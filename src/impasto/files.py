"""Paths that a user names, and files that appear complete or not at all, whatever they contain.

Every path that a user gives is checked here. A name that is too long, a folder that may not be opened, a link that
leads nowhere and an output that is also an input are refused in one sentence.
"""

import hashlib
import os
import platform
import re
import secrets
import stat
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from impasto.errors import InputError, WriteError

__all__ = [
    "atomic_write",
    "check_output",
    "exists",
    "is_same",
    "make_folder",
    "name_key",
    "reason",
    "remove_leftovers",
    "replace",
    "sibling",
    "split_label",
]

MAX_NAME_BYTES = 255
"""The most bytes in the name of a file that all common file systems accept."""

_MAX_SUFFIX_BYTES = 16
"""The most bytes in a suffix that names a format; the suffixes of image files have at most five."""

LEFTOVER_SECONDS = 3600.0
"""Seconds since the last write after which a temporary file is the leftover of a killed process, wherever that ran: far
more than it takes to flush the largest checkpoint to a slow disk."""

BUSY_SECONDS = 2.0
"""Seconds for which `replace` waits until other programs have closed a file, such as a viewer or a virus scanner of
Windows, which look at a new file for a fraction of a second."""

_RETRY_SECONDS = 0.05
"""Seconds from one try to replace a file to the next."""

_INVALID_NAME = 123
"""The error of Windows for a name that no file can have, such as a glob: ERROR_INVALID_NAME."""

_NO_WINDOWS_NAME = re.compile(r'[<>:"|?*\x00-\x1f]|[. ]$')
"""What no name of a file has on Windows; behind a colon it names a hidden stream of another file."""

_TEMPORARY = re.compile(r"\.impasto-[0-9a-f]{8}-([0-9a-f]{8})-([0-9]{1,9})-[0-9a-f]{8}(?:\..*)?", re.DOTALL)
"""The form of a temporary name: hashes of the names of the target and the machine, the process, and a random token."""

_LABEL = re.compile(r"(.+)#([0-9a-fA-F]{6})", re.DOTALL)
"""A path and the color of a label in an image of labels."""


def reason(error: OSError | ValueError) -> str:
    """Return why a path cannot be used: the system's own words, without a number and the path.

    Args:
        error: What the system raised; a ValueError means that the path holds a zero byte.

    Returns:
        A few words, as they follow a colon in a sentence.

    """
    return (error.strerror or str(error)).lower() if isinstance(error, OSError) else "it holds a zero byte"


def exists(path: str | Path) -> bool:
    """Return whether there is a file or folder at `path`; a link is followed.

    Raises:
        InputError: the system cannot tell, since the name is too long or a folder on the way may not be opened.

    """
    try:
        return _status(Path(path)) is not None
    except (OSError, ValueError) as error:
        if getattr(error, "winerror", None) == _INVALID_NAME:
            return False
        raise InputError(f"{path} cannot be looked for: {reason(error)}; give another path.") from error


def is_same(first: str | Path, second: str | Path) -> bool:
    """Return whether two paths lead to the same file.

    Args:
        first: A path; links are followed.
        second: Another path; links are followed.

    Returns:
        Whether both are the same file; False if one of them does not exist.

    """
    with suppress(OSError, ValueError):
        return Path(first).samefile(second)
    return False


def name_key(path: str | Path) -> str:
    """Return a text that is the same for the names of one file, whether it exists or not.

    Args:
        path: A path.

    Returns:
        The path, in lowercase letters on Windows and macOS, whose file systems take them for the others.

    """
    return str(path).casefold() if sys.platform in {"win32", "darwin"} else str(path)


def split_label(source: str) -> tuple[str, str | None]:
    """Split the path of a mask from the color of a label that may follow it.

    Args:
        source: The path, or `FILE#rrggbb`.

    Returns:
        The path, and six lowercase digits; None for no color, also if there is a file of the whole name.

    """
    match = _LABEL.fullmatch(source)
    return (match[1], match[2].lower()) if match and not exists(source) else (source, None)


def sibling(path: Path, ending: str, *, before_suffix: bool = False) -> Path:
    """Return the path of a file in the same folder whose name is that of another file and an ending.

    A name that is too long for a file system is cut before the ending.

    Args:
        path: The other file.
        ending: The text that is added to its name, such as `.checkpoint`.
        before_suffix: Whether the ending is added before the suffix: `picture-00050.png`.

    Returns:
        The path.

    Raises:
        InputError: `path` has no name, such as `.` or `/`.

    """
    if not path.name:
        raise InputError(f"{str(path)!r} is a folder; name a file in it, such as {path / 'picture.png'}.")
    stem, suffix = (path.stem, ending + _suffix(path)) if before_suffix else (path.name, ending)
    max_stem_bytes = MAX_NAME_BYTES - len(os.fsencode(suffix))
    while len(os.fsencode(stem)) > max_stem_bytes:
        stem = stem[:-1]
    return path.with_name(stem + suffix)


def check_output(path: str | Path, *, overwrite: bool = False, inputs: Iterable[str | Path] = ()) -> Path:
    """Return `path` if a file may be written there; it is checked before any work begins.

    Args:
        path: Where the file is to appear; a link is followed.
        overwrite: Whether an existing file may be replaced.
        inputs: Files that the work reads, none of which may be replaced.

    Raises:
        InputError: the file exists and `overwrite` is false, it is a folder or one of the inputs, or its folder is
            missing or read-only.

    """
    if not isinstance(cast("object", path), str | os.PathLike):
        raise InputError(f"{path!r:.80} is not the path of a file; give a text or a pathlib.Path.")
    path = Path(path)
    try:
        return _check_path(path, overwrite=overwrite, inputs=inputs)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {reason(error)}; choose another name or folder.") from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are missing.

    Raises:
        WriteError: the system refused.

    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise WriteError(f"the folder {path} could not be made: {reason(error)}.") from error


def replace(source: Path, target: Path) -> None:
    """Rename a file; a file of the new name is replaced.

    Windows replaces no file that a program has open: then it is tried again for `BUSY_SECONDS`.

    Args:
        source: The file.
        target: Its new path.

    Raises:
        OSError: the system refused.

    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            source.replace(target)
        except PermissionError as error:
            if not hasattr(error, "winerror") or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return


@contextmanager
def atomic_write(
    path: str | Path, *, overwrite: bool = False, part_of: Path | None = None
) -> Generator[Path, None, None]:
    """Yield a temporary path in the folder of `path`, and rename the file there to `path` at the end.

    The file is flushed to disk before it is renamed, and removed on any error. The temporary name has the suffix of
    `path`, since writers choose the format by it. If `path` is a link, the file that it leads to is replaced and the
    link is unchanged. The leftovers of killed processes that wrote the same file are removed first.

    Args:
        path: Where the file is to appear.
        overwrite: Whether an existing file may be replaced.
        part_of: The file of which `path` is a part, such as one process's shard of a checkpoint: the leftovers of any
            part of that file are removed. None means `path` itself.

    Yields:
        The temporary path; the block has to write a file there.

    Raises:
        InputError: no file may be written at `path`: see `check_output`.
        WriteError: the system refused while writing (full disk, lost folder).

    """
    path = check_output(path, overwrite=overwrite)
    target = _resolve_link(path)
    name = _resolve_link(part_of or path).name
    _remove_leftovers(target.parent, name)
    fields = (_short_hash(name), _short_hash(platform.node()), os.getpid(), secrets.token_hex(4))
    temporary = target.with_name(f".impasto-{'-'.join(map(str, fields))}{_suffix(path)}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check_output(path, overwrite=overwrite)
        replace(temporary, target)
    except OSError as error:
        raise WriteError(f"{path} could not be written: {reason(error)}; nothing was left there.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def remove_leftovers(path: Path) -> None:
    """Remove the temporary files of killed processes that wrote a file, or parts of it, with `atomic_write`.

    A temporary file is a leftover if the process in its name ran on this machine and no longer does, or, wherever the
    process ran, if nobody has written to the file for `LEFTOVER_SECONDS`. Errors are ignored. A search in a folder of
    10,000 files takes 13 ms, a tenth of the time in which a checkpoint of 50 MB is written.

    Args:
        path: The file, which need not exist; a link is followed.

    """
    target = _resolve_link(path)
    _remove_leftovers(target.parent, target.name)


def _check_path(path: Path, *, overwrite: bool, inputs: Iterable[str | Path]) -> Path:
    """Return `path`, or raise an InputError if no file may be written there, or an error of the system."""
    target = _resolve_link(path)
    if sys.platform == "win32" and _NO_WINDOWS_NAME.search(target.name):
        raise InputError(
            f"{path} cannot be a file's name on Windows; choose one without < > : \" | ? * and dots at its end."
        )
    status, folder = _status(target), target.parent
    if status is not None and stat.S_ISDIR(status.st_mode):
        raise InputError(f"{path} is a folder; name a file in it, such as {path / 'picture.png'}.")
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise InputError(f"{path} is not a regular file; choose another name.")
    for source in inputs:
        if is_same(target, source):
            raise InputError(f"{path} cannot be written, since it is read as {source}; choose another name.")
    if status is not None and not overwrite:
        raise InputError(
            f"{path} exists already; choose another name, or allow it to be replaced (--overwrite, overwrite=True)."
        )
    if not folder.is_dir() or (not folder.is_absolute() and _is_working_folder_deleted()):
        raise InputError(f"the folder {folder} does not exist; make it first, or name another for {target.name}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} is read-only; name another for {target.name}.")
    return path


def _is_working_folder_deleted() -> bool:
    """Return whether the folder in which this process works is no longer there."""
    try:
        return not Path.cwd().is_dir()
    except FileNotFoundError:
        return True


def _remove_leftovers(folder: Path, name: str) -> None:
    """Remove the temporary files in a folder of killed processes that wrote a file of a name."""
    with suppress(OSError):
        for path in folder.glob(f".impasto-{_short_hash(name)}-*"):
            match = _TEMPORARY.fullmatch(path.name)
            with suppress(OSError):
                if match and _is_leftover(path, machine=match[1], process=int(match[2])):
                    path.unlink()


def _is_leftover(path: Path, *, machine: str, process: int) -> bool:
    """Return whether the process that wrote to a temporary file was killed, as `remove_leftovers` explains."""
    import psutil  # noqa: PLC0415 (only where there is such a file)

    has_ended = machine == _short_hash(platform.node()) and not psutil.pid_exists(process)
    return has_ended or time.time() - path.stat().st_mtime > LEFTOVER_SECONDS


def _short_hash(text: str) -> str:
    """Return eight digits that stand for a name."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _suffix(path: Path) -> str:
    """Return the suffix of a path, or nothing if it is too long to name a format."""
    return path.suffix if len(os.fsencode(path.suffix)) <= _MAX_SUFFIX_BYTES else ""


def _resolve_link(path: Path) -> Path:
    """Return the path of the file that a link leads to, or `path` if it is no link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _status(path: Path) -> os.stat_result | None:
    """Return the system's record of a file, or None if the file does not exist."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
