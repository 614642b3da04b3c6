"""Larger pictures and prints, which continue from a picture that is painted, and what they will take."""

from typing import TYPE_CHECKING, Any

from impasto.errors import InputError
from impasto.planning.needs import Needs
from impasto.planning.plan import Size
from impasto.recipes.print_size import PrintSize
from impasto.web.entry import Entry
from impasto.web.files import read_json
from impasto.web.order import Order
from impasto.web.store import Store

if TYPE_CHECKING:
    from impasto.web.studio import Studio

__all__ = ["forecast", "larger"]

EVALUATIONS = 50
"""The evaluations of a picture that continues from a smaller one: its forms are there, its strokes get finer."""

_ONE_STAGE: dict[str, Any] = {"first_size": 0, "stages": {}, "iterations": EVALUATIONS}
"""The settings of a picture that continues from a smaller one."""


def forecast(
    entry: Entry, store: Store, size: int, print_size: str, dpi: float, *, fill: bool = False
) -> dict[str, Any]:
    """Say what a larger picture of a job would take.

    Args:
        entry: The job.
        store: The folder of the studio.
        size: The long side in pixels; 0 means twice that of the job, or that of the print.
        print_size: The paper, such as 30x40cm; empty for no print.
        dpi: Pixels per inch of the print; 0 means 300.
        fill: Whether the photograph is cropped so that it fills the paper.

    Returns:
        `width`, `height`, `seconds` (None if the pace of the job is not known), `bytes` of memory at the peak (None if
        the job was never planned or paints a texture) and a `sentence`.

    Raises:
        InputError: the job has no picture, the print is not accepted, or the picture does not fit into memory.

    """
    _check(entry, print_size)
    width, height = _proportions(entry.order, store)
    sentence = ""
    if print_size:
        paper = PrintSize.parse(print_size, dpi)
        if fill:
            ratio = paper.ratio(width, height)
            width, height = min(width, round(height * ratio)), min(height, round(width / ratio))
        size, sentence = paper.fitted(width, height), paper.announcement(width, height)
    size = size or 2 * entry.order.all_settings.size
    memory = _bytes(entry, store, size, Size(width, height)) if entry.order.content else None
    width, height = (round(side * size / max(width, height)) for side in (width, height))
    seconds = (
        entry.evaluation_seconds / entry.evaluated_pixels * width * height * EVALUATIONS
        if entry.evaluated_pixels
        else None
    )
    sentence = sentence.replace(" (--fill crops instead)", "")
    return {"width": width, "height": height, "seconds": seconds, "bytes": memory, "sentence": sentence}


async def larger(studio: "Studio", entry: Entry, options: dict[str, Any]) -> Order:
    """Return the order of a larger picture that continues from that of a job.

    Args:
        studio: The studio.
        entry: The job.
        options: `size`, or `print_size` with `dpi` and `fill`.

    Returns:
        The order: one stage, from the picture of the job.

    Raises:
        InputError: a name or a value is not accepted, or the job has no picture.

    """
    if unknown := options.keys() - {"size", "print_size", "dpi", "fill"}:
        raise InputError(f"there is no option {min(unknown)}; the options are size, print_size, dpi and fill.")
    _check(entry, options.get("print_size"))
    picture = entry.file(entry.order.result)
    initial = await studio.uploads.add_copy(picture, f"{entry.title}.{entry.order.format}")
    size = {} if options.get("print_size") else {"size": options.get("size") or 2 * entry.order.all_settings.size}
    settings = {**size, **_ONE_STAGE, "init": "content", "dpi": options.get("dpi") or 0.0}
    changes = {name: options[name] for name in ("print_size", "fill") if name in options}
    runtime = {"seconds": None}  # the forecast says how long it takes
    return entry.order.changed({"initial": initial, "settings": settings, "runtime": runtime, **changes})


def _check(entry: Entry, print_size: object) -> None:
    """Refuse a larger picture of a film, of a job that has no picture yet, or whose size is that of its paper."""
    if entry.order.is_film:
        raise InputError("a film has no larger picture that continues from it; order the film with a larger size.")
    entry.file(entry.order.result)
    if entry.order.print_size and not print_size:
        raise InputError("the picture has the size of its paper; ask for a print on a larger paper or with more dots.")


def _proportions(order: Order, store: Store) -> tuple[int, int]:
    """Return the width and height of the photograph of an order, or numbers in the proportions of its texture."""
    if order.content:
        photo = store.info(order.content)
        return photo["width"], photo["height"]
    width, height = (float(side) for side in order.shape.split(":"))
    return round(1000 * width), round(1000 * height)


def _bytes(entry: Entry, store: Store, size: int, content: Size) -> float | None:
    """Return the memory that a larger picture takes at the peak, planned as its run will be; None if that is not known.

    Raises:
        SpaceError: it does not fit.

    """
    needs = read_json(entry.folder / "needs.json")
    if not needs:
        return None
    styles = [store.info(style.picture) for style in entry.order.styles]
    sizes = [Size(style["width"], style["height"]) for style in styles]
    settings = entry.order.all_settings.replace(size=size, **_ONE_STAGE)
    scales = [style.scale for style in entry.order.styles]
    return Needs.from_dict(needs).plan(settings, content, sizes, scales=scales).bytes
