"""The problem: a network, the losses with their targets, and the value and gradient of an image under them.

It knows nothing of optimizers, stages or files.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.group import ALONE, Group
from impasto.layers import LAYERS
from impasto.losses import DISTANCES, IMAGE, Content, Loss, Range, Statistic, Texture, TotalVariation, moments
from impasto.settings import Settings
from impasto.tiles import Tile, Tiling
from impasto.vgg import VGG19, Features

__all__ = ["Evaluation", "Objective"]

_WHOLE = Tiling()

Targets = Callable[[Tile], Mapping[str, Tensor]]
"""The content image's features of the units that a tile looks at, by layer, each (C, H, W)."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at one image."""

    loss: Tensor
    """The sum of all terms, a scalar."""
    terms: Mapping[str, Tensor]
    """The scalar of each term: content, style, tv, range."""
    gradient: Tensor
    """By the image in [0, 1], (3, H, W)."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The value and gradient of an image: statistics, compared, and their derivatives pulled back to the pixels.

    An image in tiles is passed through twice. Forward, the statistics of all tiles are added up; then, for each tile,
    the derivative of the loss by the sums is pulled back from the units that the tile owns, and added to the gradient.
    By the chain rule that is exact; with one tile, both passes are one.
    """

    network: VGG19
    losses: Sequence[Loss]
    targets: Targets
    """At the layers of the content losses."""
    tiling: Tiling = _WHOLE
    group: Group = ALONE
    """The processes among which the tiles are divided."""

    @classmethod
    def build(
        cls,
        settings: Settings,
        network: VGG19,
        content: Tensor,
        styles: Sequence[tuple[Tensor, float]],
        *,
        tiling: Tiling = _WHOLE,
        group: Group = ALONE,
    ) -> Self:
        """Measure the targets of a content image and of weighted style images, all RGB in [0, 1], (3, H, W)."""
        losses: list[Loss] = []
        contents = _positive(settings.content_layers) if settings.content_weight > 0 else {}
        losses += [Content(name, settings.content_weight * weight) for name, weight in contents.items()]
        if settings.style_weight > 0:
            weights = _positive(settings.style_layers)
            targets = _blend(network, styles, weights, tiling, group)
            for name, weight in weights.items():
                kinds = _positive(settings.style_loss).items()
                distances = [(DISTANCES[kind](targets[name]), settings.style_weight * weight * w) for kind, w in kinds]
                losses.append(Texture(name, distances))
        if settings.tv_weight > 0:
            losses.append(TotalVariation(settings.tv_weight))
        if settings.range_weight > 0:
            losses.append(Range(settings.range_weight))
        layers = {loss.layer for loss in losses} - {IMAGE}
        tiles = group.share(tiling.tiles(content.shape[1], content.shape[2], layers))
        return cls(
            network, losses, _targets(network, content, contents, tiles, kept=tiling.targets_kept), tiling, group
        )

    def __post_init__(self) -> None:
        if self.tiling.side or self.tiling.shares > 1:
            for loss in self.losses:
                if not loss.additive:
                    raise InputError(
                        f"{type(loss).__name__} cannot be summed over parts of an image, so no tiles and no other "
                        "processes can be used; give it more memory or a smaller size."
                    )

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the loss, its terms and its gradient at an image, (3, H, W); values outside [0, 1] are allowed."""
        layers = {loss.layer for loss in self.losses} - {IMAGE}
        tiles = self.group.share(self.tiling.tiles(image.shape[1], image.shape[2], layers))
        kept: list[_View] = []
        sums: list[Statistic] = []
        for left, tile in zip(range(len(tiles), 0, -1), tiles, strict=True):
            keep = left <= self.tiling.kept
            view = self._view(image, tile, layers, keep=keep)
            found = [view.measure(loss) for loss in self.losses]
            sums = [total + more for total, more in zip(sums, found, strict=True)] if sums else found
            kept += [view] * keep
            del view
        measured = [(loss, _over(self.group, total)) for loss, total in zip(self.losses, sums, strict=True)]
        slopes = [(loss, loss.slope(total)) for loss, total in measured]
        gradient = torch.zeros_like(image)
        for tile in reversed(tiles):
            view = kept.pop() if kept else self._view(image, tile, layers, keep=True)
            view.pullback(self.network, slopes, gradient[tile.seen()])
            del view
        self.group.sum(gradient)
        terms: defaultdict[str, Tensor] = defaultdict(lambda: image.new_zeros(()))
        for loss, total in measured:
            terms[loss.term] = terms[loss.term] + loss.compare(total)
        return Evaluation(torch.stack(list(terms.values())).sum(), dict(terms), gradient)

    def _view(self, image: Tensor, tile: Tile, layers: Collection[str], *, keep: bool) -> "_View":
        pixels = image[tile.seen()]
        features = self.network.forward(pixels, layers, keep=keep)
        features[IMAGE] = pixels * 255
        return _View(tile, features, self.targets(tile))


@dataclass(frozen=True, eq=False)
class _View:
    """What a tile looks at."""

    tile: Tile
    features: Features
    """Those of the network, and at the layer `image` the pixels in gray levels, (3, H, W)."""
    targets: Mapping[str, Tensor]

    def measure(self, loss: Loss) -> Statistic:
        """Sum up what the tile owns."""
        units = self.features[loss.layer]
        return loss.measure(units, self._owned(loss.layer, units), self.targets.get(loss.layer))

    def pullback(self, network: VGG19, slopes: Iterable[tuple[Loss, Tensor]], into: Tensor) -> None:
        """Add the gradient by the pixels, (3, H, W), of ⟨slope, statistic⟩ of each loss; uses up the features."""
        pulls: defaultdict[str, list[Callable[[Tensor, Tensor], None]]] = defaultdict(list)
        for loss, slope in slopes:
            pulls[loss.layer].append(partial(self._pull, loss, slope))
        gray = self.features.pop(IMAGE)
        for pull in pulls.pop(IMAGE, []):
            by_gray = torch.zeros_like(gray)
            pull(gray, by_gray)
            into.add_(by_gray, alpha=255)
            del by_gray
        del gray
        if pulls:
            into += network.pullback(self.features, pulls)

    def _pull(self, loss: Loss, slope: Tensor, units: Tensor, into: Tensor) -> None:
        loss.pullback(slope, units, into, self._owned(loss.layer, units), self.targets.get(loss.layer))

    def _owned(self, layer: str, units: Tensor) -> Tensor | None:
        return _owned(self.tile, 1 if layer == IMAGE else LAYERS[layer].stride, units, self.features.dtype)


def _owned(tile: Tile, stride: int, units: Tensor, dtype: torch.dtype) -> Tensor | None:
    """Return 1 for each of a layer's units that a tile owns and 0 for all others, (H, W); None: it owns all."""
    if tile.owned() == tile.seen():
        return None
    owned = torch.zeros(1, *units.shape[1:], dtype=dtype, device=units.device)
    owned[tile.mine(stride)] = 1
    return owned[0]


