"""An image in tiles: which pixels and units each tile owns, and how far around them it has to see (its halo).

Pure arithmetic on sizes; no tensors. A tile that sees `reach` pixels beyond those it owns computes the features of its
own units as the whole image has them. No two tiles own the same unit, so sums over the tiles are exact. Each
convolution loses a unit on the sides where the image continues; at the deepest layer the units that are left are owned.
"""

import math
from collections.abc import Collection, Iterator
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from impasto.layers import IMAGE, LAYERS, layer_named

__all__ = ["BAND", "GPU_UNITS", "UNCUT", "Cuts", "Span", "Storage", "Tile", "Tiling", "Wraps", "bands", "grid", "reach"]

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
    own_start: int
    own_stop: int
    length: int

    @property
    def cuts(self) -> tuple[bool, bool]:
        """Whether the image continues before the first and after the last pixel that the tile sees."""
        return self.start > 0, self.stop < self.length

    def seen(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile computes, by their place in the whole image."""
        this = layer_named(layer)
        before, after = (this.reach * cut for cut in self.cuts)
        return slice((self.start + before) // this.stride, (self.stop - after) // this.stride)

    def owned(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile owns, by their place in the whole image."""
        stride = layer_named(layer).stride
        return slice(self.own_start // stride, self.own_stop // stride)

    def pixels(self, layer: str = IMAGE) -> int:
        """Return how many pixels there are along the units of a layer that the tile computes."""
        units = self.seen(layer)
        return (units.stop - units.start) * layer_named(layer).stride

    def mine(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that the tile owns, by their place in the tile."""
        first, own = self.seen(layer).start, self.owned(layer)
        return slice(own.start - first, own.stop - first)


class Tile(NamedTuple):
    """A rectangle of an image."""

    rows: Span
    columns: Span

    @property
    def cuts(self) -> Cuts:
        """The sides on which the image continues beyond the tile."""
        return Cuts(*self.rows.cuts, *self.columns.cuts)

    def seen(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile computes, as slices of the whole image's features, (C, H, W)."""
        return slice(None), self.rows.seen(layer), self.columns.seen(layer)

    def owned(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile owns, as slices of the whole image's features, (C, H, W)."""
        return slice(None), self.rows.owned(layer), self.columns.owned(layer)

    def mine(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return the units of a layer that the tile owns, as slices of the tile's features, (C, H, W)."""
        return slice(None), self.rows.mine(layer), self.columns.mine(layer)


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
        """
        step = grid(layers)
        halo = 0 if self.is_whole else math.ceil(reach(layers) / step) * step
        down, across = (halo * wrap for wrap in self.wraps)
        return down, across

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
        step, halo = grid(layers), reach(layers)
        tall = height >= width
        margins = self.margin(layers)
        cut = partial(_spans, step=step, halo=halo)
        down = cut(height, self.side or height, margin=margins[0], processes=self.processes if tall else 1)
        across = cut(width, self.side or width, margin=margins[1], processes=1 if tall else self.processes)
        if tall:
            return [Tile(rows, columns) for rows in down for columns in across]
        return [Tile(rows, columns) for columns in across for rows in down]


def bands(height: int, units: int, at_once: int = BAND) -> Iterator[slice]:
    """Divide the rows of a signal into bands of nearly one size.

    Args:
        height: The number of rows.
        units: Units of a row, of all channels.
        at_once: Units of a band, about.

    Returns:
        The rows of each band.

    """
    count = math.ceil(height / max(_MIN_BAND_ROWS, at_once // units))
    step = math.ceil(height / count / _BAND_ROW_STEP) * _BAND_ROW_STEP
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def grid(layers: Collection[str]) -> int:
    """Return the pixels from one unit to the next in the deepest of `layers`."""
    return max((LAYERS[name].stride for name in layers), default=1)


def reach(layers: Collection[str]) -> int:
    """Return the halo of a tile: how many pixels beyond its own it has to see, 70 for conv5_1.

    It is at least one, for losses that look at neighboring pixels.
    """
    return max((LAYERS[name].reach for name in layers), default=1)


def _spans(length: int, side: int, *, step: int, halo: int, margin: int, processes: int) -> list[Span]:
    """Divide an axis into equally many spans for each process, at multiples of `step`."""
    count = math.ceil(length / max(side, step) / processes) * processes
    inner = [round(length * index / count / step) * step for index in range(1, count)]
    edges = sorted({0, *inner, length})
    owned = ((start + margin, stop + margin) for start, stop in pairwise(edges))
    whole = length + 2 * margin
    return [Span(max(0, start - halo), min(whole, stop + halo), start, stop, whole) for start, stop in owned]
