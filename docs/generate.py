"""Write what of the docs is made from the code: tables of options, help, the reference, imports. With --check, only compare."""

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
NOTICE = "<!-- Written by docs/generate.py; do not edit. -->\n"


def options() -> str:
    """Tables of all options, by group, and of the presets."""
    parts = [
        NOTICE,
        "# Options\n\nEvery option is a field of `Settings`, `Runtime` or `Film`, a flag of the command and a JSON key.\n",
    ]
    for model in (Settings, Runtime, Film):
        group = ""
        for option in sorted(model.options(), key=lambda option: option.group != BASICS):
            if option.group != group:
                group = option.group
                parts.append(
                    f"\n## {group} (`{model.__name__}`)\n\n| option | default | accepts | what it is |\n| --- | --- | --- | --- |\n"
                )
            parts.append(f"| `{option.name}` | {option.default} | {option.accepts} | {option.help} |\n")
    parts.append("\n## Presets\n\n| preset | what it is | flags |\n| --- | --- | --- |\n")
    for name, preset in PRESETS.items():
        flags = as_flags(preset.changes)
        parts.append(f"| `{name}` | {preset.help} | {f'`{flags}`' if flags else 'none'} |\n")
    return "".join(parts)


def command() -> str:
    """The help of the command and of each of its subcommands."""
    parts = [NOTICE, "# The command\n\nWhat `--help-all` prints; `--help` prints the part that most people need.\n"]
    app.help_formatter = HelpPage(is_complete=True)
    for words in (
        [],
        ["paint"],
        ["demo"],
        ["studio"],
        ["texture"],
        ["reconstruct"],
        ["repaint"],
        ["batch"],
        ["film"],
        ["sweep"],
        ["figures"],
        ["measure"],
        ["info"],
        ["presets"],
        ["warm"],
    ):
        text = io.StringIO()
        app.help_print(words, console=Console(file=text, width=110, color_system=None, force_terminal=False))
        lines = "\n".join(line.rstrip() for line in text.getvalue().strip().splitlines())
        parts.append(f"\n## impasto {' '.join(words)}".rstrip() + f"\n\n```text\n{lines}\n```\n")
    return "".join(parts)


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
