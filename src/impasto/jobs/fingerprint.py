"""A hash of all that a picture depends on: the options of its job and the bytes of its files.

A picture that has the same fingerprint in its metadata need not be painted again.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from impasto.errors import InputError
from impasto.files import reason
from impasto.jobs.job import NOTED, Job

__all__ = ["FINGERPRINT", "file_hash", "fingerprint"]

FINGERPRINT = "fingerprint"
"""The name of the hash in the metadata of a picture."""


def fingerprint(job: Job) -> str | None:
    """Return a hash of the options and the inputs of a job, wherever its files are and however it is computed.

    Args:
        job: The job.

    Returns:
        64 hexadecimal digits; None for a job with a picture in memory.

    Raises:
        InputError: a file cannot be read.

    """
    jobs = [job, *(change.job for change in job.changes)]
    pictures = [source for each in jobs for source in (each.content, each.initial, *(s.picture for s in each.styles))]
    if not all(source is None or isinstance(source, Path) for source in pictures):
        return None
    hashes = {str(path): file_hash(path) for each in jobs for path in each.inputs}
    options = _hashed(job.model_dump(mode="json", include=NOTED), hashes)
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        InputError: the file cannot be read.

    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        said = reason(error) if isinstance(error, OSError) else "it holds a zero byte"
        raise InputError(f"{path} cannot be read: {said}; give another file.") from error


def _hashed(value: Any, hashes: Mapping[str, str]) -> Any:
    """Return values of JSON with the hash of its file in place of each path; a mask may have a color behind it."""
    if isinstance(value, str):
        path, _, color = value.rpartition("#")
        return hashes.get(value) or (f"{hashes[path]}#{color}" if path in hashes else value)
    if isinstance(value, dict):
        return {name: _hashed(each, hashes) for name, each in cast("dict[str, Any]", value).items()}
    return [_hashed(each, hashes) for each in cast("list[Any]", value)] if isinstance(value, list) else value
