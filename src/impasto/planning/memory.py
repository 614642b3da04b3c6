"""The memory and the work of painting an image of some size, and the cheapest layout that fits a budget.

Pure arithmetic on sizes; no tensors. In addition to the process and the pictures as they were opened, N pixels take

    N · (images + optimizer + content targets + masks)  +  tiles whose activations are retained  +  the tile under way

The bytes come from a `Footprint`, in which the network, the losses and the optimizer state theirs. What is known here
is how they add up. docs/large-images.md compares the sums with measured ones.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from impasto.layers import up_to
from impasto.planning.footprint import IMAGE_BYTES, Caching, Footprint, Overhead
from impasto.planning.tiles import Storage, Tile, Tiling
from impasto.settings import Settings
from impasto.settings.choices import HistoryDtype

__all__ = ["Budget", "Layout", "cheapest_layout"]

_TILE_SIDES = (0, 2048, 1536, 1024, 768, 512, 384, 256)
"""Sides of tiles to choose from, in pixels; 0 is the whole image."""

_HALVED_HISTORY_WORK = 0.06
"""The fraction of work that half the history costs: the additional evaluations that reach the same loss."""

_ROUNDING_WORK = 0.01
"""The fraction of work that a history in bfloat16 costs, and content targets in bfloat16."""

_USABLE_FRACTION = 0.9
"""The fraction of the memory that a plan may take: docs/large-images.md says how far predictions were off."""

_MIN_HISTORY = 2
"""Pairs in the shortest history to choose from."""


class Budget(NamedTuple):
    """What there is to compute with."""

    limit: float = math.inf
    """Bytes that the process may take."""
    baseline: float = 0
    """Bytes of the limit that the process takes before a run, with the network ready."""
    feature_bytes: int = 4
    """Bytes of one feature."""
    history_dtype: HistoryDtype | None = None
    """The precision of L-BFGS's pairs; None: the more precise one that fits."""
    processes: int = 1
    """Processes that paint the image together; the bytes are those of one process."""
    masks: int = 0
    """Masks of the picture, each with a guide at every layer."""
    styles: int = 0
    """Pixels of all style images together."""
    overheads: Mapping[Caching, Overhead] = {"none": Overhead()}
    """What the allocator takes beyond the need, by what it caches, the fastest first; a plan has to fit the last."""

    @property
    def usable(self) -> float:
        """The most bytes that a plan may predict for the process: less than the limit, since predictions err."""
        return _USABLE_FRACTION * self.limit

    @property
    def available(self) -> float:
        """Bytes for the run itself, with as little cached as can be."""
        overhead = self.overheads["none"]
        return (self.usable - self.baseline - overhead.bytes) / overhead.factor

    def with_available(self, available: float) -> "Budget":
        """Change the limit so that the run itself has a number of bytes.

        Args:
            available: Bytes for the run itself.

        Returns:
            The budget.

        """
        return self._replace(limit=(self.baseline + self.overheads["none"].total(available)) / _USABLE_FRACTION)


class Layout(NamedTuple):
    """How an image is computed, and what that takes."""

    tiling: Tiling
    tiles: int
    """How many tiles there are."""
    history: int
    """Pairs of L-BFGS."""
    history_dtype: HistoryDtype
    """The precision of the pairs."""
    bytes: int
    """Bytes at the peak, beyond what the process takes before the run."""
    work: float
    """The work of an evaluation over that of a whole image; evaluations that a shorter history costs count, too."""

    @property
    def pair_bytes(self) -> int:
        """Bytes of the curvature pairs for each value of a pixel."""
        return 2 * self.history * (2 if self.history_dtype == "bfloat16" else 4)


def cheapest_layout(
    settings: Settings, height: int, width: int, footprint: Footprint, budget: Budget, *, evaluations: int
) -> Layout | None:
    """Return the layout that fits with the least work.

    Args:
        settings: The picture.
        height: In pixels.
        width: In pixels.
        footprint: What the parts of a run take in memory.
        budget: What the layout has to fit in.
        evaluations: Evaluations of the run so far and in this stage: a history of more pairs would never be full.

    Returns:
        The layout, or None where nothing fits.

    """
    if height * width * footprint.images > budget.available:
        return None  # at once: listing the tiles of such an image may take minutes
    problem = _Problem(settings, height, width, footprint, budget, max(1, min(settings.history, evaluations)))
    layouts = (
        problem.layout(tiling, tiles, history)
        for (tiling, tiles), history in product(problem.tilings(), problem.histories())
    )
    return min(filter(None, layouts), key=lambda layout: (layout.work, layout.bytes), default=None)


class _TileSummary(NamedTuple):
    """How many tiles an image has, with their work and their size."""

    number: int
    macs: float
    """Multiply-adds of all tiles together, once forward."""
    max_pixels: int
    """Pixels that the largest tile sees."""


class _History(NamedTuple):
    """A history of L-BFGS."""

    pairs: int
    dtype: HistoryDtype


