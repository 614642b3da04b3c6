"""An image in parts: which pixels and units each part owns, and how far around them it has to look.

Pure arithmetic on sizes; no tensors. A part that looks `reach` pixels beyond what it owns has the features of all units
that it owns as the whole image has them, and what it owns is owned by no other. So sums over the parts are exact. Each
convolution loses a unit on the sides where the image goes on; at the deepest layer what is left is what is owned.
"""

import math
from collections.abc import Collection, Iterator
from functools import partial
from itertools import pairwise
from typing import Literal, NamedTuple

from impasto.layers import IMAGE, LAYERS, at

__all__ = ["BAND", "GPU_UNITS", "UNCUT", "Cuts", "Span", "Storage", "Tile", "Tiling", "Wraps", "bands", "grid", "reach"]

BAND = 1 << 22
"""Units that are worked on at a time, at most about, where a signal can be passed in bands of rows."""

GPU_UNITS = 2**31
"""Units of a signal on a GPU, which has less: its kernels count them in 32 bits."""

_FEWEST, _STEP = 24, 8
"""Rows of a band, at least, and of which there is a multiple: Winograd's algorithm takes four together."""

Storage = Literal["stored", "bfloat16", "recomputed"]
"""As they are, rounded, or not at all, but computed each time."""

Wraps = tuple[bool, bool]
"""Whether the first and the last row of an image are neighbors, and the first and the last column."""


class Cuts(NamedTuple):
    """The sides on which an image goes on, so that nothing can be put in the place of what is beyond."""

    above: bool = False
    below: bool = False
    left: bool = False
    right: bool = False


UNCUT = Cuts()


class Span(NamedTuple):
    """Along one axis, in pixels: what is looked at, what of it is owned, and how much there is."""

    start: int
    stop: int
    own_start: int
    own_stop: int
    length: int

    @property
    def cuts(self) -> tuple[bool, bool]:
        """Whether the image goes on before the first and after the last pixel that is looked at."""
        return self.start > 0, self.stop < self.length

    def seen(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that are known, among the whole image's: fewer, the deeper it is."""
        this = at(layer)
        before, after = (this.reach * cut for cut in self.cuts)
        return slice((self.start + before) // this.stride, (self.stop - after) // this.stride)

    def owned(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that are owned, among the whole image's."""
        stride = at(layer).stride
        return slice(self.own_start // stride, self.own_stop // stride)

    def pixels(self, layer: str = IMAGE) -> int:
        """Return how many pixels lie along the units of a layer that are known."""
        units = self.seen(layer)
        return (units.stop - units.start) * at(layer).stride

    def mine(self, layer: str = IMAGE) -> slice:
        """Return the units of a layer that are owned, among those that are known."""
        first, own = self.seen(layer).start, self.owned(layer)
        return slice(own.start - first, own.stop - first)


class Tile(NamedTuple):
    """A rectangle of an image."""

    rows: Span
    columns: Span

    @property
    def cuts(self) -> Cuts:
        """The sides on which the image goes on."""
        return Cuts(*self.rows.cuts, *self.columns.cuts)

    def seen(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return where the units of a layer that it knows lie in the whole image's features, (C, H, W)."""
        return slice(None), self.rows.seen(layer), self.columns.seen(layer)

    def owned(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return where the units of a layer that it owns lie in the whole image's features."""
        return slice(None), self.rows.owned(layer), self.columns.owned(layer)

    def mine(self, layer: str = IMAGE) -> tuple[slice, slice, slice]:
        """Return where the units of a layer that it owns lie among those that it knows."""
        return slice(None), self.rows.mine(layer), self.columns.mine(layer)


class Tiling(NamedTuple):
    """How an image is divided, and what is kept of its parts from the way forward to the way back."""

    side: int = 0
    """Pixels that a tile owns along a side, at most about; 0 for one tile, the whole image."""
    retained_tiles: int = 1
    """Tiles whose features are kept; those of all others are computed once more."""
    targets: Storage = "stored"
    """How the content image's features are held from one evaluation to the next."""
    processes: int = 1
    """Processes that tiles are divided among: neighbors, as many for each."""
    wraps: Wraps = (False, False)
    """What the image does; each side that wraps around is a multiple of the grid."""

    @property
    def is_whole(self) -> bool:
        """Whether there is but one tile, whatever the size."""
        return not self.side and self.processes == 1

    def margin(self, layers: Collection[str]) -> tuple[int, int]:
        """Return how many pixels from beyond the edges tiles see: rows above and below, columns left and right.

        The whole image needs none, since its convolutions reach around.
        """
        step = grid(layers)
        far = 0 if self.is_whole else math.ceil(reach(layers) / step) * step
        down, across = (far * wrap for wrap in self.wraps)
        return down, across

    def tiles(self, height: int, width: int, layers: Collection[str]) -> list[Tile]:
        """Divide an image for losses at some layers; places are those in the image with its `margin`.

        Tiles are of nearly one size, and begin at multiples of the deepest layer's stride, so that the pooling takes
        the same fours as in the whole image. They are in order along the long side.
        """
        step, halo = grid(layers), reach(layers)
        tall = height >= width
        margins = self.margin(layers)
        cut = partial(_spans, step=step, halo=halo)
        down = cut(height, self.side or height, margin=margins[0], shares=self.processes if tall else 1)
        across = cut(width, self.side or width, margin=margins[1], shares=1 if tall else self.processes)
        if tall:
            return [Tile(rows, columns) for rows in down for columns in across]
        return [Tile(rows, columns) for columns in across for rows in down]


def bands(height: int, units: int, at_once: int = BAND) -> Iterator[slice]:
    """Divide rows of so many units each into bands of nearly one size."""
    count = math.ceil(height / max(_FEWEST, at_once // units))
    step = math.ceil(height / count / _STEP) * _STEP
    return (slice(start, min(start + step, height)) for start in range(0, height, step))


def grid(layers: Collection[str]) -> int:
    """Return the pixels from one unit to the next in the deepest of `layers`."""
    return max((LAYERS[name].stride for name in layers), default=1)


def reach(layers: Collection[str]) -> int:
    """Return how many pixels beyond those of an owned unit are looked at: 70 for conv5_1.

    At least one, for losses that look at neighboring pixels.
    """
    return max((LAYERS[name].reach for name in layers), default=1)


def _spans(length: int, side: int, *, step: int, halo: int, margin: int, shares: int) -> list[Span]:
    count = math.ceil(length / max(side, step) / shares) * shares
    inner = [round(length * index / count / step) * step for index in range(1, count)]
    edges = sorted({0, *inner, length})
    places = ((start + margin, stop + margin) for start, stop in pairwise(edges))
    whole = length + 2 * margin
    return [Span(max(0, start - halo), min(whole, stop + halo), start, stop, whole) for start, stop in places]
