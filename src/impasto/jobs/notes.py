"""The note that impasto writes in the metadata of a picture or film: a JSON object that says how it was painted."""

import json
from pathlib import Path
from typing import Any, cast

__all__ = ["parse", "read"]


def read(picture: Path) -> dict[str, Any]:
    """Return the note of a picture; an empty one, if impasto did not paint it.

    Raises:
        PictureError: the file cannot be read.

    """
    from impasto.images import read_note  # noqa: PLC0415 (torch)

    return parse(read_note(picture))


def parse(text: str | None) -> dict[str, Any]:
    """Return the note that a text holds; an empty one, if there is no text or impasto did not write it."""
    try:
        note: Any = json.loads(text or "{}")
    except ValueError:
        return {}
    return cast("dict[str, Any]", note) if isinstance(note, dict) and "impasto" in note else {}