class _FixedBytes(NamedTuple):
    """Bytes of one process that do not depend on how many tiles it retains."""

    run: float
    """What stays allocated during the whole stage."""
    tile: float
    """The activations of one tile."""
    passes: float
    """The peak of the forward and the backward pass of one tile, with its activations."""
    step: float
    """The optimizer's step."""
    measurement: float
    """What is allocated while style images are measured, before there is a gradient."""

    def peak(self, retained_tiles: int) -> float:
        """Return the peak where a number of tiles are retained."""
        return self.run + max(self.passes + (retained_tiles - 1) * self.tile, self.step, self.measurement)

    def max_retained_tiles(self, available: float, tiles: float) -> int:
        """Return how many tiles can be retained; 0 or less where not even one can, or a step does not fit.

        Args:
            available: Bytes for the run.
            tiles: Tiles of this process.

        """
        if self.run + max(self.step, self.measurement) > available:
            return 0
        return int(min(tiles, 1 + (available - self.run - self.passes) // self.tile))


class _Problem(NamedTuple):
    """An image for which a layout is looked for."""

    settings: Settings
    height: int
    width: int
    footprint: Footprint
    budget: Budget
    max_pairs: int
    """Pairs of the longest history to choose from."""

    def tilings(self) -> Iterator[tuple[Tiling, _TileSummary]]:
        """List the ways to divide the image and to store the content targets."""
        layers, processes = self.footprint.layers, self.budget.processes
        for side in _TILE_SIDES:
            if side < max(self.height, self.width):
                tiling = Tiling(side, processes=processes, wraps=self.settings.wraps)
                tiles = _summarize(tiling.tiles(self.height, self.width, layers), layers)
                if tiles.max_pixels < self.footprint.network.max_pixels:
                    yield from ((tiling._replace(targets=storage), tiles) for storage in self.footprint.targets)

    def histories(self) -> list[_History]:
        """List the histories to choose from, the longest and most precise first."""
        halvings = int(math.log2(self.max_pairs / _MIN_HISTORY)) if self.settings.optimizer == "lbfgs" else 0
        lengths = [self.max_pairs >> halving for halving in range(max(1, halvings + 1))]
        dtype = self.budget.history_dtype
        dtypes: Iterable[HistoryDtype] = self.footprint.optimizer.pair if dtype is None else (dtype,)
        return [_History(pairs, dtype) for pairs in lengths for dtype in dtypes]

    def layout(self, tiling: Tiling, tiles: _TileSummary, history: _History) -> Layout | None:
        """Return a layout with as many tiles retained as fit, or None where not one does.

        Args:
            tiling: How the image is divided, and how content features are stored.
            tiles: The tiles of that tiling.
            history: The history of L-BFGS.

        Returns:
            The layout, or None.

        """
        fixed = self._fixed_bytes(tiling.targets, tiles, history)
        process_tiles = tiles.number / self.budget.processes
        retained = fixed.max_retained_tiles(self.budget.available, process_tiles)
        if retained < 1:
            return None
        work = self._work(tiling.targets, tiles, history, retained / process_tiles)
        peak, tiling = int(fixed.peak(retained)), tiling._replace(retained_tiles=retained)
        return Layout(tiling, tiles.number, history.pairs, history.dtype, peak, work)

    def _fixed_bytes(self, targets: Storage, tiles: _TileSummary, history: _History) -> _FixedBytes:
        """Add up the bytes that do not depend on how many tiles are retained."""
        footprint, processes, pixels = self.footprint, self.budget.processes, self.height * self.width
        network, optimizer = footprint.network, footprint.optimizer
        optimizer_bytes = optimizer.state + optimizer.pair[history.dtype] * history.pairs
        optimizer_bytes /= processes if optimizer.is_divided else 1
        content = footprint.targets[targets] / (1 if targets == "recomputed" else processes)
        tile, passes = tiles.max_pixels * network.retained, tiles.max_pixels * network.peak
        if targets == "recomputed":  # in addition to a tile's activations
            passes = max(passes, tile + tiles.max_pixels * footprint.content.forward)
        return _FixedBytes(
            run=pixels * (footprint.images + optimizer_bytes + content + footprint.mask * self.budget.masks),
            tile=tile,
            passes=passes + network.bands,
            step=pixels * (optimizer.step / processes + optimizer.filtering),
            measurement=footprint.style * self.budget.styles - IMAGE_BYTES * pixels + tile,
        )

    def _work(self, targets: Storage, tiles: _TileSummary, history: _History, retained_fraction: float) -> float:
        """Return the work of an evaluation over that of the whole image."""
        image_macs = _macs_per_pixel(self.footprint.layers)
        forward = 2 - retained_fraction
        if targets == "recomputed":
            forward *= 1 + _macs_per_pixel(self.footprint.content_layers) / image_macs
        work = tiles.macs / self.budget.processes / (self.height * self.width * image_macs) * (forward + 1) / 2
        roundings = (history.dtype == "bfloat16") + (targets == "bfloat16")
        halvings = math.log2(self.max_pairs / history.pairs)
        return work * (1 + _HALVED_HISTORY_WORK * halvings + _ROUNDING_WORK * roundings)


def _summarize(tiles: Sequence[Tile], layers: Collection[str]) -> _TileSummary:
    """Count the tiles, their work and their pixels."""
    rows, columns = {tile.rows for tile in tiles}, {tile.columns for tile in tiles}
    macs = sum(
        layer.macs * sum(span.pixels(layer.name) for span in rows) * sum(span.pixels(layer.name) for span in columns)
        for layer in up_to(*layers)
    )
    max_pixels = max(span.pixels() for span in rows) * max(span.pixels() for span in columns)
    return _TileSummary(len(tiles), macs, max_pixels)


def _macs_per_pixel(layers: Collection[str]) -> float:
    """Return the multiply-adds per pixel of the image, once forward to the deepest of some layers."""
    return sum(layer.macs for layer in up_to(*layers))