def _positive(layers: Mapping[str, float]) -> dict[str, float]:
    return {name: weight for name, weight in layers.items() if weight > 0}


def _targets(network: VGG19, content: Tensor, layers: Collection[str], tiles: Sequence[Tile], *, kept: bool) -> Targets:
    """Return the content image's features for any tile, kept or computed each time."""
    if not kept:
        return lambda tile: network.forward(content[tile.seen()], layers)
    found = {tile: dict(network.forward(content[tile.seen()], layers)) for tile in tiles}
    return found.__getitem__


def _blend(
    network: VGG19, styles: Sequence[tuple[Tensor, float]], layers: Mapping[str, float], tiling: Tiling, group: Group
) -> dict[str, Tensor]:
    """Return the weighted mean of the styles' normalized moments, by layer, each (C, C + 1)."""
    whole = sum(weight for _, weight in styles)
    blend: dict[str, Tensor] = {}
    for style, weight in styles:
        for name, statistic in _moments(network, style, layers, tiling, group).items():
            mean = statistic.mean * (weight / whole)
            blend[name] = blend[name] + mean if name in blend else mean
    return blend


def _moments(
    network: VGG19, style: Tensor, layers: Collection[str], tiling: Tiling, group: Group
) -> dict[str, Statistic]:
    """Sum up a style image's features and their products."""
    tiles = tiling.tiles(style.shape[1], style.shape[2], layers)
    if len(tiles) < group.size:  # too small to divide
        group = ALONE
    found: dict[str, Statistic] = {}
    for tile in group.share(tiles):
        for name, features in network.forward(style[tile.seen()], layers).items():
            more = moments(features, _owned(tile, LAYERS[name].stride, features, style.dtype))
            found[name] = found[name] + more if name in found else more
    return {name: _over(group, statistic) for name, statistic in found.items()}


def _over(group: Group, statistic: Statistic) -> Statistic:
    """Add up the statistics of all processes, in place."""
    return Statistic(group.sum(statistic.total), group.sum(statistic.mass))
