"""The problem: a network, the losses with their targets, and the value and gradient of an image under them.

It knows nothing of optimizers, stages or files.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.kernels.cotangents import Cotangent, InTile
from impasto.layers import IMAGE, LAYERS
from impasto.losses import ContentLoss, Loss, RangeLoss, Statistic, StyleLoss, Units, variation
from impasto.machine.processes import ALONE, Group
from impasto.network.vgg import VGG19, Features
from impasto.objective.targets import Region, Targets, content_targets, owned, style_losses
from impasto.objective.wrapping import folded, wrapped
from impasto.planning.tiles import Tile, Tiling, Wraps
from impasto.settings import Settings

__all__ = ["Evaluation", "Kept", "Objective"]

_WHOLE = Tiling()


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at one image."""

    loss: Tensor
    """The sum of all terms, a scalar."""
    terms: Mapping[str, Tensor]
    """The scalar of each term: content, style, tv, range."""
    gradient: Tensor
    """By the image in [0, 1], (3, H, W)."""


class Kept(NamedTuple):
    """Where the picture stays as the content is, whatever the image."""

    share: Tensor
    """Of the content in the picture, in [0, 1], (H, W)."""
    content: Tensor
    """(3, H, W)."""


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
    kept: Kept | None = None

    @classmethod
    def build(
        cls,
        settings: Settings,
        network: VGG19,
        content: Tensor,
        regions: Sequence[Region],
        *,
        kept: Kept | None = None,
        tiling: Tiling = _WHOLE,
        group: Group = ALONE,
    ) -> Self:
        """Measure the targets of a content image, RGB in [0, 1], (3, H, W), and of the styles of regions of it."""
        contents = settings.active_content_layers
        likeness = [ContentLoss(name, settings.content_weight * weight) for name, weight in contents.items()]
        styles = style_losses(settings, network, regions, tiling, group) if settings.style_weight > 0 else []
        layers = _layers((*likeness, *styles))
        styles = [_with_margin(loss, tiling.margin(layers)) for loss in styles]
        tiles = group.share(tiling.tiles(content.shape[1], content.shape[2], layers))
        whole = wrapped(content, tiling.margin(layers))
        targets = content_targets(network, whole, contents, tiles, _wraps(tiling), storage=tiling.targets)
        losses: list[Loss] = [*likeness, *styles]
        if settings.tv_weight > 0:
            losses.append(variation(settings.tv_weight, settings.tv_variation, _wraps(tiling)))
        if settings.range_weight > 0:
            size = sum(
                map(StyleLoss.without_features, styles), start=_without_features(likeness, targets, tiles, group)
            )
            losses.append(RangeLoss(settings.range_weight * float(size)))
        return cls(network, losses, targets, tiling, group, kept)

    def __post_init__(self) -> None:
        if not self.tiling.is_whole:
            for loss in self.losses:
                if not loss.additive:
                    raise InputError(
                        f"{type(loss).__name__} cannot be summed over parts of an image, so no tiles and no other "
                        "processes can be used; give it more memory or a smaller size."
                    )

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the loss, its terms and its gradient at an image, (3, H, W); values outside [0, 1] are allowed."""
        layers = _layers(self.losses)
        tiles = self.group.share(self.tiling.tiles(image.shape[1], image.shape[2], layers))
        margin = self.tiling.margin(layers)
        if self.kept is not None:
            image = image.lerp(self.kept.content, self.kept.share)
        image = wrapped(image, margin)
        kept: list[_View] = []
        sums: list[Statistic] = []
        for left, tile in zip(range(len(tiles), 0, -1), tiles, strict=True):
            keep = left <= self.tiling.retained_tiles
            view = self._view(image, tile, layers, keep=keep)
            more = [view.measure(loss) for loss in self.losses]
            sums = [total + each for total, each in zip(sums, more, strict=True)] if sums else more
            kept += [view] * keep
            del view
        measured = [(loss, total.over(self.group.sum)) for loss, total in zip(self.losses, sums, strict=True)]
        found = [(loss, *self._value_and_slope(loss, total)) for loss, total in measured]
        slopes = [(loss, slope) for loss, _, slope in found]
        gradient = torch.zeros_like(image)
        for tile in reversed(tiles):
            view = kept.pop() if kept else self._view(image, tile, layers, keep=True)
            view.pullback(self.network, slopes, gradient[tile.seen()])
            del view
        gradient = self.group.sum(folded(gradient, margin))
        if self.kept is not None:
            gradient.mul_(1 - self.kept.share)
        values: defaultdict[str, list[Tensor]] = defaultdict(list)
        for loss, value, _ in found:
            values[loss.term].append(value.reshape(-1))
        terms = {term: torch.cat(parts).sum() for term, parts in values.items()}
        return Evaluation(torch.stack(list(terms.values())).sum(), terms, gradient)

    def _value_and_slope(self, loss: Loss, statistic: Statistic) -> tuple[Tensor, Tensor]:
        """Return the value of a loss, in parts that add up to it, and its slope."""
        if isinstance(loss, StyleLoss):
            return loss.value_and_slope(statistic, self.network.dtype)
        return loss.value(statistic), loss.slope(statistic)

    def _view(self, image: Tensor, tile: Tile, layers: Collection[str], *, keep: bool) -> "_View":
        pixels = image[tile.seen()]
        features = self.network.forward(pixels, layers, retain=keep, wraps=_wraps(self.tiling), cuts=tile.cuts)
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
        return loss.measure(self._units(loss, self.features[loss.layer]))

    def pullback(self, network: VGG19, slopes: Iterable[tuple[Loss, Tensor]], into: Tensor) -> None:
        """Add the gradient by the pixels, (3, H, W), of ⟨slope, statistic⟩ of each loss; uses up the features."""
        found: defaultdict[str, list[Cotangent]] = defaultdict(list)
        for loss, slope in slopes:
            found[loss.layer].append(self._cotangent(loss, slope))
        gray = self.features.pop(IMAGE)
        for add in found.pop(IMAGE, []):
            add(gray, into)
        del gray
        if found:
            into += network.pullback(self.features, found)

    def _cotangent(self, loss: Loss, slope: Tensor) -> Cotangent:
        """Return what adds the derivative of a loss by the units that the tile owns."""
        units = self._units(loss, self.features[loss.layer])
        if loss.layer == IMAGE:
            return loss.cotangent(slope * 255, units)
        cotangent, place = loss.cotangent(slope, units), self.tile.mine(loss.layer)
        is_whole = self.tile.owned(loss.layer) == self.tile.seen(loss.layer)
        return cotangent if is_whole else InTile(cotangent, place)

    def _units(self, loss: Loss, features: Tensor) -> Units:
        """Return what the tile owns; of pixels, their neighbors as well, which count 0."""
        if loss.layer == IMAGE:
            return Units(features, self._owning(features))
        own = features[self.tile.mine(loss.layer)]
        return Units(own, owned(loss.mask_weights, self.tile, loss.layer), self.targets.get(loss.layer))

    def _owning(self, pixels: Tensor) -> Tensor | None:
        """Return 1 for the pixels that the tile owns and 0 for all others, (H, W); None: 1 for all."""
        if self.tile.owned() == self.tile.seen():
            return None
        weights = torch.zeros_like(pixels[0])
        weights[self.tile.mine()[1:]] = 1
        return weights


def _layers(losses: Iterable[Loss]) -> set[str]:
    """Return the network's layers that losses look at."""
    return {loss.layer for loss in losses} - {IMAGE}


def _without_features(losses: Sequence[ContentLoss], targets: Targets, tiles: Sequence[Tile], group: Group) -> Tensor:
    """Return the sum of content losses of an image whose features are all 0, a scalar."""
    found: dict[str, Statistic] = {}
    for tile in tiles if losses else ():
        for loss, units in ((loss, targets(tile)[loss.layer]) for loss in losses):
            more = loss.measure(Units(torch.zeros_like(units), content=units))
            found[loss.layer] = found[loss.layer] + more if loss.layer in found else more
    values = [loss.value(found[loss.layer].over(group.sum)) for loss in losses]
    return torch.stack(values).sum() if values else torch.zeros(())


def _with_margin(loss: StyleLoss, margin: tuple[int, int]) -> StyleLoss:
    """Return a loss whose guide is as tiles see it."""
    if loss.mask_weights is None:
        return loss
    down, across = (width // LAYERS[loss.layer].stride for width in margin)
    return replace(loss, mask_weights=wrapped(loss.mask_weights[None], (down, across))[0])


def _wraps(tiling: Tiling) -> Wraps:
    """Say which convolutions reach around: tiles have a margin in their place."""
    return tiling.wraps if tiling.is_whole else (False, False)
