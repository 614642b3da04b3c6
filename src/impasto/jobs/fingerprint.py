"""Hashes in the metadata of a picture: of everything that it depends on, and of each file that it was painted from.

A picture that has the same fingerprint in its metadata need not be painted again. The hash of each file tells it from
another file of the same name.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from impasto.errors import InputError
from impasto.files import exists, reason
from impasto.jobs.job import NOTE_FIELDS, Job

__all__ = ["FILES", "FINGERPRINT", "file_hash", "file_hashes", "fingerprint", "replaced_file"]

FINGERPRINT = "fingerprint"
"""The name of the hash in the metadata of a picture."""

FILES = "files"
"""The name in the metadata of a picture of the hashes of its files, by their paths."""

HASH_DIGITS = 16
"""Hexadecimal digits of the hash of a file in metadata: 64 bits, so that two files of one name differ in them."""

MAX_HASHES = 1024
"""Files whose hashes are cached: the paintings of many jobs, and weights, which have 80 MB or more."""


def fingerprint(job: Job, hashes: dict[Path, str] | None = None) -> str | None:
    """Return a hash of the options and the inputs of a job, wherever its files are and however it is computed.

    Args:
        job: The job.
        hashes: The hashes of files when they were opened, by path; those of other files are added. By default none.

    Returns:
        64 hexadecimal digits; None for a job with a picture in memory.

    Raises:
        InputError: a file cannot be read.

    """
    if job.has_pictures:
        return None
    hashed_job = job.with_files({str(path): _cached_hash(path, hashes) for path in _named_files(job)})
    options = {**hashed_job.model_dump(mode="json", include=NOTE_FIELDS), "seconds": job.runtime.seconds}
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def file_hashes(job: Job, original: Job | None = None, hashes: dict[Path, str] | None = None) -> dict[str, str]:
    """Return the hashes of the pictures, masks and weights that a job and its changes read.

    Args:
        job: The job.
        original: The job that the metadata name, if the files of `job` are copies of its files; None: `job` itself.
        hashes: The hashes of files when they were opened, by path; those of other files are added. By default none.

    Returns:
        `HASH_DIGITS` hexadecimal digits by the path of each file of `original`; empty for a job with a picture in
        memory.

    Raises:
        InputError: a file cannot be read.

    """
    if job.has_pictures:
        return {}
    names = job if original is None else original
    pairs = zip(_named_files(names, weights_of=job), _named_files(job), strict=True)
    return {str(name): _cached_hash(path, hashes)[:HASH_DIGITS] for name, path in pairs}


def replaced_file(job: Job, recorded: object) -> Path | None:
    """Return the first file of a job in whose place there is another one.

    Args:
        job: The job that the metadata of a picture name.
        recorded: What the metadata hold of `file_hashes`; None, if the picture was painted before they held it. A file
            without a hash is not compared.

    Returns:
        The path; None, if each file that is there is the one that the picture was painted from.

    Raises:
        InputError: a file cannot be read.

    """
    hashes: Mapping[Any, Any] = cast("Mapping[Any, Any]", recorded) if isinstance(recorded, Mapping) else {}
    compared = (path for path in _named_files(job) if str(path) in hashes and exists(path))
    return next((path for path in compared if file_hash(path)[:HASH_DIGITS] != hashes[str(path)]), None)


def _named_files(job: Job, weights_of: Job | None = None) -> list[Path]:
    """Return the files that a job and its changes read, one for each place at which the job names a file.

    Args:
        job: The job.
        weights_of: The job whose weights are files, where those of `job` are; None: `job` itself.

    """
    files: list[Path] = []
    for each, other in zip(_with_changes(job), _with_changes(weights_of or job), strict=True):
        has_weights_file = Path(other.settings.weights).is_file()
        files += [*each.inputs, *([Path(each.settings.weights)] if has_weights_file else [])]
    return files


def _with_changes(job: Job) -> list[Job]:
    """Return a job and the jobs of its changes."""
    return [job, *(change.job for change in job.changes)]


def _cached_hash(path: Path, hashes: dict[Path, str] | None) -> str:
    """Return the hash of a file; a file whose hash is known may have been changed or deleted since."""
    if hashes is None:
        return file_hash(path)
    if path not in hashes:
        hashes[path] = file_hash(path)
    return hashes[path]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; one that was hashed before, and not changed since, is not read again.

    Raises:
        InputError: the file cannot be read.

    """
    try:
        status = path.stat()
        return _hash(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: {reason(error)}; give another file.") from error


@lru_cache(MAX_HASHES)
def _hash(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 (they tell versions of the file apart)
    """Return the SHA-256 of a version of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
