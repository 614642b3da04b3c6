"""Write the pages of the docs that are made from the code, or compare them with it (--check).

They are the tables of options, the help of the command, the reference of the library, and the picture of the imports.
"""

import io
import sys
from pathlib import Path

import api
import floors
from rich.console import Console

from impasto.cli import app
from impasto.cli.help import BASICS, HelpPage
from impasto.film.film import Film
from impasto.settings import PRESETS, Runtime, Settings
from impasto.settings.options import as_flags

HERE = Path(__file__).parent
COMMANDS = (
    *("paint", "demo", "studio", "texture", "reconstruct", "repaint", "batch", "film"),
    *("sweep", "figures", "measure", "info", "presets", "warm"),
)
"""The subcommands, in the order of the page."""

NOTICE = "<!-- Written by docs/generate.py; do not edit. -->\n"


def options() -> str:
    """Return the tables of all options, by group, and of the presets."""
    lines = [
        NOTICE,
        "# Options\n\nEvery option is a field of `Settings`, `Runtime` or `Film`, a flag of the command and a JSON key.\n",
    ]
    for model in (Settings, Runtime, Film):
        group = ""
        for option in sorted(model.options(), key=lambda option: option.group != BASICS):
            if option.group != group:
                group = option.group
                lines.append(
                    f"\n## {group} (`{model.__name__}`)\n\n| option | default | accepts | what it is |\n| --- | --- | --- | --- |\n"
                )
            lines.append(f"| `{option.name}` | {option.default} | {option.accepts} | {option.help} |\n")
    lines.append("\n## Presets\n\n| preset | what it is | flags |\n| --- | --- | --- |\n")
    for name, preset in PRESETS.items():
        flags = as_flags(preset.changes)
        lines.append(f"| `{name}` | {preset.help} | {f'`{flags}`' if flags else 'none'} |\n")
    return "".join(lines)


def command() -> str:
    """Return the help of the command and of each of its subcommands."""
    sections = [NOTICE, "# The command\n\nWhat `--help-all` prints; `--help` prints the part that most people need.\n"]
    app.help_formatter = HelpPage(is_complete=True)
    for name in ("", *COMMANDS):
        text = io.StringIO()
        app.help_print(name.split(), console=Console(file=text, width=110, color_system=None, force_terminal=False))
        lines = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())
        sections.append(f"\n## impasto {name}".rstrip() + f"\n\n```text\n{lines}\n```\n")
    return "".join(sections)


PAGES = {"options.md": options, "command.md": command, "api.md": api.page, "images/floors.svg": floors.draw}


def main() -> None:
    """Write or compare the pages."""
    for name, make in PAGES.items():
        page, text = HERE / name, make()
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            sys.exit(f"docs/{name} is out of date; run .venv/bin/python docs/generate.py and commit it.")


if __name__ == "__main__":
    main()
