"""The targets of a stage's losses: statistics of the content image, and of the styles of each region of the picture.

It measures images with the network, in tiles like the picture itself; it knows nothing of the picture that is painted,
and no loss by name.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.images.digest import digest
from impasto.images.guides import guide
from impasto.layers import IMAGE
from impasto.losses import Loss, RegionTarget, Statistic
from impasto.losses.base import Measure
from impasto.machine.processes import Group
from impasto.network.vgg import VGG19
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.tile_units import (
    ContentFeatures,
    MeasureImage,
    Measurement,
    TiledNetwork,
    measure_image,
)
from impasto.objective.wrapping import add_margin
from impasto.planning.tiles import Tile, Tiling, Wraps
from impasto.settings import Settings

__all__ = ["MASK_BYTES", "Region", "StageSources", "StyleImage"]

_MAX_STYLE_TILE = 512
"""Pixels of a side of the tiles in which a style image is measured: whole, it may take more memory than the picture."""

MASK_BYTES = 4 * 7 / 3
"""Bytes a pixel of a mask of the picture and of its guides at all layers, which take a third more than the mask."""

_MIN_MASK_SUM = 1.0
"""Units that a mask needs inside at a layer, below which the layer does not see the region."""


class StyleImage(NamedTuple):
    """A style image at the size of a stage."""

    pixels: Tensor
    """RGB in [0, 1], (3, H, W)."""
    weight: float = 1.0
    """The style's weight among the styles of its region."""
    mask: Tensor | None = None
    """Where the style image counts, in [0, 1], (H, W); None: everywhere."""


class Region(NamedTuple):
    """A region of the picture, and the styles that are blended there."""

    styles: Sequence[StyleImage]
    area: Tensor | None = None
    """Where the region is, in [0, 1], (H, W); None: everywhere."""
    name: str = "the picture"
    """The name of the region in messages."""


