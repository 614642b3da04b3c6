"""An image in tiles: which pixels and units each tile owns, and how far around them it has to see (its halo).

Pure arithmetic on sizes; no tensors. A tile that sees `halo_width` pixels beyond those it owns computes the features of
its own units as the whole image has them. No two tiles own the same unit, so sums over the tiles are exact. Each
convolution loses a unit on the sides where the image continues, so that at the deepest layer the tile owns all units.
"""

import math
from collections.abc import Collection, Iterator
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from impasto.layers import IMAGE, LAYERS, layer_named

__all__ = [
    "BAND",
    "GPU_UNITS",
    "UNCUT",
    "Cuts",
    "Span",
    "Storage",
    "Tile",
    "Tiling",
    "Wraps",
    "bands",
    "grid",
    "halo_width",
]

BAND = 1 << 22
"""Units of a band, about: the number computed at a time where a signal is computed in bands of rows."""

GPU_UNITS = 2**31
"""Units that a signal on a GPU cannot reach: its kernels count them in 32 bits."""

_MIN_BAND_ROWS = 24
"""Rows of the shortest band."""

_BAND_ROW_STEP = 8
"""Rows of which those of a band are a multiple: Winograd's algorithm takes four rows together."""

Storage = Literal["stored", "bfloat16", "recomputed"]
"""How the content image's features are stored: as they are, rounded to bfloat16, or recomputed at each evaluation."""

Wraps = tuple[bool, bool]
"""Whether the first row of an image is the neighbor of the last, and whether the first column is that of the last."""


class Cuts(NamedTuple):
    """The sides on which an image continues beyond a tile, so that there is no padding."""

    above: bool = False
    below: bool = False
    left: bool = False
    right: bool = False


UNCUT = Cuts()
"""The cuts of a whole image."""


