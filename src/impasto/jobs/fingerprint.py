"""A hash of all that a picture depends on: the options of its job and the bytes of its files.

A picture that has the same fingerprint in its metadata need not be painted again.
"""

import hashlib
import json
from pathlib import Path

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
    if job.has_pictures:
        return None
    hashed = job.with_files({str(path): file_hash(path) for path in job.all_inputs})
    options = hashed.model_dump(mode="json", include=NOTED)
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
