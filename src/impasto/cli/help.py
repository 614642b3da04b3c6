"""The layout of help: a short page with examples, and with `--help-all` all options, each with its kind of value."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from cyclopts.help import HelpEntry, HelpPanel
    from rich.console import Console, ConsoleOptions, RenderableType

__all__ = ["BASICS", "HELP_ALL", "HelpPage"]

HELP_ALL = "--help-all"
"""The flag that shows every option."""

BASICS = "Basics"
"""The heading of the options that the short page shows."""

_MAX_LABEL = 30
"""The most characters of an option's names to the left of its text; longer names have a line of their own."""

_MAX_WIDTH = 100
"""The most characters in a line: longer lines are hard to read."""

_KINDS = {"STR": "TEXT", "INT": "NUMBER", "FLOAT": "NUMBER", "PATH": "FILE"}
"""The words for kinds of values, by the words that cyclopts uses."""

_SHOWN_PANELS = frozenset({"Arguments", BASICS, "Film", "Commands"})
"""The headings of the short page."""


class HelpPage:
    """Prints help; cyclopts calls it with each group of entries.

    Args:
        is_complete: Whether to show every option, or only the arguments, the commands and the basic options.

    """

    def __init__(self, *, is_complete: bool = False) -> None:
        self.is_complete = is_complete

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:  # noqa: ARG002
        """Print one group of entries under its heading."""
        title = str(panel.title)
        entries = [entry for entry in panel.entries if not _is_hidden(entry)]
        if not entries or not (self.is_complete or title in _SHOWN_PANELS):
            return
        width = min(console.width, _MAX_WIDTH)
        rows = [(_label(entry), f"{_text(entry.description, console)}{_notes(entry)}") for entry in entries]
        lines = [title, *(line for label, text in rows for line in _lines(label, text, width)), ""]
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)

    def render_usage(self, console: "Console", options: "ConsoleOptions", usage: object) -> None:  # noqa: ARG002
        """Print how the command is called."""
        text = _text(usage, console).removeprefix("Usage:").strip()
        console.print(f"Usage: {text}\n", highlight=False, markup=False, soft_wrap=True)

    def render_description(
        self,
        console: "Console",
        options: "ConsoleOptions",  # noqa: ARG002
        description: object,
    ) -> None:
        """Print what the command does, each paragraph wrapped; indented lines, such as examples, stay as they are."""
        width = min(console.width, _MAX_WIDTH)
        for paragraph in _text(description, console).split("\n\n"):
            is_code = paragraph.startswith(" ")
            text = paragraph if is_code else "\n".join(textwrap.wrap(paragraph, width))
            console.print(f"{text}\n", highlight=False, markup=False, soft_wrap=True)


def _is_hidden(entry: "HelpEntry") -> bool:
    """Return whether an entry is one of the flags that print help and version, which the first page names."""
    return entry.names[:1] in {("--help",), ("--version",)}


def _text(source: object, console: "Console") -> str:
    """Return the text of what cyclopts describes something with, without styles and line breaks of its own."""
    options = console.options.update(width=10_000)
    segments = console.render(cast("RenderableType", source), options) if hasattr(source, "__rich_console__") else ()
    return "".join(segment.text for segment in segments).strip("\n") or str(source or "")


def _label(entry: "HelpEntry") -> str:
    """Return the names of an entry and the kind of its value."""
    kind = (entry.metavar or "").removesuffix("...")
    metavar = _KINDS.get(kind, kind) + (entry.metavar or "")[len(kind) :]
    labels = entry.copy(metavar=metavar or None).display_labels_with_metavar
    return "  " + ", ".join(labels)


def _notes(entry: "HelpEntry") -> str:
    """Return the default of an entry whose text does not name it."""
    default = {"True": "on", "False": "None"}.get(str(entry.default), str(entry.default))
    return "" if default == "None" else f" [default: {default.removesuffix('.0')}]"


def _lines(label: str, text: str, width: int) -> Sequence[str]:
    """Return the lines of one entry, in two columns; a long label has a line of its own."""
    indent = " " * (_MAX_LABEL + 2)
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
    if len(label) > _MAX_LABEL or not lines:
        return [label, *lines]
    return [label.ljust(len(indent)) + lines[0][len(indent) :], *lines[1:]]
