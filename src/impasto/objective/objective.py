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
from impasto.losses.base import weighted
from impasto.machine.processes import ALONE, Group
from impasto.network.vgg import VGG19, Features
from impasto.objective.stored_targets import StoredTargets
from impasto.objective.targets import Region, StageSources
from impasto.objective.tile_units import ContentFeatures, seen_features, units_of, wraps_of
from impasto.objective.wrapping import Margin, folded, wrapped
from impasto.planning.tiles import Tile, Tiling
from impasto.settings import Settings

__all__ = ["Anchor", "Evaluation", "Kept", "LossPart", "Objective", "refuse_parts"]

_WHOLE = Tiling()


class LossPart(NamedTuple):
    """The value of one loss of the objective at an image."""

    term: str
    layer: str
    values: Tensor
    """Numbers whose sum is the value, (parts,): on a GPU, to add them up takes as long as to compute them."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The objective at one image."""

    loss: Tensor
    """The sum of all terms, a scalar."""
    terms: Mapping[str, Tensor]
    """The scalar of each term, by its name."""
    gradient: Tensor
    """The derivative of the loss by the image in [0, 1], (3, H, W)."""
    parts: Sequence[LossPart] = ()
    """The value of each loss; those of a term add up to the term."""


class Kept(NamedTuple):
    """Where the picture stays as the content is, whatever the image."""

    mask: Tensor
    """1 where the picture is the content, else 0, (H, W)."""
    content: Tensor
    """(3, H, W)."""


ANCHOR_TERM = "distance from the start"
"""The name under which the value of an `Anchor` is reported."""

ANCHOR_SCALE = 2e-5
"""The weight of an `Anchor` of strength 0.5 in units of the loss of an image whose features are all 0, for each squared
gray level: it halves the way that a picture goes (docs/notes/optimizer.md)."""


class Anchor(NamedTuple):
    """What the picture started from, and how far it may move from there."""

    image: Tensor
    """(3, H, W), in [0, 1]."""
    strength: float
    """Above 0 and below 1: about the fraction of its way that the picture goes."""
    weights: Tensor | None = None
    """How much each pixel's distance counts, in [0, 1], (H, W); None: 1 everywhere."""
    weight: float = 0.0
    """The weight of the mean squared difference in gray levels; `Objective.build` finds it."""

    def weighed(self, unit: float) -> "Anchor":
        """Return the anchor with its weight, where the loss of an image whose features are all 0 is `unit`.

        Args:
            unit: The loss of an image whose features are all 0.

        Returns:
            The anchor.

        """
        return self._replace(weight=ANCHOR_SCALE * unit * (1 / self.strength**2 - 1) / 3)

    def value(self, image: Tensor) -> Tensor:
        """Return weight · mean(w (x - a)²), a scalar, for gray levels x of an image and a of the anchor."""
        return self.weight * 255**2 * weighted((image - self.image).square(), self.weights).mean()

    def add_gradient(self, image: Tensor, into: Tensor) -> None:
        """Add the derivative of `value` by the image to a tensor.

        Args:
            image: RGB in [0, 1], (3, H, W).
            into: The tensor to which the derivative is added, (3, H, W).

        """
        difference = weighted(image - self.image, self.weights)
        into.add_(difference, alpha=2 * self.weight * 255**2 / image.numel())