class Span(NamedTuple):
    """A tile along one axis, in pixels: what it sees, what it owns, and the length of the image."""

    start: int
    stop: int
    owned_start: int
    owned_stop: int
    length: int

    @property
    def cuts(self) -> tuple[bool, bool]:
        """Whether the image continues before the first and after the last pixel that the tile sees."""
        return self.start > 0, self.stop < self.length

    def extent(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile computes, as a slice of the whole image's."""
        stride, halo = layer_named(layer).stride, layer_named(layer).halo
        cut_before, cut_after = self.cuts
        return slice((self.start + halo * cut_before) // stride, (self.stop - halo * cut_after) // stride)

    def owned(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile owns, as a slice of the whole image's."""
        stride = layer_named(layer).stride
        return slice(self.owned_start // stride, self.owned_stop // stride)

    def owned_in_tile(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile owns, as a slice of those that it computes."""
        offset, owned = self.extent(layer).start, self.owned(layer)
        return slice(owned.start - offset, owned.stop - offset)

    def pixels(self, layer: str = IMAGE) -> int:
        """Return the number of pixels along the units of a layer that the tile computes."""
        extent = self.extent(layer)
        return (extent.stop - extent.start) * layer_named(layer).stride


class Tile(NamedTuple):
    """A rectangle of an image."""

    rows: Span
    columns: Span

    @property
    def cuts(self) -> Cuts:
        """The sides on which the image continues beyond the tile."""
        return Cuts(*self.rows.cuts, *self.columns.cuts)

    def extent(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile computes, as slices of the whole image's features, (C, H, W)."""
        return slice(None), self.rows.extent(layer), self.columns.extent(layer)

    def owned(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile owns, as slices of the whole image's features, (C, H, W)."""
        return slice(None), self.rows.owned(layer), self.columns.owned(layer)

    def owned_in_tile(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile owns, as slices of the tile's features, (C, H, W)."""
        return slice(None), self.rows.owned_in_tile(layer), self.columns.owned_in_tile(layer)


class Tiling(NamedTuple):
    """How an image is divided into tiles, and what is retained and stored of them."""

    side: int = 0
    """Pixels that a tile owns along a side, at most about; 0 for one tile, the whole image, or one for each process."""
    retained_tiles: int = 1
    """Tiles whose activations are retained from the forward to the backward pass; all others compute theirs twice."""
    targets: Storage = "stored"
    """How the content image's features are stored from one evaluation to the next."""
    processes: int = 1
    """Processes among which the tiles are divided; each has neighboring tiles, and all have equally many."""
    wraps: Wraps = (False, False)
    """The edges of the image that meet; a side along which they do is a multiple of the grid."""

    @property
    def is_whole(self) -> bool:
        """Whether there is one tile only, whatever the size."""
        return not self.side and self.processes == 1

    def margin(self, layers: Collection[str]) -> tuple[int, int]:
        """Return how many pixels beyond the edges tiles see: rows above and below, columns left and right.

        The whole image needs none, since its convolutions wrap around.

        Args:
            layers: The names of the layers that losses look at.

        Returns:
            The rows and the columns, in pixels.

        """
        step = grid(layers)
        width = 0 if self.is_whole else math.ceil(halo_width(layers) / step) * step
        rows_wrap, columns_wrap = self.wraps
        return width * rows_wrap, width * columns_wrap

    def tiles(self, height: int, width: int, layers: Collection[str]) -> list[Tile]:
        """Divide an image for losses at some layers.

        Tiles are of nearly one size, and begin at multiples of the deepest layer's stride, so that each
        pooling has the same blocks of 2 × 2 as in the whole image.

        Args:
            height: In pixels, without a margin.
            width: In pixels, without a margin.
            layers: The layers that losses look at.

        Returns:
            The tiles in order along the long side; their coordinates are those of the image with its `margin`.

        """
        is_tall = height >= width
        row_margin, column_margin = self.margin(layers)
        divide = partial(_spans, step=grid(layers), halo=halo_width(layers))
        row_spans = divide(height, self.side or height, margin=row_margin, processes=self.processes if is_tall else 1)
        column_spans = divide(
            width, self.side or width, margin=column_margin, processes=1 if is_tall else self.processes
        )
        if is_tall:
            return [Tile(rows, columns) for rows in row_spans for columns in column_spans]
        return [Tile(rows, columns) for columns in column_spans for rows in row_spans]


def bands(height: int, row_units: int) -> Iterator[slice]:
    """Divide the rows of a signal into bands of nearly one size, each of about `BAND` units.

    Args:
        height: The number of rows.
        row_units: Units of a row, of all channels.

    Returns:
        The rows of each band.

    """
    count = math.ceil(height / max(_MIN_BAND_ROWS, BAND // row_units))
    step = math.ceil(height / count / _BAND_ROW_STEP) * _BAND_ROW_STEP
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def grid(layers: Collection[str]) -> int:
    """Return the pixels from one unit to the next in the deepest of `layers`."""
    return max((LAYERS[name].stride for name in layers), default=1)


def halo_width(layers: Collection[str]) -> int:
    """Return the width of a tile's halo: the pixels beyond its own that it has to see, 70 for conv5_1.

    It is at least one, for losses that look at neighboring pixels.

    Args:
        layers: The names of the layers that losses look at.

    Returns:
        The width, in pixels.

    """
    return max((LAYERS[name].halo for name in layers), default=1)


def _spans(length: int, side: int, *, step: int, halo: int, margin: int, processes: int) -> list[Span]:
    """Divide an axis into equally many spans for each process, at multiples of `step`."""
    count = math.ceil(length / max(side, step) / processes) * processes
    inner_edges = [round(length * index / count / step) * step for index in range(1, count)]
    edges = sorted({0, *inner_edges, length})
    owned = ((start + margin, stop + margin) for start, stop in pairwise(edges))
    total = length + 2 * margin
    return [Span(max(0, start - halo), min(total, stop + halo), start, stop, total) for start, stop in owned]
