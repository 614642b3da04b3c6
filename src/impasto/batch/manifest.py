"""A manifest: jobs as lines of JSON, one job a line, read one after another however many there are."""

import codecs
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

from impasto.batch import naming
from impasto.errors import InputError
from impasto.files import reason
from impasto.jobs.job import Job

__all__ = ["STANDARD_INPUT", "Manifest"]

STANDARD_INPUT = Path("-")
"""The path that stands for standard input."""

_MERGED = ("settings", "runtime")
"""The fields of a line that are merged with the fields of the common job."""


@dataclass(frozen=True)
class Manifest:
    """The jobs of a file of JSON lines."""

    path: Path
    """The file, or - for standard input, which is read once."""
    folder: Path = Path()
    """The folder of the results: outputs are relative to it, and a job without an output gets a name there."""
    common: Job = field(default_factory=Job)
    """What all jobs have in common, unless a line says otherwise."""
    pattern: str = naming.DEFAULT_PATTERN
    """The pattern of the names of results whose job names no output."""

    def __post_init__(self) -> None:
        naming.check_pattern(self.pattern, naming.PATTERN_NAMES)
        if self.path != STANDARD_INPUT:
            self._open().close()

    @property
    def is_stream(self) -> bool:
        """Whether the jobs can be read only once."""
        return self.path == STANDARD_INPUT

    def __iter__(self) -> Iterator[Job | InputError]:
        common = self.common.model_dump(mode="json", exclude_defaults=True)
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield self._job(json.loads(line), common)
                except (InputError, ValueError) as error:
                    yield InputError(f"line {number} of {self.path}: {error}")

    def _open(self) -> TextIO:
        if self.is_stream:
            return sys.stdin
        try:
            with self.path.open("rb") as file:
                start = file.read(2)
            encoding = "utf-16" if start in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} else "utf-8-sig"
            return self.path.open(encoding=encoding, errors="replace")  # as editors and shells of Windows write it
        except OSError as error:
            raise InputError(
                f"the manifest {self.path} cannot be read: {reason(error)}; give a file of JSON lines, one job each."
            ) from None

    def _job(self, line: object, common: Mapping[str, Any]) -> Job:
        """Return the job of a line."""
        if not isinstance(line, dict):
            raise InputError('it is no job; give a JSON object, such as {"content": "photo.jpg", "styles": […]}.')
        fields = cast("dict[str, Any]", line)
        merged = {name: {**common.get(name, {}), **fields.get(name, {})} for name in _MERGED}
        values: dict[str, Any] = {**common, **fields, **merged}
        job = Job(**values)
        return job.replace(output=self._output(job))

    def _output(self, job: Job) -> Path:
        """Return the path of the result of a job."""
        if job.output is not None:
            return self.folder / job.output
        name = naming.fill(self.pattern, {**naming.name_values(job), "folder": ""})
        return naming.result_path(self.folder, Path(), name)
