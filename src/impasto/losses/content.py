"""The content loss: how far the features of the picture are from those of the content image, unit by unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent, Difference
from impasto.kernels.cuda import dispatch, statistic_operators
from impasto.losses.base import MeanSquareLoss, Sources, Statistic, Units, sum_of_weights, to_sum_precision
from impasto.settings import Settings

__all__ = ["ContentLoss"]


@dataclass(frozen=True)
class ContentLoss(MeanSquareLoss):
    """The content loss, weight · mean((F - P)²), perhaps with a weight for each position.

    Gatys et al. 2016, eq. 1 and 2, with the mean in place of half the sum, as in the authors' notebook.
    """

    layer: str
    weight: float = 1.0
    mask_weights: Tensor | None = field(default=None, repr=False)
    """How much each position of the whole image counts, (H, W) at the layer; None: 1."""
    term = "content"
    needs_content = True

    @classmethod
    def build(cls, settings: Settings, sources: Sources) -> Sequence["ContentLoss"]:
        """Return a loss for each content layer that has a weight; none, if `content_weight` is 0.

        A focus adds to the content loss and takes nothing away elsewhere: the weighted mean of the squares, times the
        mean of the weights, is their weighted sum over the number of positions.
        """
        losses: list[ContentLoss] = []
        for layer, layer_weight in settings.active_content_layers.items():
            weight, focus = settings.content_weight * layer_weight, sources.focus_weights(layer)
            losses.append(cls(layer, weight) if focus is None else cls(layer, weight * float(focus.mean()), focus))
        return losses

    def residual(self, units: Units) -> Tensor:
        """Return F - P; a ValueError says that the units have no features P of the content image."""
        if units.content is None:
            raise ValueError("the content loss needs the content image's features")
        return to_sum_precision(units.features).sub(units.content)

    def measure(self, units: Units) -> Statistic:
        """Sum (F - P)²."""
        if units.weights is not None or units.content is None or not dispatch.is_fused(units.features):
            return super().measure(units)
        partial_sums = statistic_operators.square_distance(units.features, units.content)
        return Statistic(partial_sums.sum(), sum_of_weights(units.features, None))

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds 2 S (F - P), for a slope S, a scalar (Gatys et al. 2016, eq. 2)."""
        if units.weights is not None or units.content is None:
            return super().cotangent(slope, units)
        return Difference(2 * slope, units.content)

    def without_features(self, content: Tensor | None, weights: Tensor | None) -> Statistic | None:
        """Return the sum of P², for the content image's features P, or None without them."""
        return None if content is None else self.measure(Units(torch.zeros_like(content), weights, content))
