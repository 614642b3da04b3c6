"""The options as data, of which the page makes its form: what `Options.options` and the JSON schema say of them."""

from collections.abc import Iterator
from typing import Any

from impasto.film.film import UNUSED_OPTIONS, Film
from impasto.settings import PRESETS, Options, Runtime, Settings
from impasto.web.order import FORMATS, StyleOrder

__all__ = ["describe_options"]

_HIDDEN = {"weights", "device", "checkpoint_every", "threads", "memory", "save_frames"}
"""Options that are decided by whoever starts the studio, not by whoever opens its page."""


def describe_options() -> dict[str, Any]:
    """Return the options of settings, runtime, styles and films, the presets, and the formats of a picture."""
    return {
        "settings": list(_fields(Settings)),
        "runtime": list(_fields(Runtime)),
        "style": list(_fields(StyleOrder)),
        "film": list(_fields(Film)),
        "unused_in_film": list(UNUSED_OPTIONS),
        "presets": [
            {"name": name, "help": preset.help, "changes": dict(preset.changes)}
            for name, preset in PRESETS.items()
            if preset.changes.get("weights", "codebook") == "codebook"
        ],
        "formats": FORMATS,
    }


def _fields(model: type[Options]) -> Iterator[dict[str, Any]]:
    """Yield each option with its kind, its bounds and its default as JSON has them."""
    schema = model.model_json_schema()
    for option in model.options():
        if option.name in _HIDDEN:
            continue
        field = _resolve(schema["properties"][option.name], schema)
        choices = field.get("enum")
        yield {
            "name": option.name,
            "group": option.group,
            "help": option.help,
            "accepts": option.accepts,
            "default": field.get("default"),
            "kind": "choice" if choices else field.get("type", "string"),
            "choices": choices,
            "min": field.get("minimum", field.get("exclusiveMinimum")),
            "max": field.get("maximum"),
        }


def _resolve(field: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a field without references; a field that may be null has the schema of its other type."""
    if "$ref" in field:
        return {**schema["$defs"][field["$ref"].rpartition("/")[2]], **field}
    if "anyOf" in field:
        return {**next(each for each in field["anyOf"] if each.get("type") != "null"), **field}
    return field
