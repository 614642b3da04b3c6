"""A hash of everything that a picture depends on: the options of its job and the bytes of its files.

A picture that has the same fingerprint in its metadata need not be painted again.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from impasto.errors import InputError
from impasto.files import reason
from impasto.jobs.job import NOTED, Job

__all__ = ["FINGERPRINT", "file_hash", "fingerprint"]

FINGERPRINT = "fingerprint"
"""The name of the hash in the metadata of a picture."""

MAX_HASHES = 1024
"""Files whose hashes are cached: the paintings of many jobs, and weights, which have 80 MB or more."""


def fingerprint(job: Job) -> str | None:
    """Return a hash of the options and the inputs of a job, wherever its files are and however it is computed.

    Args:
        job: The job.

    Returns:
        64 hexadecimal digits; None for a job with a picture in memory.

    Raises:
        InputError: a file cannot be read.

    """
    if job.has_pictures:
        return None
    weights = Path(job.settings.weights)
    files = [*job.all_inputs, *([weights] if weights.is_file() else [])]
    hashed = job.with_files({str(path): file_hash(path) for path in files})
    options = {**hashed.model_dump(mode="json", include=NOTED), "seconds": job.runtime.seconds}
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file; one that was hashed before, and not changed since, is not read again.

    Raises:
        InputError: the file cannot be read.

    """
    try:
        status = path.stat()
        return _hash(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError) as error:
        said = reason(error) if isinstance(error, OSError) else "it holds a zero byte"
        raise InputError(f"{path} cannot be read: {said}; give another file.") from error


@lru_cache(MAX_HASHES)
def _hash(path: Path, changed: int, size: int) -> str:  # noqa: ARG001 (they tell versions of the file apart)
    """Return the SHA-256 of a version of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
