"""Paths that a user names, and files that appear complete or not at all, whatever they contain.

Every path that a user gives is checked here. A name that is too long, a folder that may not be opened, a link that
leads nowhere and an output that is also an input are refused in one sentence. What is cached on disk, without anybody's
asking, is read and written here too.
"""

import hashlib
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

from platformdirs import user_cache_path

from impasto.errors import InputError, WriteError

__all__ = [
    "beside",
    "check_output",
    "exists",
    "is_same",
    "make_folder",
    "read_cached",
    "reason",
    "remove_left",
    "split_label",
    "user_cache",
    "whole",
    "write_cached",
]

MAX_NAME_BYTES = 255
"""The most bytes in the name of a file that all common file systems accept."""

_MAX_SUFFIX_BYTES = 16
"""The most bytes in a suffix that names a format; the suffixes of image files have at most five."""

LEFT_SECONDS = 3600.0
"""Seconds since the last write after which a temporary file was left by a killed process, wherever that ran: far more
than it takes to flush the largest checkpoint to a slow disk."""

_TEMPORARY = re.compile(r"\.impasto-[0-9a-f]{8}-([0-9a-f]{8})-([0-9]{1,9})-[0-9a-f]{8}(?:\..*)?", re.DOTALL)
"""The form of a temporary name: hashes of the names of the target and the machine, the process, and a random token."""

_LABEL = re.compile(r"(.+)#([0-9a-fA-F]{6})", re.DOTALL)
"""A path and the color of a label in an image of labels."""


def reason(error: OSError) -> str:
    """Return the system's own words for an error, without its number and its path."""
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
    """Return whether two paths lead to the same file.

    Args:
        one: A path; links are followed.
        other: Another path; links are followed.

    Returns:
        Whether both are the same file; False if one of them does not exist.

    """
    with suppress(OSError, ValueError):
        return Path(one).samefile(other)
    return False


def split_label(source: str) -> tuple[str, str | None]:
    """Split the path of a mask from the color of a label that may follow it.

    Args:
        source: The path, or `FILE#rrggbb`.

    Returns:
        The path, and six lowercase digits; None for no color, also if there is a file of the whole name.

    """
    found = _LABEL.fullmatch(source)
    return (found[1], found[2].lower()) if found and not exists(source) else (source, None)


def beside(path: Path, ending: str, *, before_suffix: bool = False) -> Path:
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
        return _checked(path, overwrite=overwrite, inputs=inputs)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be written: {_why(error)}; choose another name or folder.") from error


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where they are missing.

    Raises:
        WriteError: the system refused.

    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise WriteError(f"the folder {path} could not be made: {_why(error)}.") from error


@contextmanager
def whole(path: str | Path, *, overwrite: bool = False, part_of: Path | None = None) -> Generator[Path, None, None]:
    """Yield a temporary path in the folder of `path`, and rename the file there to `path` at the end.

    The file is flushed to disk before it is renamed, and removed on any error. The temporary name has the suffix of
    `path`, since writers choose the format by it. If `path` is a link, the file that it leads to is replaced and the
    link is unchanged. What killed processes left of the same file is removed first, as `remove_left` explains.

    Args:
        path: Where the file is to appear.
        overwrite: Whether an existing file may be replaced.
        part_of: The file of which `path` is a part, such as one process's part of a checkpoint: what was left of any
            part of that file is removed. None means `path` itself.

    Yields:
        The temporary path; the block has to write a file there.

    Raises:
        InputError: no file may be written at `path`: see `check_output`.
        WriteError: the system refused while writing (full disk, lost folder).

    """
    path = check_output(path, overwrite=overwrite)
    target = _followed(path)
    name = _followed(part_of or path).name
    _remove_left(target.parent, name)
    parts = (_short_hash(name), _short_hash(platform.node()), os.getpid(), secrets.token_hex(4))
    temporary = target.with_name(f".impasto-{'-'.join(map(str, parts))}{_suffix(path)}")
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


