"""The command that compares values of options: `sweep`."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from impasto import files
from impasto.cli.flags import SweepFlags, choose, given_flags
from impasto.cli.painting import Output
from impasto.cli.sheets import open_picture, paint
from impasto.jobs.outputs import free_name
from impasto.recipes.sweep import Sweep

__all__ = ["sweep"]


def sweep(
    content: Annotated[Path, Parameter(name="PHOTO")],
    style: Annotated[Path, Parameter(name="PAINTING")],
    /,
    *styles: Annotated[Path, Parameter(name="PAINTINGS")],
    output: Output = None,
    folder: Annotated[Path | None, Parameter(metavar="FOLDER")] = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    preset: Annotated[str | None, Parameter(metavar="NAME")] = None,
    settings: Path | None = None,
    flags: SweepFlags = None,
) -> None:
    """Paint PHOTO in the style of PAINTING with several values of some options, on one labeled sheet.

    Give options several values, separated by commas: --style-weight 10,100,1000. Separate layers and style losses,
    whose values contain commas, by slashes. The values of the first such option, in the order below, run down the
    sheet, the values of the second across; each combination of further options has its own block.

    Args:
        content: The photograph: a PNG, JPEG, WebP or TIFF file.
        style: The painting.
        styles: More paintings, blended in equal parts with the first.
        output: Where to save the sheet: a .png, .jpg, .webp or .tif file. [default: PHOTO-sweep.png beside the
            photograph]
        folder: Also save each picture in this folder, under the name of its values.
        overwrite: Replace files that exist already.
        quiet: Print nothing but errors.
        allow_large: Open pictures of more than 100 million pixels.
        preset: A named set of options; `impasto presets` lists them.
        settings: Options from a JSON file, or from the metadata of a picture painted earlier.
        flags: The options.

    """
    several = Sweep.parse(given_flags(flags))
    given: Any = flags
    base, runtime = choose(dataclasses.replace(given, **several.first), preset, settings)
    combinations = several.settings(base)
    output = output or free_name(content, "sweep")
    files.check_output(output, overwrite=overwrite, inputs=[content, style, *styles])
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch loads after the cheap checks)

    photograph, *paintings = (
        open_picture(path, allow_large=allow_large, quiet=quiet) for path in (content, style, *styles)
    )
    sheet = Sheet(output, several.blocks(combinations, paintings), folder)
    paint(photograph, [sheet], runtime, overwrite=overwrite, quiet=quiet)
