"""The record of what a job has painted: the job with its changes, in `run.json` in its folder, which may be moved."""

import json
from pathlib import Path

from impasto.jobs.job import Job
from impasto.web.files import write_text

__all__ = ["read", "write"]

_FOLDER = "{folder}"
"""What a record says instead of the path of the folder."""


def write(job: Job, path: Path) -> None:
    """Write a job with its changes, as it is painted.

    Args:
        job: The job, whose files are in the folder of the record.
        path: The record, which is replaced.

    """
    write_text(path, job.model_dump_json(exclude_defaults=True).replace(_quote(path.parent), _FOLDER))


def read(path: Path) -> Job:
    """Read a job with its changes, as it was painted.

    Args:
        path: The record.

    Returns:
        The job.

    """
    return Job.from_json(path.read_text(encoding="utf-8").replace(_FOLDER, _quote(path.parent)))


def _quote(folder: Path) -> str:
    """Return a path as the inside of a text in JSON."""
    return json.dumps(str(folder), ensure_ascii=False)[1:-1]
