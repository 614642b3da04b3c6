"""Losses that torch differentiates: a user writes `measure` and `compare`.

slope = derivative of `compare` by the statistic's total
cotangent = derivative of ⟨slope, total⟩ by the features
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from impasto.kernels.cotangents import Cotangent
from impasto.layers import layer_named
from impasto.losses.base import Loss, Sources, Statistic, Units, to_sum_precision
from impasto.settings.choices import TargetImage

__all__ = ["AutogradLoss", "DifferentiatedLoss"]

_COPIES = 4
"""Tensors of the features' size in float32 that `measure` and its backward pass take: the features, their gradient, and
a product with the weights and its gradient."""


class AutogradLoss(ABC):
    """A loss of one's own, for `StyleTransfer(extra_losses=[...])`: `measure` and `compare`, differentiated by torch.

    Masks, regions, tiles, processes and precision need no code: the features are in float32, and `Units.sum` counts
    each unit by its weight. docs/losses.md has a full example.
    """

    term: str
    """The name under which the loss is reported; no built-in loss has it."""
    layer: str
    """The layer whose features are measured, such as `conv3_1`; `image` for the pixels in gray levels."""
    weight: float = 1.0
    """The factor of the result of `compare`."""
    target_image: TargetImage = "none"
    """The image whose normalized statistic is the target, measured at the size of each stage. With `style`, the loss
    counts in each region as the style loss does: styles are blended by weight, and R regions have 1 / R each."""
    needs_content: bool = False
    """Whether `measure` needs `units.content`."""
    additive: bool = True
    """Whether the statistics of the parts of an image add up to that of the whole; if not, tiles are refused."""

    @abstractmethod
    def measure(self, units: Units) -> Statistic:
        """Return sums over units; `units.sum(values)` sums values of each position, (..., H, W).

        Args:
            units: The features of a part of an image, (C, H, W), and how much each position counts.

        Returns:
            Sums in float32 or float64.

        """

    @abstractmethod
    def compare(self, statistic: Statistic, target: Tensor) -> Tensor:
        """Return the loss before its weight, a differentiable function of the statistic's total.

        Args:
            statistic: The statistic of the whole picture; `statistic.mean` is normalized.
            target: The normalized statistic of the target image, of the shape of `statistic.total`; empty, (0,), if
                there is none.

        Returns:
            A scalar.

        """

    @property
    def bytes_per_pixel(self) -> float:
        """The memory of `measure` and its backward pass, in bytes for each pixel of a tile."""
        return _COPIES * 4 * layer_named(self.layer).units

    def prepare(self, sources: Sources) -> Sequence[Loss]:
        """Return the losses that stand for this one in a stage: one for each region, if the style is its target.

        Args:
            sources: The content and the styles of the stage.

        Returns:
            Losses that know their targets.

        Raises:
            InputError: a region, or a style's mask, is too small for the layer.

        """
        measure = partial(measure_exactly, self)
        if self.target_image == "style":
            regions = sources.style_targets([self.layer], measure)
            weight = self.weight / max(1, len(regions))
            return [DifferentiatedLoss(self, weight, *targets[self.layer]) for targets in regions]
        if self.target_image == "content":
            return [DifferentiatedLoss(self, self.weight, sources.content_target(self.layer, measure))]
        return [DifferentiatedLoss(self, self.weight, torch.empty(0))]


class DifferentiatedLoss(Loss):
    """An `AutogradLoss` with its target in one region of the picture.

    Args:
        loss: The loss that measures and compares.
        weight: The factor of the result of `compare`.
        target: The normalized statistic of the target image, or an empty tensor.
        mask_weights: How much each unit of the picture counts, (H, W); None: 1.

    """

    def __init__(self, loss: AutogradLoss, weight: float, target: Tensor, mask_weights: Tensor | None = None) -> None:
        self.loss, self.weight, self.target, self.mask_weights = loss, weight, target, mask_weights
        self.term, self.layer = loss.term, loss.layer
        self.additive, self.needs_content = loss.additive, loss.needs_content

    def measure(self, units: Units) -> Statistic:
        """Measure units with the features in the precision of sums."""
        return measure_exactly(self.loss, units)

    def value(self, statistic: Statistic) -> Tensor:
        """Return weight · `compare`."""
        return self.weight * self.loss.compare(statistic, self.target)

    def slope(self, statistic: Statistic) -> Tensor:
        """Return the derivative of the value by the statistic's total, by automatic differentiation."""
        return self.value_and_slope(statistic, statistic.total.dtype)[1]

    def value_and_slope(self, statistic: Statistic, dtype: torch.dtype) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Return the value, a scalar, and the slope, in the total's dtype, after one call of `compare`."""
        with torch.enable_grad():
            total = statistic.total.detach().requires_grad_()
            value = self.value(replace(statistic, total=total))
            slope = torch.autograd.grad(value, total)[0]
        return value.detach(), slope

    def cotangent(self, slope: Tensor, units: Units) -> Cotangent:
        """Return the function that adds the derivative of ⟨slope, total⟩ by the features, which torch computes."""
        return partial(self._add_gradient, slope, units)

    def _add_gradient(self, slope: Tensor, units: Units, features: Tensor, gradient: Tensor) -> None:
        """Add the derivative by the features to a tensor."""
        with torch.enable_grad():
            leaf = to_sum_precision(features).detach().requires_grad_()
            total = self.measure(units._replace(features=leaf)).total
            derivative = torch.autograd.grad(total, leaf, slope.to(total))[0]
        gradient.add_(derivative)


def measure_exactly(loss: AutogradLoss, units: Units) -> Statistic:
    """Measure units with the features in the precision of sums.

    Args:
        loss: The loss that measures.
        units: Units in any precision.

    Returns:
        The statistic.

    """
    content = None if units.content is None else to_sum_precision(units.content)
    return loss.measure(units._replace(features=to_sum_precision(units.features), content=content))
