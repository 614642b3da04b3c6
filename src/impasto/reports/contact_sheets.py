"""Contact sheets: labeled pictures in rows and columns on white, each at its own size, whatever they show."""

import math
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, zip_longest
from typing import TYPE_CHECKING, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.drawing import importing_matplotlib
from impasto.images import Picture
from impasto.planning.plan import Size

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

__all__ = ["Block", "draw", "measure"]

_TEXT_RATIO = 1 / 24
"""The height of letters divided by the width of the widest picture, so that a sheet can be read as a small image."""

_MIN_TEXT_SIZE, _MAX_TEXT_SIZE = 12, 44
"""The bounds of the height of letters, in pixels."""

_ROW_LABEL_WIDTH = 11
"""The width at which the label of a row is broken into lines, in heights of its letters."""

_TITLE_GRAY, _LABEL_GRAY, _EMPTY_GRAY = 0.2, 0.4, 0.95
"""The brightness, in [0, 1], of titles, of labels, and of cells without a picture."""

_LINE_SPACING = 1.2
"""The distance between lines, in heights of letters, as in matplotlib."""

_DPI = 72
"""The dots per inch at which a typographic point is a pixel."""

_MAX_LABELS = 64
"""Drawn labels that are retained, since a sheet is drawn again after each of its pictures."""

Align = Literal["left", "right"]
Cell = TypeVar("Cell")
NewCell = TypeVar("NewCell")


@dataclass(frozen=True)
class Block(Generic[Cell]):
    """Cells in rows and columns, with their labels."""

    cells: Sequence[Sequence[Cell]]
    """The cells in rows, which may have different lengths."""
    columns: Sequence[str] = ()
    """The labels above the columns; empty for none."""
    rows: Sequence[str] = ()
    """The labels to the left of the rows; empty for none."""
    title: str = ""
    """The title above the block; empty for none."""

    def __iter__(self) -> Iterator[Cell]:
        return chain.from_iterable(self.cells)

    def map(self, change: Callable[[Cell], NewCell]) -> "Block[NewCell]":
        """Return the block with `change` applied to every cell."""
        return Block([[change(cell) for cell in row] for row in self.cells], self.columns, self.rows, self.title)


def draw(blocks: Sequence[Block[Picture | Size]]) -> Picture:
    """Draw blocks one below another; a cell that is a size is left empty."""
    sheet = _lay_out(blocks)
    canvas = torch.ones(3, sheet.height, sheet.width, dtype=torch.float32)
    for left, top, pixels in sheet.pieces:
        canvas[:, top : top + pixels.shape[1], left : left + pixels.shape[2]] = pixels
    return Picture(canvas)


def measure(blocks: Sequence[Block[Size]]) -> Size:
    """Return the size of a sheet that `draw` would draw, from the sizes of its pictures."""
    sheet = _lay_out(blocks)
    return Size(sheet.width, sheet.height)


class _Area(NamedTuple):
    """A rectangle of the sheet."""

    width: int
    height: int
    pieces: Sequence[tuple[int, int, Tensor]] = ()
    """The pixels of the rectangle in pieces: left, top and the pixels, (3, H, W)."""
    align_x: float = 0
    """The fraction of the spare width to the left of the area, if its cell is wider."""
    align_y: float = 0
    """The fraction of the spare height above the area, if its cell is higher."""


_EMPTY_AREA = _Area(0, 0)


def _lay_out(blocks: Sequence[Block[Picture]] | Sequence[Block[Size]] | Sequence[Block[Picture | Size]]) -> _Area:
    """Arrange blocks one below another, with a margin around them."""
    widest = max(cell.width for block in blocks for cell in block)
    size = round(min(max(widest * _TEXT_RATIO, _MIN_TEXT_SIZE), _MAX_TEXT_SIZE))
    inside = _table([[_titled_grid(block, size)] for block in blocks], 2 * size)
    margin = round(1.5 * size)
    pieces = [(left + margin, top + margin, pixels) for left, top, pixels in inside.pieces]
    return _Area(inside.width + 2 * margin, inside.height + 2 * margin, pieces)


