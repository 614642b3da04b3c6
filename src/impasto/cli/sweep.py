"""The command that compares options: `sweep`."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from impasto import files
from impasto.cli.flags import SweepFlags, choose
from impasto.cli.painting import Output
from impasto.cli.sheets import open_picture, paint
from impasto.errors import InputError
from impasto.settings import Runtime, Settings

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.recipes.paper_figures import Panel
    from impasto.reports.contact_sheets import Block

__all__ = ["sweep"]

_MAX_PICTURES = 100
"""Pictures in a sheet; nobody can look at more."""

_MAX_NAME_LENGTH = 200
"""Letters in the name of a file; file systems allow 255 bytes."""


Axes = Mapping[str, Sequence[str]]
"""The values of each option that has several."""


def sweep(
    content: Path,
    style: Path,
    /,
    *styles: Path,
    output: Output,
    folder: Path | None = None,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    preset: str | None = None,
    settings: Path | None = None,
    flags: SweepFlags = None,
) -> None:
    """Paint CONTENT in the style of STYLE with several values of some options, on one labeled sheet.

    Give options several values, separated by commas: --style-weight 10,100,1000. Layers and style losses,
    which have commas of their own, are separated by slashes. The first such option in the order below runs
    down the sheet, the second across; each combination of further ones has a block of its own.

    Args:
        content: The photograph: a PNG, JPEG, WebP or TIFF file.
        style: The painting.
        styles: More paintings, blended in equal parts with the first.
        output: Where to save the sheet: a .png, .jpg, .webp or .tif file.
        folder: Save each picture there as well, under the name of its values.
        overwrite: Replace files that exist already.
        quiet: Print nothing but errors.
        allow_large: Open pictures of more than 100 million pixels.
        preset: A named set of options; `impasto presets` lists them.
        settings: Options from a JSON file, or from the metadata of a picture painted earlier.
        flags: The options.

    """
    axes = _axes(flags)
    chosen, runtime = _combinations(flags, axes, preset, settings)
    files.check_output(output, overwrite=overwrite, inputs=[content, style, *styles])
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch loads after the cheap checks)
    from impasto.recipes.paper_figures import Panel  # noqa: PLC0415

    pictures = [open_picture(path, allow_large=allow_large, quiet=quiet) for path in (content, style, *styles)]
    panels = {values: Panel(_name(axes, values), options, pictures[1:]) for values, options in chosen.items()}
    sheet = Sheet(output, _blocks(axes, panels), folder)
    paint(pictures[0], [sheet], runtime, overwrite=overwrite, quiet=quiet)


def _axes(flags: object) -> Axes:
    """Return the values of each option that has several, in the order of the options.

    Raises:
        InputError: no option has several, one has the same twice, or there are too many pictures to paint.

    """
    given = {} if flags is None else {name: value for name, value in vars(flags).items() if isinstance(value, str)}
    split = {
        option.name: [word.strip() for word in given[option.name].split(option.separator)]
        for option in Settings.options()
        if option.name in given
    }
    axes = {name: words for name, words in split.items() if len(words) > 1}
    if not axes:
        raise InputError("no option has several values; give one of them some, such as --style-weight 10,100,1000.")
    for name, words in axes.items():
        if len(set(words)) < len(words):
            raise InputError(f"{name} cannot be {given[name]}; name each of its values once.")
    count = math.prod(map(len, axes.values()))
    if count > _MAX_PICTURES:
        raise InputError(
            f"a sheet cannot have {count} pictures; give fewer values, for at most {_MAX_PICTURES} pictures."
        )
    return axes


def _combinations(
    flags: object, axes: Axes, preset: str | None, source: Path | None
) -> tuple[dict[tuple[str, ...], Settings], Runtime]:
    """Return the settings of each combination of values, and how all of them are computed.

    Raises:
        SettingsError: a value is not accepted.

    """
    first: Any = {name: words[0] for name, words in axes.items()}
    given: Any = flags
    base, runtime = choose(dataclasses.replace(given, **first), preset, source)
    combinations = product(*axes.values())
    return {values: base.replace(**dict(zip(axes, values, strict=True))) for values in combinations}, runtime


def _blocks(axes: Axes, panels: "Mapping[tuple[str, ...], Panel]") -> "list[Block[Panel | Picture]]":
    """Lay out one option in a row, two in rows and columns, and further ones in a block for each combination."""
    from impasto.reports.contact_sheets import Block  # noqa: PLC0415 (torch)

    names = list(axes)
    down, across, further = (names[:1], names[1], names[2:]) if len(names) > 1 else ([], names[0], [])
    rows = list(product(*(axes[name] for name in down)))
    blocks: list[Block[Panel | Picture]] = []
    for rest in product(*(axes[name] for name in further)):
        cells = [[panels[(*row, column, *rest)] for column in axes[across]] for row in rows]
        title = ", ".join(f"{name} {value}" for name, value in zip(further, rest, strict=True))
        blocks.append(Block(cells, _labels(axes, across), _labels(axes, down[0]) if down else (), title))
    return blocks


def _labels(axes: Axes, name: str) -> list[str]:
    """Return the labels of an option's values, of which the first names the option."""
    first, *others = axes[name]
    return [f"{name} {first}", *others]


def _name(axes: Axes, values: Sequence[str]) -> str:
    """Return the name of a file for a combination of values."""
    named = "--".join(f"{name}-{value}" for name, value in zip(axes, values, strict=True))
    return re.sub(r"[^\w.,-]+", "-", named)[:_MAX_NAME_LENGTH]
