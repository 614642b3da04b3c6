"""The problem: a network, the losses with their targets, and the value and gradient of an image under them.

It knows nothing of optimizers, stages or files.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import torch
from torch import Tensor

from impasto.losses import IMAGE, Content, Gram, Loss, Range, TotalVariation
from impasto.settings import Settings
from impasto.vgg import VGG19

__all__ = ["Evaluation", "Objective"]


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
    """The value and gradient of an image: statistics, compared, and their derivatives pulled back to the pixels."""

    network: VGG19
    losses: Sequence[Loss]
    content: Mapping[str, Tensor]
    """The content image's features at the layers of the content losses, each (C, H, W)."""

    @classmethod
    def build(cls, settings: Settings, network: VGG19, content: Tensor, styles: Sequence[tuple[Tensor, float]]) -> Self:
        """Measure the targets of a content image and of weighted style images, all RGB in [0, 1], (3, H, W)."""
        losses: list[Loss] = []
        targets: Mapping[str, Tensor] = {}
        if settings.content_weight > 0:
            weights = _positive(settings.content_layers)
            losses += [Content(name, settings.content_weight * weight) for name, weight in weights.items()]
            targets = network.forward(content, weights)
        if settings.style_weight > 0:
            weights = _positive(settings.style_layers)
            grams = _blend(network, styles, weights)
            losses += [Gram(name, grams[name], settings.style_weight * weight) for name, weight in weights.items()]
        if settings.tv_weight > 0:
            losses.append(TotalVariation(settings.tv_weight))
        if settings.range_weight > 0:
            losses.append(Range(settings.range_weight))
        return cls(network, losses, targets)

    def evaluate(self, image: Tensor) -> Evaluation:
        """Return the loss, its terms and its gradient at an image, (3, H, W); values outside [0, 1] are allowed."""
        features = self.network.forward(image, self._layers(), keep=True)
        gray = image * 255
        terms: defaultdict[str, Tensor] = defaultdict(lambda: image.new_zeros(()))
        pulls: defaultdict[str, list[Callable[[Tensor, Tensor], None]]] = defaultdict(list)
        for loss in self.losses:
            content = self.content.get(loss.layer)
            statistic = loss.measure(gray if loss.layer == IMAGE else features[loss.layer], content=content)
            terms[loss.term] = terms[loss.term] + loss.compare(statistic)
            pulls[loss.layer].append(partial(loss.pullback, loss.slope(statistic), content=content))
        gradient = torch.zeros_like(image)
        for pull in pulls.pop(IMAGE, []):
            pull(gray, gradient)
        gradient *= 255
        del gray
        if pulls:
            gradient += self.network.pullback(features, pulls)
        return Evaluation(torch.stack(list(terms.values())).sum(), dict(terms), gradient)

    def _layers(self) -> set[str]:
        return {loss.layer for loss in self.losses} - {IMAGE}


def _positive(layers: Mapping[str, float]) -> dict[str, float]:
    return {name: weight for name, weight in layers.items() if weight > 0}


def _blend(network: VGG19, styles: Sequence[tuple[Tensor, float]], layers: Mapping[str, float]) -> dict[str, Tensor]:
    """Return the weighted mean of the styles' normalized Gram matrices, by layer, each (C, C)."""
    whole = sum(weight for _, weight in styles)
    grams: dict[str, Tensor] = {}
    for style, weight in styles:
        for name, features in network.forward(style, layers).items():
            gram = Gram.gram(features).mean * (weight / whole)
            grams[name] = grams[name] + gram if name in grams else gram
    return grams