def _titled_grid(block: Block[Picture] | Block[Size] | Block[Picture | Size], size: int) -> _Area:
    """Arrange the cells of a block right of the labels of the rows, below those of the columns and its title."""
    widths = [max(cell.width for cell in column if cell) for column in zip_longest(*block.cells)]
    rows = [[_cell_area(cell) for cell in row] for row in block.cells]
    column_labels = [
        _label(text, size, width)._replace(align_y=1)
        for text, width in zip(block.columns, widths, strict=bool(block.columns))
    ]
    row_labels = [
        _label(text, size, _ROW_LABEL_WIDTH * size, "right")._replace(align_x=1, align_y=0.5) for text in block.rows
    ]
    if row_labels:
        rows = [[label, *row] for label, row in zip(row_labels, rows, strict=True)]
    if column_labels:
        rows = [[_EMPTY_AREA] * bool(row_labels) + column_labels, *rows]
    grid = _table(rows, size)
    return _table([[_text(block.title, size, _TITLE_GRAY)], [grid]], size) if block.title else grid


def _cell_area(cell: Picture | Size) -> _Area:
    """Return the pixels of a picture in sRGB on white, or a gray rectangle of a size."""
    pixels = torch.tensor(_EMPTY_GRAY) if isinstance(cell, Size) else cell.on_white().in_profile(None).pixels.cpu()
    return _Area(cell.width, cell.height, [(0, 0, pixels.expand(3, cell.height, cell.width))])


def _table(rows: Sequence[Sequence[_Area]], gap: int) -> _Area:
    """Arrange areas in a table whose rows and columns are as large as their largest areas."""
    heights = [max(area.height for area in row) for row in rows]
    widths = [max(area.width for area in column) for column in zip_longest(*rows, fillvalue=_EMPTY_AREA)]
    pieces: list[tuple[int, int, Tensor]] = []
    for row, height, top in zip(rows, heights, _offsets(heights, gap), strict=True):
        for area, width, left in zip(row, widths, _offsets(widths, gap), strict=False):
            right, down = round(area.align_x * (width - area.width)), round(area.align_y * (height - area.height))
            pieces += [(left + right + x, top + down + y, pixels) for x, y, pixels in area.pieces]
    return _Area(sum(widths) + gap * (len(widths) - 1), sum(heights) + gap * (len(heights) - 1), pieces)


def _offsets(lengths: Sequence[int], gap: int) -> list[int]:
    """Return where each of several lengths begins, with a gap between them."""
    return list(accumulate((length + gap for length in lengths[:-1]), initial=0))


@lru_cache(_MAX_LABELS)
def _label(text: str, size: int, width: int, align: Align = "left") -> _Area:
    """Write a label in lines of at most `width` pixels, broken after spaces, commas and slashes where possible."""
    lines = [""]
    for word in re.findall(r"[^\s,/]*[\s,/]+|[^\s,/]+", text):
        longer = lines[-1] + word
        if lines[-1] and _canvas(longer.strip(), size, _LABEL_GRAY).figure.bbox.width > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return _text("\n".join(line.strip() for line in lines), size, _LABEL_GRAY, align)


@lru_cache(_MAX_LABELS)
def _text(text: str, size: int, gray: float, align: Align = "left") -> _Area:
    """Write a text on white."""
    canvas = _canvas(text, size, gray, align)
    with warnings.catch_warnings(action="ignore"):  # about a character that the font does not have and draws as a box
        canvas.draw()
    pixels: NDArray[np.uint8] = np.array(canvas.buffer_rgba(), np.uint8)[..., :3].transpose(2, 0, 1)  # (3, H, W)
    return _Area(pixels.shape[2], pixels.shape[1], [(0, 0, torch.from_numpy(pixels).float() / 255)])


def _canvas(text: str, size: int, gray: float, align: Align = "left") -> "FigureCanvasAgg":
    """Return a canvas that is as large as the text on it."""
    with importing_matplotlib():
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

    canvas = FigureCanvasAgg(Figure(dpi=_DPI))
    written = canvas.figure.text(0, 1, text, family="DejaVu Sans", size=size, color=str(gray), parse_math=False)
    written.set(va="top", multialignment=align)
    with warnings.catch_warnings(action="ignore"):
        width = math.ceil(written.get_window_extent(canvas.get_renderer()).width)
    height = math.ceil(_LINE_SPACING * size) * (1 + text.count("\n"))  # the letters of lines differ in height
    canvas.figure.set_size_inches(width / _DPI, height / _DPI)
    return canvas