def remove_left(path: Path) -> None:
    """Remove the temporary files that killed processes left when they wrote a file, or parts of it, with `whole`.

    A temporary file was left if the process in its name ran on this machine and no longer does, or, wherever that ran,
    if nobody has written to the file for `LEFT_SECONDS`. Errors are ignored. In a folder of 10,000 files a look takes
    13 ms, a tenth of the time in which a checkpoint of 50 MB is written.

    Args:
        path: The file, which need not exist; a link is followed.

    """
    target = _followed(path)
    _remove_left(target.parent, target.name)


def user_cache() -> Path | None:
    """Return the user's cache folder for this package, or None where there is no home folder."""
    try:
        folder = user_cache_path("impasto")
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # "~", in earlier versions of platformdirs


def read_cached(name: str) -> bytes | None:
    """Return what `write_cached` stored under a name; None if there is nothing, or if it is damaged."""
    for folder in _caches():
        with suppress(OSError):
            data = (folder / name).read_bytes()
            digest, content = data[:32], data[32:]
            if hashlib.sha256(content).digest() == digest:
                return content
    return None


def write_cached(name: str, content: bytes) -> None:
    """Store bytes under a name for later processes, with the compiled Python code or in the user's cache folder.

    Nothing is said where neither can be written: what is cached can be made again.

    Args:
        name: A relative path.
        content: The bytes; their SHA-256 is stored with them.

    """
    for folder in _caches():
        path = folder / name
        with suppress(OSError, WriteError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path, overwrite=True) as temporary:
                temporary.write_bytes(hashlib.sha256(content).digest() + content)
            return


def _caches() -> list[Path]:
    """List the folders to cache files in, the first that can be written first of all."""
    folders = [Path(__file__).parent / "__pycache__", user_cache()]
    return [folder for folder in folders if folder is not None]


def _checked(path: Path, *, overwrite: bool, inputs: Iterable[str | Path]) -> Path:
    """Return `path`, or raise an InputError if no file may be written there; the system's errors pass through."""
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
        raise InputError(
            f"{path} exists already; choose another name, or allow it to be replaced (--overwrite, overwrite=True)."
        )
    if not folder.is_dir() or folder.stat().st_nlink == 0:  # without a link, the working folder was deleted
        raise InputError(f"the folder {folder} does not exist; make it first, or name another for {target.name}.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"the folder {folder} is read-only; name another for {target.name}.")
    return path


def _remove_left(folder: Path, name: str) -> None:
    """Remove the temporary files in a folder that killed processes left when they wrote a file of a name."""
    with suppress(OSError):
        for each in folder.glob(f".impasto-{_short_hash(name)}-*"):
            found = _TEMPORARY.fullmatch(each.name)
            with suppress(OSError):
                if found and _is_left(each, machine=found[1], process=int(found[2])):
                    each.unlink()


def _is_left(path: Path, *, machine: str, process: int) -> bool:
    """Return whether the process that wrote to a temporary file was killed, as `remove_left` explains."""
    import psutil  # noqa: PLC0415 (only where there is such a file)

    is_gone = machine == _short_hash(platform.node()) and not psutil.pid_exists(process)
    return is_gone or time.time() - path.stat().st_mtime > LEFT_SECONDS


def _short_hash(text: str) -> str:
    """Return eight digits that stand for a name."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:8]


def _suffix(path: Path) -> str:
    """Return the suffix of a path, or nothing if it is too long to name a format."""
    return path.suffix if len(os.fsencode(path.suffix)) <= _MAX_SUFFIX_BYTES else ""


def _followed(path: Path) -> Path:
    """Return the path of the file that a link leads to, or `path` if it is no link."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _status(path: Path) -> os.stat_result | None:
    """Return the system's record of a file, or None if the file does not exist."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _why(error: OSError | ValueError) -> str:
    """Return why a path cannot be used; a ValueError means that it holds a zero byte."""
    return reason(error) if isinstance(error, OSError) else "it holds a zero byte"
