"""The command that paints the experiments of the paper: `figures`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli.flags import FiguresFlags, choose
from impasto.cli.sheets import open_picture, paint
from impasto.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection

    from impasto.images import Picture

__all__ = ["figures"]


def figures(
    content: Path,
    style: Path,
    /,
    *,
    folder: Path,
    figure: Annotated[list[int] | None, Parameter(negative="")] = None,
    more: Annotated[list[Path] | None, Parameter(name="--style", negative="")] = None,
    photograph: Path | None = None,
    size: int = 256,
    iterations: int = 300,
    as_printed: Annotated[bool, Parameter(negative="")] = False,
    overwrite: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    flags: FiguresFlags = None,
) -> None:
    """Paint the experiments of Gatys, Ecker and Bethge (CVPR 2016) from CONTENT and STYLE.

    Each figure is a labeled sheet, FOLDER/figure-1.png, and its pictures are in FOLDER/figure-1.

    Args:
        content: The photograph: a PNG, JPEG, WebP or TIFF file.
        style: The painting.
        folder: Where to save the figures.
        figure: A figure of the paper: 1, 3, 4, 5, 6 or 7; all, if none is named.
        more: Another painting for figure 3.
        photograph: Another photograph, the style of figure 7, which is left out without one.
        size: Long side of each picture, in pixels.
        iterations: Evaluations of the objective, at most.
        as_printed: Balance content and style as the paper prints it, which leaves hardly any style in the pictures.
        overwrite: Replace files that exist already.
        quiet: Print nothing but errors.
        allow_large: Open pictures of more than 100 million pixels.
        flags: The options.

    """
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch)
    from impasto.recipes.paper_figures import FIGURES, PAPER, Experiments  # noqa: PLC0415

    def opened(path: Path) -> "Picture":
        return open_picture(path, allow_large=allow_large, quiet=quiet)

    numbers = _numbers(figure, FIGURES, has_photograph=photograph is not None)
    chosen, runtime = choose(flags)
    settings = PAPER.replace(size=size, iterations=iterations, weights=chosen.weights)
    styles = _named([style, *(more or [])])
    experiments = Experiments(
        opened(content),
        {name: opened(path) for name, path in styles.items()},
        None if photograph is None else opened(photograph),
        settings,
        as_printed,
    )
    sheets = [
        Sheet(folder / f"figure-{number}.png", FIGURES[number](experiments), folder / f"figure-{number}")
        for number in numbers
    ]
    paint(experiments.content, sheets, runtime, overwrite=overwrite, quiet=quiet)


def _numbers(asked: "list[int] | None", known: "Collection[int]", *, has_photograph: bool) -> list[int]:
    """Return the numbers of the figures to paint: the ones asked for, or each that can be painted.

    Raises:
        InputError: there is no such figure, or a photograph is missing for it.

    """
    if asked is None:
        return [number for number in known if number != 7 or has_photograph]
    for number in asked:
        if number not in known:
            raise InputError(f"there is no figure {number} to paint; the figures are {', '.join(map(str, known))}.")
    if 7 in asked and not has_photograph:
        raise InputError("figure 7 takes the style of another photograph; name one with --photograph.")
    return sorted(set(asked))


def _named(paths: list[Path]) -> dict[str, Path]:
    """Return paintings by the names of their files.

    Raises:
        InputError: two have the same name.

    """
    named = {re.sub(r"[^\w.,-]+", "-", path.stem): path for path in paths}
    if len(named) < len(paths):
        raise InputError("two paintings have the same name; give their files different names.")
    return named
