"""The command that measures: `measure`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console
from rich.table import Table

from impasto.cli import display
from impasto.cli.flags import MeasureFlags, make_job, read_settings
from impasto.cli.painting import load_weights
from impasto.cli.sheets import open_picture
from impasto.jobs import notes
from impasto.jobs.job import Job, StyleSource

if TYPE_CHECKING:
    from impasto.reports.metrics import Metrics

__all__ = ["measure"]


def measure(
    content: Annotated[Path, Parameter(name="PHOTO")],
    style: Annotated[str, Parameter(name="PAINTING")],
    result: Annotated[Path, Parameter(name="PICTURE")],
    /,
    *,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
    flags: MeasureFlags = None,
) -> None:
    """Measure PICTURE, painted from PHOTO in the style of PAINTING: its losses, style, structure and border.

    The objective is the one in PICTURE's metadata, or else the default one, changed by flags. PICTURE is
    measured at its own size, in float32.

    Args:
        content: The photograph that was painted.
        style: The painting, with the words that `impasto paint` was given: PAINTING,scale=0.5,mask=FILE,region=FILE.
        result: The picture to measure, painted by impasto or by anything else.
        as_json: Print one JSON object on standard output, for programs.
        flags: The options.

    """
    from impasto.jobs.sources import open_job  # noqa: PLC0415
    from impasto.reports import metrics  # noqa: PLC0415 (torch)

    base = Job(settings=read_settings(result)) if "settings" in notes.read(result) else None
    job = make_job(flags, base, content=content, styles=(StyleSource.parse(style),))
    picture = open_picture(result, allow_large=job.allow_large, quiet=as_json)
    sources = open_job(job)
    for sentence in () if as_json else sources.remarks:
        display.remark(sentence)
    weights = load_weights(job.settings.weights, has_bar=not as_json)
    measured = metrics.measure(
        sources.inputs.content,
        sources.inputs.styles[0],
        picture,
        job.settings,
        job.runtime,
        keep=sources.inputs.keep,
        focus=sources.inputs.focus,
        weights=weights,
    )
    if as_json:
        display.say(json.dumps(measured.as_dict()))
    else:
        _print_table(measured)


def _print_table(metrics: "Metrics") -> None:
    """Print a table with a row for each number."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("number", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("better", no_wrap=True)
    table.add_column("what it says", overflow="fold")
    for name, value, better, meaning in _rows(metrics):
        table.add_row(name, f"{value:.4g}", better, meaning)
    Console(highlight=False, markup=False).print(table)


def _rows(metrics: "Metrics") -> Iterator[tuple[str, float, str, str]]:
    """List for each number its name, its value, which values are better, and what it measures."""
    yield "loss", metrics.loss, "lower", "content and style together"
    yield "content", metrics.content, "lower", "near the photograph"
    yield "style", metrics.style, "lower", "near the painting"
    for layer, distance in metrics.wasserstein.items():
        yield f"wasserstein {layer}", distance, "lower", "near the painting at this layer"
    yield "cfsd", metrics.cfsd, "lower", "forms as in the photograph"
    yield "border", metrics.border, f"near {metrics.content_border:.4g}", "more is noise along the edge"
