"""JSON and text files that appear whole, and zip files of jobs."""

import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from impasto.files import atomic_write

__all__ = ["read_json", "write_json", "write_text", "write_zip"]


def write_zip(target: Path, folders: Iterable[Path]) -> None:
    """Write the files of jobs into a zip file; checkpoints, logs and unfinished files are left out.

    Args:
        target: The zip file.
        folders: The folders of the jobs.

    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for folder in folders:
            for path in sorted(folder.rglob("*")):
                is_excluded = path.suffix in {".checkpoint", ".lock", ".jsonl"} or path.name.startswith(".impasto-")
                with suppress(FileNotFoundError):  # the worker has removed it
                    if path.is_file() and not path.is_symlink() and not is_excluded:
                        archive.write(path, path.relative_to(folder.parent))


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a JSON file; a missing or damaged file gives an empty one."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def write_json(path: Path, value: object) -> None:
    """Write a JSON file, whole or not at all.

    Args:
        path: The file, which is replaced.
        value: What JSON can hold.

    """
    write_text(path, json.dumps(value))


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
        path: The file, which is replaced.
        text: Its text.

    """
    with atomic_write(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
