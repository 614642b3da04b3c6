"""The photographs that words name: files, folders with all below them, and globs."""

import glob
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from impasto.errors import InputError
from impasto.files import exists

__all__ = ["SUFFIXES", "Photograph", "select", "watch"]

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif"))
"""The suffixes of the files of a folder that are taken for pictures; a file that is named itself may have any."""

SETTLED_SECONDS = 2.0
"""Seconds since its last change after which a file that appeared is taken to be complete."""

RESCAN_SECONDS = 1.0
"""Seconds from one look into the watched folders to the next."""


class Photograph(NamedTuple):
    """A file, and the folder below the one that was named in which it is."""

    path: Path
    folder: Path = Path()
    """The folder of the file, relative to the folder or the fixed beginning of the glob that was named."""


def select(
    words: Iterable[str | Path], without: Path | None = None, *, may_be_empty: bool = False
) -> Iterator[Photograph]:
    """List the photographs that words name, each once, those of a folder in the order of their paths.

    Args:
        words: Files, folders and globs, in which `**` stands for any number of folders.
        without: A folder whose files are left out: the folder of the results.
        may_be_empty: Whether a folder or a glob may hold no picture.

    Yields:
        The photographs.

    Raises:
        InputError: a file or folder does not exist, or a folder or a glob holds no picture.

    """
    seen: set[Path] = set()
    for word in words:
        for photograph in _found(str(word), without, may_be_empty=may_be_empty):
            if photograph.path not in seen:
                seen.add(photograph.path)
                yield photograph


def watch(words: Sequence[str | Path], without: Path | None, seen: Collection[Path]) -> Iterator[Photograph | None]:
    """List the photographs that appear in folders and globs, without end.

    Args:
        words: Files, folders and globs.
        without: A folder whose files are left out.
        seen: The files that are there already.

    Yields:
        Each new photograph once its file has been left alone for `SETTLED_SECONDS`; None when there is nothing new.

    """
    known, next_look = set(seen), 0.0
    while True:
        if time.monotonic() < next_look:
            yield None
            continue
        next_look = time.monotonic() + RESCAN_SECONDS
        for word in map(str, words):
            for photograph in _below(Path(word), without) if Path(word).is_dir() else _matching(word, without):
                if photograph.path not in known and _is_settled(photograph.path):
                    known.add(photograph.path)
                    yield photograph
        yield None


def _found(word: str, without: Path | None, *, may_be_empty: bool) -> Iterator[Photograph]:
    """List the photographs that a word names."""
    path = Path(word)
    if not path.is_dir() and exists(path):
        yield Photograph(path)
        return
    if not path.is_dir() and not glob.has_magic(word):
        raise InputError(f"there is no file or folder {word}; name pictures, folders or globs that exist.")
    is_empty = not may_be_empty
    for photograph in _below(path, without) if path.is_dir() else _matching(word, without):
        is_empty = False
        yield photograph
    if is_empty:
        raise InputError(f"{word} holds no picture; name a folder or a glob with {', '.join(sorted(SUFFIXES))} files.")


def _below(folder: Path, without: Path | None) -> Iterator[Photograph]:
    """List the pictures below a folder; hidden files and folders, and the folder of the results, are left out."""
    for name, folders, files in os.walk(folder):
        here = Path(name)
        folders[:] = sorted(each for each in folders if not each.startswith(".") and not _is(here / each, without))
        for file in sorted(files):
            if _is_picture(here / file):
                yield Photograph(here / file, here.relative_to(folder))


def _matching(pattern: str, without: Path | None) -> Iterator[Photograph]:
    """List the pictures that a glob names."""
    parts = Path(pattern).parts
    fixed = Path(*parts[: next(n for n, part in enumerate(parts) if glob.has_magic(part))])
    for name in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 (absolute patterns too)
        path = Path(name)
        if _is_picture(path) and path.is_file() and not (without and _is_below(path, without)):
            yield Photograph(path, path.parent.relative_to(fixed))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is(folder: Path, other: Path | None) -> bool:
    return other is not None and folder.resolve() == other.resolve()


def _is_below(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def _is_settled(path: Path) -> bool:
    """Return whether a file was left alone for a while; one that has gone was not."""
    try:
        return time.time() - path.stat().st_mtime >= SETTLED_SECONDS
    except OSError:
        return False
