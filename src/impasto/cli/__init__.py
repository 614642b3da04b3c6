"""The command `impasto`: it reads flags, prints, and ends with an exit code. No other package prints or exits."""

import atexit
import gc
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, Group, Parameter

from impasto.cli import launcher
from impasto.cli.batch import batch
from impasto.cli.describe import info, presets, warm
from impasto.cli.experiments import figures
from impasto.cli.film import film
from impasto.cli.flags import GROUPS
from impasto.cli.help import BASICS, HELP_ALL, HelpPage
from impasto.cli.measure import measure
from impasto.cli.paint import demo, paint, reconstruct, texture
from impasto.cli.repaint import repaint
from impasto.cli.signals import Interrupted
from impasto.cli.studio import studio
from impasto.cli.sweep import sweep
from impasto.errors import ImpastoError, InputError, out_of_memory_as
from impasto.machine.environment import TORCH_ENVIRONMENT

__all__ = ["app", "main"]

_WITHOUT_DOCSTRINGS = "Python removed the help of flags and arguments (-OO); start Python without -OO."

STANDARD_STREAM = "-"
"""The word by which many commands read standard input or write standard output."""

_NO_STANDARD_STREAM = (
    "- is not a file: no picture is read from standard input or written to standard output, only the jobs of impasto "
    "batch --manifest - are read there; name a file, such as picture.png."
)

_MORE_HELP = f"""impasto COMMAND --help describes a command, and {HELP_ALL} shows every option.
Pictures of what the options do: docs/options-in-pictures.md."""

app = App(
    name="impasto",
    usage="impasto PHOTO PAINTING [OPTIONS]\n       impasto COMMAND [OPTIONS]",
    version=lambda: version("impasto"),
    result_action="return_value",
    help_flags=("--help", "-h", HELP_ALL),
    help_format="plaintext",
    help_formatter=HelpPage(),
    group_commands=Group("Commands", sort_key=99),
    group_parameters=GROUPS[BASICS],
    help_epilogue=_WITHOUT_DOCSTRINGS if sys.flags.optimize > 1 else _MORE_HELP,
    default_parameter=Parameter(allow_repeating=True),  # scripts append flags: the last value counts
    suppress_keyboard_interrupt=False,  # `main` prints a sentence
)
app.default(paint)
for _command, _arguments in {
    paint: "PHOTO PAINTING [PAINTING ...]",
    demo: "",
    studio: "",
    texture: "SAMPLE [SAMPLE ...]",
    reconstruct: "PHOTO",
    repaint: "PICTURE",
    batch: "PHOTO [PHOTO ...]",
    film: "FILM PAINTING [PAINTING ...]",
    sweep: "PHOTO PAINTING [PAINTING ...]",
    figures: "PHOTO PAINTING --folder FOLDER",
    measure: "PHOTO PAINTING PICTURE",
    info: "",
    presets: "",
    warm: "",
}.items():
    app.command(_command, usage=" ".join(filter(None, ("impasto", _command.__name__, _arguments, "[OPTIONS]"))))


def main(tokens: Sequence[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 failed while running, 2 bad input, 130 interrupted, 143 terminated."""
    os.environ.update({**TORCH_ENVIRONMENT, **os.environ})
    atexit.register(gc.freeze)  # or Python looks for garbage in all of torch at the end, for half a second
    arguments = sys.argv[1:] if tokens is None else list(tokens)
    app.help_formatter = HelpPage(is_complete=HELP_ALL in arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without "×" shows "?"
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")  # which JSON is, whatever the system's encoding
    try:
        with out_of_memory_as("run the command"):
            app(arguments or ["--help"], exit_on_error=False, print_error=False)
    except CycloptsError as error:
        _end(2, _NO_STANDARD_STREAM if STANDARD_STREAM in arguments else str(error))
    except InputError as error:
        _end(2, str(error))
    except ImpastoError as error:
        _end(1, str(error))
    except Interrupted as error:
        _end(error.code, str(error))
    except KeyboardInterrupt as error:
        _end(130, str(error) or "Interrupted.")


def _end(code: int, sentence: str) -> None:
    """Print one sentence on standard error and exit; only the lead process prints what is wrong with the input."""
    if code == 1 or launcher.is_lead():
        print(f"impasto: {' '.join(sentence.split())}", file=sys.stderr)  # noqa: T201
    sys.exit(code)