@dataclass(eq=False)
class StageSources:
    """The content and the styles of a stage, and the losses that were built from them so far."""

    settings: Settings
    network: VGG19
    content: Tensor
    """RGB in [0, 1], (3, H, W)."""
    regions: Sequence[Region]
    tiling: Tiling
    group: Group
    focus: Tensor | None = None
    """Where the content counts more, in [0, 1], (H, W); None: nowhere."""
    targets: StoredTargets = field(default_factory=StoredTargets)
    """The targets of the previous objective, and of this one."""
    losses: list[Loss] = field(default_factory=list[Loss])

    @property
    def wraps(self) -> Wraps:
        """Whether the first row is a neighbor of the last one, and the first column of the last one."""
        return self.tiled.wraps

    @property
    def tiled(self) -> TiledNetwork:
        """The network, through which the picture passes tile by tile, for the losses so far."""
        return TiledNetwork(self.network, self.tiling, {loss.layer for loss in self.losses} - {IMAGE})

    def tiles(self) -> Sequence[Tile]:
        """List the tiles of this process."""
        return self.group.shard_list(self.tiled.tiles(self.content))

    @cached_property
    def content_features(self) -> ContentFeatures:
        """The content image's features, at the layers of the losses that need them."""
        layers = {loss.layer for loss in self.losses if loss.needs_content}
        tiles, tiled = self.tiles(), self.tiled

        def measure() -> ContentFeatures:
            return tiled.content_features(add_margin(self.content, tiled.margin), layers, tiles)

        key = self.network, digest(self.content), frozenset(layers), tuple(tiles), self.tiling
        return self.targets.get(key, measure)

    def content_target(self, layer: str, measure: Measure) -> Tensor:
        """Return the normalized statistic of the content image at a layer, of the shape of the statistic's total."""
        measurement = Measurement(self.network, self.content, {layer: None}, measure, self.tiling, self.group)
        return self._statistics(measurement, measure_image)[layer].mean

    def style_targets(self, layers: Collection[str], measure: Measure) -> Sequence[Mapping[str, RegionTarget]]:
        """Return the target of each region by layer, without the layers that see too little of it or of its styles.

        An InputError says that a region, or a style's mask, is too small for every layer.
        """
        return [self._region_target(region, layers, measure) for region in self.regions]

    def focus_weights(self, layer: str) -> Tensor | None:
        """Return how much the content image counts at each unit of a layer, (H, W); None: 1 everywhere.

        That is 1 outside the focus, `focus_weight` inside it, and a value between them where it is gray.
        """
        settings = self.settings
        if self.focus is None or settings.focus_weight == 1:
            return None
        inside = guide(self.focus, layer, settings.mask_spread, settings.mask_grow)
        return 1 + (settings.focus_weight - 1) * inside

    def value_without_features(self) -> float:
        """Return the value of all losses so far for an image whose features are all 0."""
        sums: dict[int, Statistic] = {}
        tiled = self.tiled
        for tile in self.tiles():
            content = self.content_features(tile)
            for number, loss in enumerate(self.losses):
                weights = tiled.owned_weights(loss.mask_weights, tile, loss.layer)
                statistic = loss.without_features(content.get(loss.layer), weights)
                if statistic is not None:
                    sums[number] = sums[number] + statistic if number in sums else statistic
        values = (self.losses[number].value(total.over(self.group.sum)) for number, total in sums.items())
        return float(sum(values, start=torch.zeros((), dtype=torch.float32)))

    def _region_target(self, region: Region, layers: Collection[str], measure: Measure) -> dict[str, RegionTarget]:
        """Return the weighted mean of the normalized statistics of a region's styles, by layer."""
        areas = self._mask_weights(region.area, layers, region.name)
        tiling = self.tiling._replace(
            side=min(self.tiling.side or _MAX_STYLE_TILE, _MAX_STYLE_TILE),
            wraps=(False, False),  # a painting ends at its edges
        )
        weight_sum = sum(style.weight for style in region.styles)
        means: list[dict[str, Tensor]] = []
        for style in region.styles:
            masks = self._mask_weights(style.mask, areas, f"the mask of a style of {region.name}")
            measurement = Measurement(self.network, style.pixels, masks, measure, tiling, self.group)
            statistics = self._statistics(measurement, self.targets.measure_style)
            weight = style.weight / weight_sum
            means.append({layer: statistic.mean * weight for layer, statistic in statistics.items()})
        common = [layer for layer in areas if all(layer in mean for mean in means)]
        if not common:
            raise InputError(f"no layer sees enough of {region.name} and of its styles; make the masks larger.")
        blend = {layer: torch.stack([mean[layer] for mean in means]).sum(0) for layer in common}
        return {layer: RegionTarget(mean, areas[layer]) for layer, mean in blend.items()}

    def _statistics(self, measurement: Measurement, measure: MeasureImage) -> Mapping[str, Statistic]:
        """Return the statistics of an image by layer, from the stored targets or measured now."""
        return self.targets.get(measurement.key, lambda: measure(measurement))

    def _mask_weights(self, area: Tensor | None, layers: Iterable[str], name: str) -> dict[str, Tensor | None]:
        """Return T² at the layers that see enough of an area, T the guidance channel (Gatys et al. 2017, equation 1).

        Statistics are divided by Σ T², which stands for the paper's scaling of T to a mean square of 1.
        """
        if area is None:
            return dict.fromkeys(layers)
        spread, grow = self.settings.mask_spread, self.settings.mask_grow
        channels = {layer: area if layer == IMAGE else guide(area, layer, spread, grow) for layer in layers}
        weights = {layer: channel.square() for layer, channel in channels.items()}
        inside: dict[str, Tensor | None] = {
            layer: weight for layer, weight in weights.items() if float(weight.sum()) >= _MIN_MASK_SUM
        }
        if not inside:
            raise InputError(
                f"{name} is too small: {float(area.sum()):.0f} of {area.numel()} pixels of the first stage, which no "
                f"layer sees with mask_spread {spread}; make it larger."
            )
        return inside
