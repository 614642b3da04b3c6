"""The problem: a network, the losses with their targets, and the value and gradient of an image under them.

It knows nothing of optimizers, stages or files.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.kernels.cotangents import Cotangent, InTile
from impasto.layers import IMAGE
from impasto.losses import TERMS, ExtraLoss, Loss, Statistic, Units
from impasto.machine.processes import ALONE, Group
from impasto.network.vgg import VGG19, Features
from impasto.objective.anchor import ANCHOR_TERM, Anchor
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.targets import Region, StageSources
from impasto.objective.tile_units import ContentFeatures, TiledNetwork
from impasto.objective.wrapping import add_margin, fold_margin
from impasto.planning.tiles import Tile, Tiling
from impasto.settings import Settings

__all__ = ["Evaluation", "KeptContent", "LossValue", "Objective", "refuse_non_additive"]

_UNDIVIDED = Tiling()


class LossValue(NamedTuple):
    """The value of one loss of the objective at an image."""

    term: str
    layer: str
    summands: Tensor
    """Numbers whose sum is the value, (N,): on a GPU, to add them up takes as long as to compute them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at one image."""

    loss: Tensor
    """The sum of all terms, a scalar."""
    terms: Mapping[str, Tensor]
    """The scalar of each term, by its name."""
    gradient: Tensor
    """The derivative of the loss by the image in [0, 1], (3, H, W)."""
    losses: Sequence[LossValue] = ()
    """The value of each loss; the values of a term add up to the term."""


class KeptContent(NamedTuple):
    """The content, where the picture stays as the content is."""

    mask: Tensor
    """1 where the picture is the content, else 0, (H, W)."""
    content: Tensor
    """(3, H, W)."""


@dataclass(frozen=True, eq=False)
class Objective:
    """The value and gradient of an image: statistics, their value, and its derivatives pulled back to the pixels.

    The network passes through an image in tiles twice. First, the statistics of all tiles are added up; then, for each
    tile, the derivative of the loss by the sums is pulled back from the units that the tile owns, and added to the
    gradient. By the chain rule that is exact. The features of the last tiles are retained, so one tile is passed once.

    Raises:
        InputError: a loss cannot be summed over the parts that the tiling makes.

    """

    tiled: TiledNetwork
    losses: Sequence[Loss]
    content_features: ContentFeatures
    """The content image's features, at the layers of the losses that need them."""
    group: Group = ALONE
    """The processes among which the tiles are divided."""
    kept: KeptContent | None = None
    anchor: Anchor | None = None

    @classmethod
    def build(
        cls,
        settings: Settings,
        network: VGG19,
        content: Tensor,
        regions: Sequence[Region],
        *,
        kept: KeptContent | None = None,
        focus: Tensor | None = None,
        anchor: Anchor | None = None,
        tiling: Tiling = _UNDIVIDED,
        group: Group = ALONE,
        extra_losses: Sequence[ExtraLoss] = (),
        targets: StoredTargets | None = None,
    ) -> Self:
        """Build the losses of a stage, and measure their targets.

        Args:
            settings: The weights and layers of the built-in losses.
            network: VGG-19 on the device of the images.
            content: RGB in [0, 1], (3, H, W).
            regions: Regions of the picture with their styles.
            kept: Where the picture stays as the content is.
            focus: Where the content counts more, in [0, 1], (H, W); None: nowhere.
            anchor: The image that the picture stays close to; None: there is none.
            tiling: How the image is divided.
            group: The processes among which the tiles are divided.
            extra_losses: Losses in addition to the built-in ones.
            targets: The targets that the previous objective measured; those of this objective are stored there.

        Returns:
            The objective of images of the content's size.

        Raises:
            InputError: a region is too small, or a loss cannot be summed over parts.

        """
        sources = StageSources(settings, network, content, regions, tiling, group, focus, targets or StoredTargets())
        sources.targets.begin()
        for loss in extra_losses:  # first, since the deepest layer decides what the tiles see
            sources.losses += loss.prepare(sources)
        count = len(sources.losses)
        for term in TERMS:
            sources.losses += term.build(settings, sources)
        losses = [*sources.losses[count:], *sources.losses[:count]]
        anchor = anchor and anchor.with_weight(sources.value_without_features())
        return cls(sources.tiled, losses, sources.content_features, group, kept, anchor)

    def __post_init__(self) -> None:
        refuse_non_additive(self.losses, self.tiled.tiling)

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the loss, its terms and its gradient at an image, (3, H, W); values outside [0, 1] are allowed.

        Args:
            image: RGB, nominally in [0, 1], (3, H, W), of the size of the content.

        Returns:
            The loss, the value of each term, and the gradient, (3, H, W).

        """
        tiles = self.group.shard_list(self.tiled.tiles(image))
        if self.kept is not None:
            image = image.lerp(self.kept.content, self.kept.mask)
        padded = add_margin(image, self.tiled.margin)
        statistics, views = self._measure(padded, tiles)
        results = [
            (loss, *loss.value_and_slope(statistic.over(self.group.sum), self.tiled.network.dtype))
            for loss, statistic in zip(self.losses, statistics, strict=True)
        ]
        gradient = self._pull_back(padded, tiles, views, [(loss, slope) for loss, _, slope in results])
        losses = [LossValue(loss.term, loss.layer, value.reshape(-1)) for loss, value, _ in results]
        if self.anchor is not None:
            self.anchor.add_gradient(image, gradient)
            losses.append(LossValue(ANCHOR_TERM, IMAGE, self.anchor.value(image).reshape(-1)))
        if self.kept is not None:
            gradient.mul_(1 - self.kept.mask)
        return _evaluation(losses, gradient)

    def _measure(self, image: Tensor, tiles: Sequence[Tile]) -> tuple[Sequence[Statistic], list["_View"]]:
        """Return the sum of each loss's statistics over the tiles, and the views of the last tiles, as many as fit."""
        sums: list[Statistic] = []
        views: list[_View] = []
        for remaining, tile in zip(range(len(tiles), 0, -1), tiles, strict=True):
            retain = remaining <= self.tiled.tiling.retained_tiles
            view = self._view(image, tile, retain=retain)
            statistics = [view.measure(loss) for loss in self.losses]
            sums = [total + each for total, each in zip(sums, statistics, strict=True)] if sums else statistics
            views += [view] * retain
            del view
        return sums, views

    def _pull_back(
        self, image: Tensor, tiles: Sequence[Tile], views: list["_View"], slopes: Sequence[tuple[Loss, Tensor]]
    ) -> Tensor:
        """Return the gradient by the image without its margin, from the slope of each loss; the views are used up."""
        gradient = torch.zeros_like(image)
        for tile in reversed(tiles):
            view = views.pop() if views else self._view(image, tile, retain=True)
            view.pullback(slopes, gradient[tile.extent()])
            del view
        return self.group.sum(fold_margin(gradient, self.tiled.margin))

    def _view(self, image: Tensor, tile: Tile, *, retain: bool) -> "_View":
        """Return the view of a tile, of an image with its margin."""
        features = self.tiled.features(image, tile, retain=retain)
        return _View(self.tiled, tile, features, self.content_features(tile))


