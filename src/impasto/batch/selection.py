"""The photographs that files, folders with all below them, and globs name."""

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
    """A file, and its folder below the folder that was named."""

    path: Path
    folder: Path = Path()
    """The folder of the file, relative to the folder or the fixed beginning of the glob that was named."""


def select(
    sources: Iterable[str | Path], excluded: Path | None = None, *, may_be_empty: bool = False
) -> Iterator[Photograph]:
    """List the photographs that sources name, each once, those of a folder in the order of their paths.

    Args:
        sources: Files, folders and globs, in which `**` stands for any number of folders.
        excluded: A folder whose files are left out: the folder of the results.
        may_be_empty: Whether a folder or a glob may hold no picture.

    Yields:
        The photographs.

    Raises:
        InputError: a file or folder does not exist, or a folder or a glob holds no picture.

    """
    paths: set[Path] = set()
    for source in sources:
        for photograph in _photographs(str(source), excluded, may_be_empty=may_be_empty):
            if photograph.path not in paths:
                paths.add(photograph.path)
                yield photograph


def watch(sources: Sequence[str | Path], excluded: Path | None, paths: Collection[Path]) -> Iterator[Photograph | None]:
    """List the photographs that appear in folders and globs, without end.

    Args:
        sources: Files, folders and globs.
        excluded: A folder whose files are left out.
        paths: The files that are there already.

    Yields:
        Each new photograph once its file has been left alone for `SETTLED_SECONDS`; None when there is nothing new.

    """
    known_paths, next_scan = set(paths), 0.0
    while True:
        if time.monotonic() < next_scan:
            yield None
            continue
        next_scan = time.monotonic() + RESCAN_SECONDS
        for source in map(str, sources):
            for photograph in _list(source, excluded):
                if photograph.path not in known_paths and _is_settled(photograph.path):
                    known_paths.add(photograph.path)
                    yield photograph
        yield None


def _photographs(source: str, excluded: Path | None, *, may_be_empty: bool) -> Iterator[Photograph]:
    """List the photographs that a source names."""
    path = Path(source)
    if not path.is_dir() and exists(path):
        yield Photograph(path)
        return
    if not path.is_dir() and not glob.has_magic(source):
        raise InputError(f"there is no file or folder {source}; name pictures, folders or globs that exist.")
    is_empty = not may_be_empty
    for photograph in _list(source, excluded):
        is_empty = False
        yield photograph
    if is_empty:
        raise InputError(
            f"{source} holds no picture; name a folder or a glob with {', '.join(sorted(SUFFIXES))} files."
        )


def _list(source: str, excluded: Path | None) -> Iterator[Photograph]:
    """List the pictures below a folder, or those that a glob names."""
    return _below(Path(source), excluded) if Path(source).is_dir() else _matching(source, excluded)


def _below(folder: Path, excluded: Path | None) -> Iterator[Photograph]:
    """List the pictures below a folder; hidden files and folders, and the folder of the results, are left out."""
    for name, folders, files in os.walk(folder):
        parent = Path(name)
        folders[:] = sorted(
            each for each in folders if not each.startswith(".") and not _is_same(parent / each, excluded)
        )
        for file in sorted(files):
            if _is_picture(parent / file):
                yield Photograph(parent / file, parent.relative_to(folder))


def _matching(pattern: str, excluded: Path | None) -> Iterator[Photograph]:
    """List the pictures that a glob names."""
    names = Path(pattern).parts
    fixed = Path(*names[: next(n for n, name in enumerate(names) if glob.has_magic(name))])
    for name in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207 (absolute patterns too)
        path = Path(name)
        if _is_picture(path) and path.is_file() and not (excluded and _is_below(path, excluded)):
            yield Photograph(path, path.parent.relative_to(fixed))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _is_same(folder: Path, other: Path | None) -> bool:
    return other is not None and folder.resolve() == other.resolve()


def _is_below(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def _is_settled(path: Path) -> bool:
    """Return whether a file was left alone for a while; one that has gone was not."""
    try:
        return time.time() - path.stat().st_mtime >= SETTLED_SECONDS
    except OSError:
        return False
