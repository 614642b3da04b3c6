"""The command that compares values of options: `sweep`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto import files
from impasto.cli import display
from impasto.cli.flags import SweepFlags, choose, given_flags, split_init
from impasto.cli.paint import check_paper
from impasto.cli.painting import Output
from impasto.cli.sheets import paint
from impasto.jobs.job import AUTO, Job, StyleSource
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
    keep: Annotated[str | None, Parameter(metavar="MASK")] = None,
    focus: Annotated[str, Parameter(metavar="MASK")] = AUTO,
    paper: Annotated[str | None, Parameter(name="--print", metavar="PAPER")] = None,
    fill: Annotated[bool, Parameter(negative="--fit")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings")] = None,
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
        keep: A mask, white where the photograph stays as it is; half-gray keeps half of it.
        focus: A mask, white where the photograph counts more, or the word faces; auto finds faces, if there are some.
        paper: Paint for a sheet of paper, at --dpi or else at 300 pixels per inch: 30x40cm, 8x10in, 200x300mm.
        fill: With --print, crop the photograph so that it fills the sheet; --fit leaves margins.
        overwrite: Replace files that exist already.
        quiet: Print nothing but errors.
        allow_large: Open pictures of more than 100 million pixels.
        preset: A named set of options; `impasto presets` lists them.
        settings_file: Options from a JSON file, or from the metadata of a picture painted earlier.
        flags: The options.

    """
    flags, initial = split_init(flags)
    axes = Sweep.parse(given_flags(flags))
    check_paper(paper, fill=fill, flags=flags)
    first_flags: Any = flags
    base, runtime = choose(dataclasses.replace(first_flags, **axes.first), preset, settings_file)
    combinations = axes.settings(base)
    job = Job(
        content=content,
        styles=tuple(map(StyleSource.parse, (style, *styles))),
        initial=initial,
        keep=keep,
        focus=focus,
        print_size=paper,
        fill=fill,
        settings=base,
        runtime=runtime,
        allow_large=allow_large,
    )
    output = output or free_name(content, "sweep")
    files.check_output(output, overwrite=overwrite, inputs=job.inputs)
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch loads after the cheap checks)
    from impasto.jobs.sources import open_job  # noqa: PLC0415

    for sentence in () if quiet else open_job(job).remarks:
        display.remark(sentence)
    paint(job, [Sheet(output, axes.blocks(combinations), folder)], overwrite=overwrite, quiet=quiet)