@dataclass(frozen=True, eq=False)
class Objective:
    """The value and gradient of an image: statistics, their value, and its derivatives pulled back to the pixels.

    An image in tiles is passed through twice. Forward, the statistics of all tiles are added up; then, for each tile,
    the derivative of the loss by the sums is pulled back from the units that the tile owns, and added to the gradient.
    By the chain rule that is exact; with one tile, both passes are one.

    Raises:
        InputError: a loss cannot be summed over the parts that the tiling makes.

    """

    network: VGG19
    losses: Sequence[Loss]
    content_features: ContentFeatures
    """The content image's features, at the layers of the losses that need them."""
    tiling: Tiling = _WHOLE
    group: Group = ALONE
    """The processes among which the tiles are divided."""
    kept: Kept | None = None
    anchor: Anchor | None = None

    @classmethod
    def build(
        cls,
        settings: Settings,
        network: VGG19,
        content: Tensor,
        regions: Sequence[Region],
        *,
        kept: Kept | None = None,
        focus: Tensor | None = None,
        anchor: Anchor | None = None,
        tiling: Tiling = _WHOLE,
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
            anchor: What the picture stays close to; None: nothing.
            tiling: How the image is divided.
            group: The processes among which the tiles are divided.
            extra_losses: Losses in addition to the built-in ones.
            targets: What was measured for the objective before; what this one measures is stored there.

        Returns:
            The objective of images of the content's size.

        Raises:
            InputError: a region is too small, or a loss cannot be summed over parts.

        """
        sources = StageSources(settings, network, content, regions, tiling, group, focus, targets or StoredTargets())
        sources.targets.begin()
        for loss in extra_losses:  # first, since tiles have to reach as far as the deepest layer asks for
            sources.losses += loss.prepare(sources)
        count = len(sources.losses)
        for term in TERMS:
            sources.losses += term.build(settings, sources)
        losses = [*sources.losses[count:], *sources.losses[:count]]
        anchor = anchor and anchor.weighed(sources.value_without_features())
        return cls(network, losses, sources.content_features, tiling, group, kept, anchor)

    def __post_init__(self) -> None:
        refuse_parts(self.losses, self.tiling)

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the loss, its terms and its gradient at an image, (3, H, W); values outside [0, 1] are allowed.

        Args:
            image: RGB, nominally in [0, 1], (3, H, W), of the size of the content.

        Returns:
            The loss, the value of each term, and the gradient, (3, H, W).

        """
        tiles = self.group.shard_list(self.tiling.tiles(image.shape[1], image.shape[2], self._layers))
        if self.kept is not None:
            image = image.lerp(self.kept.content, self.kept.mask)
        whole = image
        image = wrapped(image, self._margin)
        retained: list[_View] = []
        sums: list[Statistic] = []
        for left, tile in zip(range(len(tiles), 0, -1), tiles, strict=True):
            retain = left <= self.tiling.retained_tiles
            view = self._view(image, tile, retain=retain)
            more = [view.measure(loss) for loss in self.losses]
            sums = [total + each for total, each in zip(sums, more, strict=True)] if sums else more
            retained += [view] * retain
            del view
        measured = [(loss, total.over(self.group.sum)) for loss, total in zip(self.losses, sums, strict=True)]
        found = [(loss, *loss.value_and_slope(total, self.network.dtype)) for loss, total in measured]
        slopes = [(loss, slope) for loss, _, slope in found]
        gradient = torch.zeros_like(image)
        for tile in reversed(tiles):
            view = retained.pop() if retained else self._view(image, tile, retain=True)
            view.pullback(self.network, slopes, gradient[tile.extent()])
            del view
        gradient = self.group.sum(folded(gradient, self._margin))
        if self.anchor is not None:
            self.anchor.add_gradient(whole, gradient)
        if self.kept is not None:
            gradient.mul_(1 - self.kept.mask)
        parts = [LossPart(loss.term, loss.layer, value.reshape(-1)) for loss, value, _ in found]
        if self.anchor is not None:
            parts.append(LossPart(ANCHOR_TERM, IMAGE, self.anchor.value(whole).reshape(-1)))
        values: defaultdict[str, list[Tensor]] = defaultdict(list)
        for part in parts:
            values[part.term].append(part.values)
        terms = {term: torch.cat(each).sum() for term, each in values.items()}
        return Evaluation(torch.stack(list(terms.values())).sum(), terms, gradient, parts)

    @property
    def _layers(self) -> set[str]:
        """The network's layers that the losses look at."""
        return {loss.layer for loss in self.losses} - {IMAGE}

    @property
    def _margin(self) -> Margin:
        """Pixels that tiles see from beyond the edges."""
        return self.tiling.margin(self._layers)

    def _view(self, image: Tensor, tile: Tile, *, retain: bool) -> "_View":
        """Look at a tile of an image that has its margin."""
        features = seen_features(self.network, image, tile, self._layers, wraps=wraps_of(self.tiling), retain=retain)
        return _View(tile, features, self.content_features(tile), self._margin)


@dataclass(frozen=True, eq=False)
class _View:
    """What a tile looks at."""

    tile: Tile
    features: Features
    """The network's features, and at the layer `image` the pixels in gray levels, (3, H, W)."""
    content: Mapping[str, Tensor]
    """The content image's features of the units that the tile owns."""
    margin: Margin

    def measure(self, loss: Loss) -> Statistic:
        """Sum up what the tile owns."""
        return loss.measure(self._units(loss))

    def pullback(self, network: VGG19, slopes: Iterable[tuple[Loss, Tensor]], into: Tensor) -> None:
        """Add the gradient of ⟨slope, statistic⟩ of each loss by the pixels; the features are used up.

        Args:
            network: The network that computed the features.
            slopes: Each loss with its slope.
            into: Where the gradient is added, (3, H, W).

        """
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
        units = self._units(loss)
        if loss.layer == IMAGE:
            return loss.cotangent(slope * 255, units)
        cotangent, place = loss.cotangent(slope, units), self.tile.owned_in_tile(loss.layer)
        is_whole = self.tile.owned(loss.layer) == self.tile.extent(loss.layer)
        return cotangent if is_whole else InTile(cotangent, place)

    def _units(self, loss: Loss) -> Units:
        """Return the units that a loss measures."""
        content = self.content.get(loss.layer)
        return units_of(self.features, self.tile, loss.layer, loss.mask_weights, margin=self.margin, content=content)


def refuse_parts(losses: Iterable[ExtraLoss], tiling: Tiling) -> None:
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
