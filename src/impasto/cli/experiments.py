"""The command that paints the experiments of the paper: `figures`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli.flags import FiguresFlags, make_job
from impasto.cli.sheets import open_picture, paint

if TYPE_CHECKING:
    from impasto.images import Picture

__all__ = ["figures"]


def figures(
    content: Annotated[Path, Parameter(name="PHOTO")],
    style: Annotated[Path, Parameter(name="PAINTING")],
    /,
    *,
    folder: Annotated[Path, Parameter(metavar="FOLDER")],
    figure: Annotated[list[int] | None, Parameter(negative="")] = None,
    more: Annotated[list[Path] | None, Parameter(name="--style", negative="")] = None,
    photograph: Path | None = None,
    size: int = 256,
    iterations: int = 300,
    as_printed: Annotated[bool, Parameter(negative="")] = False,
    quiet: Annotated[bool, Parameter(negative="")] = False,
    flags: FiguresFlags = None,
) -> None:
    """Paint the experiments of Gatys, Ecker and Bethge (CVPR 2016) from PHOTO and PAINTING.

    Each figure is a labeled sheet, FOLDER/figure-1.png, and its pictures are in FOLDER/figure-1.

    Args:
        content: The photograph: a PNG, JPEG, WebP, TIFF, AVIF or HEIC file.
        style: The painting.
        folder: Where to save the figures.
        figure: The number of a figure of the paper: 1, 3, 4, 5, 6 or 7; all figures, if none is named.
        more: Another painting, for figure 3.
        photograph: Another photograph, the style of figure 7; without it, figure 7 is left out.
        size: Long side of each picture, in pixels.
        iterations: Evaluations of the objective, at most.
        as_printed: Balance content and style as the paper prints it; the pictures then have hardly any style.
        quiet: Print nothing but errors.
        flags: The options.

    """
    from impasto.jobs.sheets import Sheet  # noqa: PLC0415 (torch)
    from impasto.recipes import paper_figures  # noqa: PLC0415

    job = make_job(flags)

    def open_source(path: Path) -> "Picture":
        return open_picture(path, allow_large=job.allow_large, quiet=quiet)

    numbers = paper_figures.choose_figures(figure, has_photograph=photograph is not None)
    settings = paper_figures.PAPER.replace(size=size, iterations=iterations, weights=job.settings.weights)
    styles = paper_figures.name_paintings([style, *(more or [])])
    experiments = paper_figures.Experiments(
        open_source(content),
        {name: open_source(path) for name, path in styles.items()},
        None if photograph is None else open_source(photograph),
        settings,
        as_printed,
    )
    sheets = [
        Sheet(folder / f"figure-{number}.png", paper_figures.FIGURES[number](experiments), folder / f"figure-{number}")
        for number in numbers
    ]
    paint(job.replace(content=experiments.content), sheets, quiet=quiet)
