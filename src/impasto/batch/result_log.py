"""The log of results: a line of JSON for each job that ended, appended to a file as soon as it is known."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from impasto.batch.outcome import Outcome
from impasto.errors import WriteError
from impasto.files import make_folder, reason

__all__ = ["LOG_NAME", "ResultLog", "latest"]

LOG_NAME = "results.jsonl"
"""The name of the log in the folder of the results, if no other is given."""


class ResultLog:
    """A file to which outcomes are appended; several drivers may append to one.

    Args:
        path: The file; it is made if it does not exist.

    Raises:
        WriteError: the file cannot be written.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        make_folder(path.parent)
        try:
            self._file = path.open("a+b", buffering=0)
            if self._is_cut():
                self._file.write(b"\n")
        except OSError as error:
            raise WriteError(
                f"the log {path} could not be written: {reason(error)}; name another with --log."
            ) from error

    def write(self, outcome: Outcome) -> None:
        """Append an outcome, with the time and the folder to which its paths are relative.

        Raises:
            WriteError: the system refused.

        """
        record = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "folder": str(Path.cwd()), **outcome.as_dict()}
        try:
            self._file.write(json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogateescape") + b"\n")
        except OSError as error:
            raise WriteError(f"the log {self.path} could not be written: {reason(error)}.") from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _is_cut(self) -> bool:
        """Return whether the last line has no end: its driver died while it was written."""
        size = self._file.seek(0, os.SEEK_END)
        if size == 0:
            return False
        self._file.seek(-1, os.SEEK_END)
        return self._file.read(1) != b"\n"


def latest(path: Path) -> Iterator[Mapping[str, Any]]:
    """List the last record of each result of a log, in the order in which results first appear.

    A job that was skipped since it was painted before counts as it was painted, if the log says so.

    Args:
        path: The file of the log.

    Yields:
        The records; lines that were cut are left out.

    """
    offsets: dict[str, int] = {}
    with path.open("rb") as file:
        for offset, record in _records(file):
            key = record.get("output") or f"number {record.get('number')}"
            if record.get("state") != "skipped" or key not in offsets:
                offsets[key] = offset
        for offset in offsets.values():
            file.seek(offset)
            yield json.loads(file.readline())


def _records(file: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """List the records of a file with their offsets in it, in bytes."""
    offset = file.tell()
    while line := file.readline():
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield offset, record
        offset += len(line)
