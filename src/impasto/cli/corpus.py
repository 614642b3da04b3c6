"""The command `scripts/corpus DIR`: a table that says how impasto reads each image file in a folder.

The table helps people who report a file with problems. A file that gives neither a picture nor a sentence that refuses
it is a bug in impasto, and the exit code is then 1.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from impasto.errors import ImpastoError
from impasto.images import Picture, profiles

__all__ = ["Row", "main", "rows"]


class Row(NamedTuple):
    """The result of opening a file."""

    file: str
    outcome: str
    """`read`, `refused` or `failed`."""
    read: str
    """Size, bits, transparency and color profile of the picture that was read."""
    message: str
    """What was left out of the picture, or why the file was refused, as it follows the name of the file."""


def rows(folder: Path) -> Iterator[Row]:
    """Open every file below a folder, in the order of the paths, and yield a row for each."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        try:
            picture = Picture.open(path, allow_large=True)
        except ImpastoError as error:
            yield Row(name, "refused", "", _without_path(path, str(error)))
        except Exception as error:  # any other error is a bug, which the table names
            yield Row(name, "failed", "", f"{type(error).__name__}: {error}")
        else:
            yield Row(
                name, "read", _describe(picture), " It ".join(_without_path(path, each) for each in picture.remarks)
            )


def _describe(picture: Picture) -> str:
    """Describe a picture in a few words."""
    opacity = ["transparency"] if picture.opacity is not None else []
    profile = "sRGB" if profiles.is_srgb(picture.profile) else "another profile"
    return ", ".join([f"{picture.width} × {picture.height}", f"{picture.bits} bits", *opacity, profile])


def _without_path(path: Path, sentence: str) -> str:
    """Return a sentence without the path at its beginning."""
    return " ".join(sentence.removeprefix(str(path)).split())


def main(arguments: list[str]) -> int:
    """Print the table of a folder, and return the exit code: 0, 1 if a file failed, or 2 without a folder."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: scripts/corpus DIR\n")
        return 2
    table = list(rows(Path(arguments[0])))
    widths = [max((len(row[column]) for row in table), default=0) for column in range(3)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        _print("  ".join([*cells, row.message]).rstrip())
    counts = {outcome: sum(row.outcome == outcome for row in table) for outcome in ("read", "refused", "failed")}
    _print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts["failed"] else 0


def _print(line: str) -> None:
    """Print a line; characters that the terminal cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
