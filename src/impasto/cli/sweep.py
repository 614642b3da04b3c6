"""The command that compares values of options: `sweep`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto import files
from impasto.cli import display
from impasto.cli.flags import SweepFlags, given_flags, make_job
from impasto.cli.painting import Output
from impasto.cli.sheets import paint
from impasto.jobs.job import StyleSource
from impasto.jobs.outputs import free_name
from impasto.recipes.sweep import Sweep

__all__ = ["sweep"]


def sweep(
    content: Annotated[Path, Parameter(name="PHOTO")],
    style: Annotated[str, Parameter(name="PAINTING")],
    /,
    *styles: Annotated[str, Parameter(name="PAINTINGS")],
    output: Output = None,
    folder: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    flags: SweepFlags = None,
) -> None:
    """Paint PHOTO in the style of PAINTING with several values of some options, on one labeled sheet.

    Give options several values, separated by commas: --style-weight 10,100,1000. Separate layers and style losses,
    whose values contain commas, by slashes. The values of the first such option, in the order below, run down the
    sheet, the values of the second across; each combination of further options has its own block.

    Args:
        content: The photograph: a PNG, JPEG, WebP, TIFF, AVIF or HEIC file.
        style: The painting, perhaps with its options, as `impasto paint` takes them: a.jpg,scale=2,region=sky.png.
        styles: More paintings, blended or in regions.
        output: Where to save the sheet: a .png, .jpg, .webp or .tif file. [default: PHOTO-sweep.png beside the
            photograph]
        folder: Also save each picture in this folder, under the name of its values.
        quiet: Print nothing but errors.
        flags: The options.

    """
    axes = Sweep.parse(given_flags(flags))
    first_flags: Any = flags
    paintings = tuple(map(StyleSource.parse, (style, *styles)))
    job = make_job(dataclasses.replace(first_flags, **axes.first), content=content, styles=paintings)
    combinations = axes.settings(job.settings)
    output = output or free_name(content, "sweep")
    files.check_output(output, overwrite=job.overwrite, inputs=job.inputs)
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch loads after the cheap checks)
    from impasto.jobs.sources import open_job  # noqa: PLC0415

    for sentence in () if quiet else open_job(job).remarks:
        display.remark(sentence)
    paint(job, [Sheet(output, axes.blocks(combinations), folder)], quiet=quiet)
