"""Patterns of names, such as `{content}-{style}.png`, and names that clash."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from impasto import files
from impasto.errors import InputError
from impasto.jobs.job import Job
from impasto.settings import Settings

__all__ = [
    "DEFAULT_PATTERN",
    "PATTERN_NAMES",
    "check_pattern",
    "fill",
    "name_values",
    "refuse_clashes",
    "result_path",
]

DEFAULT_PATTERN = "{content}-{style}.png"
"""The names of results if no other pattern is given."""

_FIELD = re.compile(r"\{(\w*)\}")
_NO_NAME = re.compile(r'[<>:"/\\|?*]')
"""A character that names of files cannot have, on one system or another."""

_PLAIN = (str, int, float)


def check_pattern(pattern: str, names: Sequence[str]) -> None:
    """Refuse a pattern with a name in braces that is not known.

    Args:
        pattern: The pattern.
        names: The names that may be in braces.

    Raises:
        InputError: another name is in braces.

    """
    for name in _FIELD.findall(pattern):
        if name not in names:
            accepted = ", ".join(f"{{{known}}}" for known in names)
            raise InputError(f"the name {pattern} cannot have {{{name}}}; it may have {accepted}.")


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Fill a pattern with values.

    Args:
        pattern: A checked pattern, such as `{content}-{style}.png`.
        values: The value of each name that the pattern has in braces; empty for a folder if there is none.

    Returns:
        The pattern with values in place of names.

    """
    name = _FIELD.sub(lambda match: values[match[1]], pattern)
    separators = os.sep + (os.altsep or "")
    return name if pattern.startswith(tuple(separators)) else name.lstrip(separators)


def name_values(job: Job) -> dict[str, str]:
    """Return the values of a pattern for a job: names of its files, and each setting that is text or a number.

    Args:
        job: The job, with its content and styles.

    Returns:
        `content`, `style` and the names of settings, each with its value.

    """
    settings = {name: _as_name(value) for name, value in job.settings if isinstance(value, _PLAIN)}
    style = "+".join(_stem(each.picture) for each in job.styles)
    return {"content": _stem(job.content), "style": style, **settings}


PATTERN_NAMES = ("content", "style", "folder", *(name for name, value in Settings() if isinstance(value, _PLAIN)))
"""The names that may be in the pattern of results."""


def _stem(source: object) -> str:
    """Return the name of a source without its folder and its suffix."""
    return source.stem if isinstance(source, Path) else "picture"


def _as_name(value: object) -> str:
    """Write a value of an option as a part of a name."""
    return f"{value:g}" if isinstance(value, float) else _NO_NAME.sub("-", str(value))


def refuse_clashes(jobs: Iterable[object]) -> int:
    """Refuse two results of one name; a million results take 8 MB.

    Args:
        jobs: The jobs, which are listed again if two results may be equal; anything else among them is passed over.

    Returns:
        The number of results.

    Raises:
        InputError: two results have the same path.

    """
    import numpy as np  # noqa: PLC0415 (not for help)

    hashes = np.fromiter((hash(files.name_key(name)) for name in _output_names(jobs)), dtype=np.int64)
    order = np.argsort(hashes, kind="stable")
    repeated = {int(each) for each in hashes[order][1:][hashes[order][1:] == hashes[order][:-1]]}
    numbers: dict[str, int] = {}
    for number, name in enumerate(_output_names(jobs) if repeated else (), start=1):
        key = files.name_key(name)
        if hash(key) in repeated and numbers.setdefault(key, number) != number:
            raise InputError(
                f"two pictures would be saved as {name}, the results of the jobs {numbers[key]} and {number}; give "
                f"them names with --name, such as {{folder}}-{DEFAULT_PATTERN} or {{content}}-{{style}}-{{size}}.png."
            )
    return len(hashes)


def _output_names(jobs: Iterable[object]) -> Iterator[str]:
    return (str(job.output) for job in jobs if isinstance(job, Job))


def result_path(root: Path, folder: Path, name: str) -> Path:
    """Return the path of a result below a folder.

    Args:
        root: The folder of all results.
        folder: The folder below it.
        name: The name of the result, perhaps with folders.

    Returns:
        The path; its name is shortened to what the file system accepts.

    Raises:
        InputError: the name leads out of the folder.

    """
    path = files.sibling(root / folder / name, "")
    if Path(name).anchor or ".." in Path(name).parts:  # Windows has anchors of relative paths: a drive, or a slash
        raise InputError(f"the name {name} leads out of {root}; give one without .. and without a / at its beginning.")
    return path
