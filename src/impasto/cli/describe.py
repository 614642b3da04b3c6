"""The commands about the program itself: `info`, `presets` and `warm`."""

import platform
import time
from importlib.metadata import version
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from impasto.cli import display
from impasto.cli.flags import InfoFlags, choose
from impasto.settings.options import as_flags
from impasto.settings.presets import LOOKS, PROGRAMS

__all__ = ["info", "presets", "warm"]


def info(
    *,
    flags: InfoFlags = None,
    retune: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Show versions, the chosen device and precision, the number of threads, and the source of the weights.

    Args:
        flags: The options.
        retune: Time precisions, algorithms and numbers of threads again, and cache the answer in place of that of an
            earlier start.

    """
    from impasto.machine import autotune, device  # noqa: PLC0415 (torch, for this command only)
    from impasto.network.weights import load_weights  # noqa: PLC0415

    settings, runtime = choose(flags)
    if retune:
        autotune.forget()
    machine = device.resolve(runtime)
    weights = load_weights(settings.weights)
    rows = [
        ("impasto", version("impasto")),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        *((name, version(name)) for name in ("torch", "numpy", "pyvips", "pydantic")),
        ("device", str(machine.device)),
        ("features", machine.reason),
        ("threads", str(machine.threads)),
        ("weights", weights.source),
        ("sha-256", weights.sha256),
        ("license", weights.license),
        ("input", str(weights.convention)),
    ]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, text)
    Console(highlight=False, markup=False).print(table)


def warm() -> None:
    """Compile what the first picture on this machine would otherwise wait for, such as in a container's image.

    The compiled code and the timings are cached in the package, or, where that folder cannot be written, in the
    user's cache folder.
    """
    import torch  # noqa: PLC0415 (for this command only)

    from impasto.images import Picture  # noqa: PLC0415
    from impasto.jobs.job import Job, StyleSource  # noqa: PLC0415
    from impasto.jobs.session import Session  # noqa: PLC0415
    from impasto.kernels.cpu.compiled import compile_loops  # noqa: PLC0415
    from impasto.settings import Settings  # noqa: PLC0415

    began = time.perf_counter()
    compile_loops()
    gray = Picture(torch.full((3, 64, 64), 0.5, dtype=torch.float32))
    for _ in Session(Job(content=gray, styles=(StyleSource(picture=gray),), settings=Settings(size=64, iterations=2))):
        pass
    display.say(f"Ready after {time.perf_counter() - began:.1f} seconds; the next start is faster.")


def presets() -> None:
    """List the presets by look and by program, each with the flags that stand for it.

    `--preset NAME` is short for the flags of a preset; flags that are given with it come last.
    """
    console = Console(highlight=False, markup=False)
    for title, group in (("Looks", LOOKS), ("Papers, programs and other commands", PROGRAMS)):
        console.print(f"{title}:")
        for name, preset in group.items():
            console.print(f"  {name}: {preset.help}", soft_wrap=True)
            if preset.changes:
                console.print(f"    {as_flags(preset.changes)}", soft_wrap=True)  # one line, to be copied