@dataclass(frozen=True, eq=False)
class _View:
    """The features that the losses see of a tile."""

    tiled: TiledNetwork
    tile: Tile
    features: Features
    """The network's features, and at the layer `image` the pixels in gray levels, (3, H, W)."""
    content: Mapping[str, Tensor]
    """The content image's features of the units that the tile owns."""

    def measure(self, loss: Loss) -> Statistic:
        """Return the statistic of a loss over the units that the tile owns."""
        return loss.measure(self._units(loss))

    def pullback(self, slopes: Iterable[tuple[Loss, Tensor]], gradient: Tensor) -> None:
        """Add the gradient of ⟨slope, statistic⟩ of each loss by the pixels; the features are used up.

        Args:
            slopes: Each loss with its slope.
            gradient: The gradient by the pixels of the tile, to which it is added, (3, H, W).

        """
        cotangents: defaultdict[str, list[Cotangent]] = defaultdict(list)
        for loss, slope in slopes:
            cotangents[loss.layer].append(self._cotangent(loss, slope))
        gray = self.features.pop(IMAGE)
        for add in cotangents.pop(IMAGE, []):
            add(gray, gradient)
        del gray
        if cotangents:
            gradient += self.tiled.network.pullback(self.features, cotangents)

    def _cotangent(self, loss: Loss, slope: Tensor) -> Cotangent:
        """Return the function that adds the derivative of a loss by the units that the tile owns."""
        units = self._units(loss)
        if loss.layer == IMAGE:
            return loss.cotangent(slope * 255, units)
        cotangent = loss.cotangent(slope, units)
        owns_all = self.tile.owned(loss.layer) == self.tile.extent(loss.layer)
        return cotangent if owns_all else InTile(cotangent, self.tile.owned_in_tile(loss.layer))

    def _units(self, loss: Loss) -> Units:
        """Return the units that a loss measures."""
        content = self.content.get(loss.layer)
        return self.tiled.owned_units(self.features, self.tile, loss.layer, loss.mask_weights, content)


def _evaluation(losses: Sequence[LossValue], gradient: Tensor) -> Evaluation:
    """Return the evaluation of losses, with their sums."""
    summands: defaultdict[str, list[Tensor]] = defaultdict(list)
    for each in losses:
        summands[each.term].append(each.summands)
    terms = {term: torch.cat(values).sum() for term, values in summands.items()}
    return Evaluation(torch.stack(list(terms.values())).sum(), terms, gradient, losses)


def refuse_non_additive(losses: Iterable[ExtraLoss], tiling: Tiling) -> None:
    """Refuse losses that cannot be summed over parts of an image, where there are parts.

    Args:
        losses: Losses of the objective.
        tiling: How the image is divided.

    Raises:
        InputError: a loss is not additive; the message names it.

    """
    for loss in losses:
        if not (loss.additive or tiling.is_whole):
            raise InputError(
                f"the loss {loss.term} cannot be summed over parts of an image, so no tiles and no other processes can "
                "be used; give it more memory or a smaller size."
            )
