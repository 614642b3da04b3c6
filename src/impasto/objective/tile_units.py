"""The units of a tile: the features and pixels that it sees of an image, and those that it owns.

It measures images in tiles and knows neither losses by name nor settings.
"""

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.images.digest import digest
from impasto.layers import IMAGE, LAYERS, layer_named
from impasto.losses.base import Measure, Statistic, Units
from impasto.machine.processes import ALONE, Group
from impasto.network.vgg import VGG19, Features
from impasto.objective.wrapping import Margin, add_margin
from impasto.planning.footprint import IMAGE_BYTES
from impasto.planning.tiles import Storage, Tile, Tiling, Wraps

__all__ = [
    "ContentFeatures",
    "MeasureImage",
    "Measurement",
    "TiledNetwork",
    "measure_image",
    "stored_bytes",
]

ContentFeatures = Callable[[Tile], Mapping[str, Tensor]]
"""The content image's features of the units that a tile owns, by layer, each (C, H, W)."""


class TiledNetwork(NamedTuple):
    """The network, through which images pass tile by tile, for losses at some layers."""

    network: VGG19
    """VGG-19 on the image's device."""
    tiling: Tiling
    layers: Collection[str]
    """The network's layers that losses look at, without the layer `image`."""

    @property
    def margin(self) -> Margin:
        """Pixels that tiles see beyond the edges of the image."""
        return self.tiling.margin(self.layers)

    @property
    def wraps(self) -> Wraps:
        """Along which axes convolutions reach around the image: tiles have a margin instead."""
        return self.tiling.wraps if self.tiling.is_whole else (False, False)

    def tiles(self, image: Tensor) -> Sequence[Tile]:
        """Divide an image without its margin, (3, H, W)."""
        return self.tiling.tiles(image.shape[1], image.shape[2], self.layers)

    def features(self, image: Tensor, tile: Tile, *, retain: bool = False) -> Features:
        """Compute the features that a tile sees.

        Args:
            image: RGB in [0, 1] with its margin, (3, H, W).
            tile: The tile.
            retain: Whether to retain the data that `network.pullback` needs.

        Returns:
            The features of the layers, and at the layer `image` the pixels in gray levels.

        """
        pixels = image[tile.extent()]
        features = Features(image.dtype)
        if self.layers:
            features = self.network.compute(pixels, self.layers, retain=retain, wraps=self.wraps, cuts=tile.cuts)
        features[IMAGE] = pixels * 255
        return features

    def owned_units(
        self,
        features: Mapping[str, Tensor],
        tile: Tile,
        layer: str,
        mask_weights: Tensor | None,
        content: Tensor | None = None,
    ) -> Units:
        """Return the units that a tile owns; of the image, all pixels that it sees, where those of other tiles count 0.

        Args:
            features: The features that the tile sees, by layer.
            tile: The tile.
            layer: A layer of the network, or `image`.
            mask_weights: How much each unit of the whole image counts, (H, W) at the layer; None: 1.
            content: The content image's features of the units that the tile owns.

        Returns:
            The units, with weights where not every unit counts 1.

        """
        weights = self.owned_weights(mask_weights, tile, layer)
        if layer == IMAGE:
            return Units(features[IMAGE], _pixel_weights(features[IMAGE], tile, weights))
        return Units(features[layer][tile.owned_in_tile(layer)], weights, content)

    def owned_weights(self, mask_weights: Tensor | None, tile: Tile, layer: str) -> Tensor | None:
        """Return the weights of the units that a tile owns.

        Args:
            mask_weights: The weights of all units of the image without its margin, (H, W) at the layer; None: 1.
            tile: The tile.
            layer: A layer of the network, or `image`.

        Returns:
            (h, w), or None.

        """
        if mask_weights is None:
            return None
        stride = layer_named(layer).stride
        rows, columns = (
            slice(owned.start - width // stride, owned.stop - width // stride)
            for owned, width in zip(tile.owned(layer)[1:], self.margin, strict=True)
        )
        return mask_weights[rows, columns]

    def content_features(self, content: Tensor, layers: Collection[str], tiles: Sequence[Tile]) -> ContentFeatures:
        """Return the content image's features for any tile: stored as the tiling says, or computed each time.

        Args:
            content: RGB in [0, 1] with its margin, (3, H, W).
            layers: Layers of the network.
            tiles: The tiles that will be asked for.

        Returns:
            A function of a tile.

        """

        def measure(tile: Tile) -> Mapping[str, Tensor]:
            features = self.network.compute(content[tile.extent()], layers, wraps=self.wraps, cuts=tile.cuts)
            return {name: layer_features[tile.owned_in_tile(name)] for name, layer_features in features.items()}

        if self.tiling.targets == "recomputed":
            return measure
        dtype = torch.bfloat16 if self.tiling.targets == "bfloat16" else None
        stored = {
            tile: {name: features.to(dtype, copy=True) for name, features in measure(tile).items()} for tile in tiles
        }
        return stored.__getitem__


def _pixel_weights(pixels: Tensor, tile: Tile, weights: Tensor | None) -> Tensor | None:
    """Return the weights of the pixels that a tile owns and 0 for all others, (H, W); None: 1 for all."""
    if tile.owned() == tile.extent():
        return weights
    pixel_weights = torch.zeros_like(pixels[0])
    pixel_weights[tile.owned_in_tile()[1:]] = 1 if weights is None else weights
    return pixel_weights


def stored_bytes(layers: Collection[str], feature: int) -> dict[Storage, float]:
    """Return the bytes a pixel that `TiledNetwork.content_features` stores from one evaluation to the next.

    Args:
        layers: The layers at which losses look at the content image's features.
        feature: Bytes of one feature.

    Returns:
        The bytes by how features are stored, the fastest first: as they are; rounded to bfloat16, where that is
        shorter; or the content image alone, of which they are recomputed.

    """
    units = sum(LAYERS[name].units for name in layers)
    short_feature = torch.bfloat16.itemsize
    rounded: dict[Storage, float] = {"bfloat16": units * short_feature} if feature > short_feature else {}
    return {"stored": units * feature, **rounded, "recomputed": IMAGE_BYTES}


class Measurement(NamedTuple):
    """The sums to measure of an image, and how it is divided."""

    network: VGG19
    """The network on the image's device."""
    image: Tensor
    """RGB in [0, 1], (3, H, W)."""
    masks: Mapping[str, Tensor | None]
    """The layers to measure, each with the weight of each unit, (H, W); None: 1."""
    measure: Measure
    """The function that sums up units of each layer."""
    tiling: Tiling
    """How the image is divided."""
    group: Group = ALONE
    """The processes among which the tiles are divided."""

    @property
    def key(self) -> Hashable:
        """A key of everything that the statistics depend on within one run."""
        masks = ((layer, None if mask is None else digest(mask)) for layer, mask in self.masks.items())
        return self.network, digest(self.image), tuple(sorted(masks)), self.measure, self.tiling


MeasureImage = Callable[[Measurement], Mapping[str, Statistic]]
"""A function that returns the statistic of an image by layer: `measure_image`, or one that caches its results."""


def measure_image(measurement: Measurement) -> Mapping[str, Statistic]:
    """Measure an image in tiles, and return the statistic of the whole image by layer.

    Args:
        measurement: The image, its layers and masks, and the function that sums up units.

    Returns:
        The statistic of the whole image by layer.

    """
    network, image, masks, measure, tiling, group = measurement
    tiled = TiledNetwork(network, tiling, set(masks) - {IMAGE})
    tiles, image = tiled.tiles(image), add_margin(image, tiled.margin)
    if len(tiles) < group.size:  # too small to divide
        group = ALONE
    sums: dict[str, Statistic] = {}
    for tile in group.shard_list(tiles):
        features = tiled.features(image, tile)
        for name, mask in masks.items():
            statistic = measure(tiled.owned_units(features, tile, name, mask))
            sums[name] = sums[name] + statistic if name in sums else statistic
    return {name: total.over(group.sum) for name, total in sums.items()}
