"""What the parts of a run take in memory, as numbers that each part states next to its code and the planner adds up.

Numbers are bytes a pixel of the picture, or of what a tile sees, unless they say otherwise.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from impasto.planning.tiles import Storage
from impasto.settings.choices import HistoryDtype

__all__ = ["IMAGE_BYTES", "Caching", "Footprint", "NetworkFootprint", "OptimizerFootprint", "Overhead", "StepFootprint"]

IMAGE_BYTES = 3 * 4
"""Bytes a pixel of an image in float32, with three channels."""


class StepFootprint(NamedTuple):
    """What one step of a network takes: a layer, or a convolution with the pooling after it."""

    output: float
    """The step's output."""
    retained: float
    """What stays until the step's backward pass; it includes the output where a loss looks at the layer."""
    backward: float
    """What is alive in the step's backward pass, in addition to what is retained."""
    scratch: float = 0.0
    """What is alive in the step's forward pass, in addition to its input and output."""
    retains_output: bool = False
    """Whether `retained` includes the output."""


class NetworkFootprint(NamedTuple):
    """What a tile takes on its way through a network and back."""

    retained: float
    """What stays from the forward to the backward pass."""
    forward: float
    """The peak of a forward pass of which nothing is retained."""
    peak: float
    """The peak of both passes, with what is retained."""
    bands: float = 0.0
    """Bytes, whatever the size, of the band of rows under way."""
    max_pixels: float = math.inf
    """Pixels of a tile that the network cannot take, however much memory there is."""

    @classmethod
    def of_steps(
        cls, signal: float, steps: Iterable[StepFootprint], bands: float = 0.0, max_pixels: float = math.inf
    ) -> "NetworkFootprint":
        """Follow what is alive from step to step, and back.

        Args:
            signal: Bytes a pixel of the first step's input.
            steps: The steps of the network, from the image to the deepest layer in use.
            bands: Bytes, whatever the size, of the band of rows under way.
            max_pixels: Pixels of a tile that the network cannot take.

        Returns:
            The footprint of a tile; the tile's image is retained, too.

        """
        steps = list(steps)
        retained, forward, peak = float(IMAGE_BYTES), 0.0, 0.0
        unretained = signal
        for step in steps:
            computed = step.scratch + step.output
            forward, peak = max(forward, signal + computed), max(peak, retained + unretained + computed)
            retained += step.retained
            signal, unretained = step.output, 0.0 if step.retains_output else step.output
        remaining = retained
        for step in reversed(steps):
            peak = max(peak, remaining + step.backward)
            remaining -= step.retained
        return cls(retained, forward, peak, bands, max_pixels)


class OptimizerFootprint(NamedTuple):
    """What an optimizer takes."""

    state: float
    """What it remembers from step to step, without curvature pairs."""
    pair: Mapping[HistoryDtype, float]
    """A curvature pair, by the precision in which it is remembered."""
    is_divided: bool
    """Whether processes that paint together each remember a shard."""
    step: float
    """What is alive in a step alone, of which each process has a shard."""
    filtering: float
    """What is alive where an image is filtered by frequency, which each process does for the whole image."""


class Footprint(NamedTuple):
    """What a run takes: everything that a planner has to know of the network, the losses and the optimizer."""

    layers: frozenset[str]
    """The layers that losses look at."""
    content_layers: frozenset[str]
    """The layers at which losses look at the content image's features, too."""
    network: NetworkFootprint
    """The network down to the deepest layer that any loss looks at, with the losses."""
    content: NetworkFootprint
    """The network down to the deepest of the content layers."""
    targets: Mapping[Storage, float]
    """The content image's features, by how they are stored; each process stores a shard, but recomputes from all."""
    optimizer: OptimizerFootprint
    images: float
    """Images that each process has at the peak, in addition to the optimizer's."""
    mask: float
    """A mask of the picture, with its guides at all layers."""
    style: float
    """A style image while it is measured, a pixel of it."""


Caching = Literal["all", "small", "none"]
"""The blocks of memory that the allocator caches when they are freed: the more, the sooner a run ends."""


class Overhead(NamedTuple):
    """What an allocator takes beyond what it is asked for: `factor` times the need, plus `bytes`."""

    factor: float = 1.0
    bytes: float = 0.0

    def total(self, needed: float) -> float:
        """Return the bytes that the allocator takes for the bytes that are needed."""
        return self.factor * needed + self.bytes
