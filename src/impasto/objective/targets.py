"""What an objective aims at: the content image's features, and the styles' moments where each of them is wanted.

It measures images with the network, in tiles like the picture itself; it knows nothing of the picture being painted.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.images.guides import guide
from impasto.layers import LAYERS
from impasto.losses import DISTANCES, Statistic, StyleLoss, moments
from impasto.machine.processes import ALONE, Group
from impasto.network.vgg import VGG19
from impasto.planning.footprint import IMAGE_BYTES
from impasto.planning.tiles import Storage, Tile, Tiling, Wraps
from impasto.settings import Settings

__all__ = [
    "MASK_BYTES",
    "Region",
    "StyleImage",
    "Targets",
    "content_targets",
    "measured",
    "owned",
    "stored_bytes",
    "style_losses",
]

Targets = Callable[[Tile], Mapping[str, Tensor]]
"""The content image's features of the units that a tile owns, by layer, each (C, H, W)."""

MASK_BYTES = 4 * 7 / 3
"""Bytes a pixel of a mask of the picture and of its guides at all layers, which take a third more than the mask."""

_SIDE = 512
"""Pixels of a side of the tiles in which paintings are measured, at most: whole, one may take more than the picture."""

_LEAST = 1.0
"""Units inside a guide, at least, for a loss at its layer."""


class StyleImage(NamedTuple):
    """A style image at the size of a stage."""

    pixels: Tensor
    """RGB in [0, 1], (3, H, W)."""
    weight: float = 1.0
    """Beside the others of its region."""
    mask: Tensor | None = None
    """Which part of it counts, in [0, 1], (H, W); None: all."""


class Region(NamedTuple):
    """A part of the picture, and the styles that are blended there."""

    styles: Sequence[StyleImage]
    area: Tensor | None = None
    """In [0, 1], (H, W) of the picture; None: everywhere."""
    name: str = "the picture"


def content_targets(
    network: VGG19, content: Tensor, layers: Collection[str], tiles: Sequence[Tile], wraps: Wraps, *, storage: Storage
) -> Targets:
    """Return the content image's features for any tile; it has its margin."""

    def measure(tile: Tile) -> Mapping[str, Tensor]:
        found = network.forward(content[tile.seen()], layers, wraps=wraps, cuts=tile.cuts)
        return {name: features[tile.mine(name)] for name, features in found.items()}

    if storage == "recomputed":
        return measure
    dtype = torch.bfloat16 if storage == "bfloat16" else None
    own = {tile: {name: features.to(dtype, copy=True) for name, features in measure(tile).items()} for tile in tiles}
    return own.__getitem__


def stored_bytes(layers: Collection[str], feature: int) -> dict[Storage, float]:
    """Return the bytes a pixel that `content_targets` stores from one evaluation to the next.

    Args:
        layers: The layers that the content loss looks at.
        feature: Bytes of one feature.

    Returns:
        The bytes by how targets are stored, the fastest first: features as they are; rounded to bfloat16, where that
        is shorter; or the content image alone, of which they are recomputed.

    """
    units = sum(LAYERS[name].units for name in layers)
    short = torch.bfloat16.itemsize
    rounded: dict[Storage, float] = {"bfloat16": units * short} if feature > short else {}
    return {"stored": units * feature, **rounded, "recomputed": IMAGE_BYTES}


def style_losses(
    settings: Settings, network: VGG19, regions: Sequence[Region], tiling: Tiling, group: Group
) -> list[StyleLoss]:
    """Return the style losses of regions, each with 1 / R of the weight (Gatys et al. 2017, section 4).

    Raises:
        InputError: a region, or a style's mask, is too small for every layer.

    """
    found: list[StyleLoss] = []
    side = min(tiling.side or _SIDE, _SIDE)
    tiling = tiling._replace(side=side, wraps=(False, False))  # a painting ends at its edges
    for region in regions:
        guides = _mask_weights(region.area, settings.active_style_layers, settings, region.name)
        blend = _blend(region, guides, settings, partial(measured, network, tiling=tiling, group=group))
        for name, target in blend.items():
            weight = settings.style_weight * settings.style_layers[name] / len(regions)
            distances = settings.active_distances.items()
            found.append(StyleLoss(name, [(DISTANCES[d](target), weight * w) for d, w in distances], guides[name]))
    return found


def _blend(
    region: Region, layers: Collection[str], settings: Settings, measure: Callable[..., Mapping[str, Statistic]]
) -> dict[str, Tensor]:
    """Return the weighted mean of the styles' normalized moments, by layer, each (C, C + 1)."""
    whole = sum(style.weight for style in region.styles)
    found: list[dict[str, Tensor]] = []
    for style in region.styles:
        masks = _mask_weights(style.mask, layers, settings, f"the mask of a style of {region.name}")
        statistics = measure(style.pixels, masks)
        found.append({name: each.mean * (style.weight / whole) for name, each in statistics.items()})
    common = [name for name in layers if all(name in means for means in found)]
    if not common:
        raise InputError(f"no layer sees enough of {region.name} and of its styles; make the masks larger.")
    return {name: torch.stack([means[name] for means in found]).sum(0) for name in common}


def _mask_weights(
    area: Tensor | None, layers: Iterable[str], settings: Settings, name: str
) -> dict[str, Tensor | None]:
    """Return T² of the layers in which anything lies inside; T the guide (Gatys et al. 2017, equation 1).

    The moments are divided by Σ T², which stands for the paper's scaling of T to a mean square of 1.
    """
    if area is None:
        return dict.fromkeys(layers)
    found = {layer: guide(area, layer, settings.mask_spread, settings.mask_grow).square() for layer in layers}
    inside: dict[str, Tensor | None] = {layer: each for layer, each in found.items() if float(each.sum()) >= _LEAST}
    if not inside:
        raise InputError(
            f"{name} is too small: {float(area.sum()):.0f} of {area.numel()} pixels of the first stage, which no layer "
            f"sees with mask_spread {settings.mask_spread}; make it larger."
        )
    return inside


def measured(
    network: VGG19, image: Tensor, masks: Mapping[str, Tensor | None], *, tiling: Tiling, group: Group = ALONE
) -> dict[str, Statistic]:
    """Sum up an image's features and their products at the layers that `masks` names, each weighted by its mask."""
    tiles = tiling.tiles(image.shape[1], image.shape[2], masks)
    if len(tiles) < group.size:  # too small to divide
        group = ALONE
    found: dict[str, Statistic] = {}
    for tile in group.share(tiles):
        for name, features in network.forward(image[tile.seen()], masks, cuts=tile.cuts).items():
            more = moments(features[tile.mine(name)], owned(masks[name], tile, name))
            found[name] = found[name] + more if name in found else more
    return {name: statistic.over(group.sum) for name, statistic in found.items()}


def owned(guide: Tensor | None, tile: Tile, layer: str) -> Tensor | None:
    """Return a guide's weights of the units that a tile owns, (H, W); `guide` has those of the whole image's."""
    return None if guide is None else guide[tile.owned(layer)[1:]]
