"""The losses, each in two verbs: sums over pixels that add up over any parts of an image, and what is made of them.

    measure(units) -> Statistic         additive over disjoint regions
    compare(statistic) -> scalar        sees only the normalized statistic

and the derivatives of both, by hand:

    slope(statistic) -> S               of the scalar by the statistic's sum
    cotangent(S, units)                 of ⟨S, sum⟩ by the features: a function that adds it to a tensor

The units are those of the loss's own layer; at the layer `image` they are the image itself in gray levels 0 … 255.
Their weights are a mask, or which of the pixels a tile owns. So a blend, a mask and a tile are one mechanism. Losses
know nothing of networks, tiles or images in files.
"""

from impasto.losses.base import Loss, Statistic, Units
from impasto.losses.content import ContentLoss
from impasto.losses.distances import DISTANCES, Distance
from impasto.losses.pixel_range import RangeLoss
from impasto.losses.style import StyleLoss, moments
from impasto.losses.total_variation import NinePointTotalVariationLoss, TotalVariationLoss, variation

__all__ = [
    "DISTANCES",
    "ContentLoss",
    "Distance",
    "Loss",
    "NinePointTotalVariationLoss",
    "RangeLoss",
    "Statistic",
    "StyleLoss",
    "TotalVariationLoss",
    "Units",
    "moments",
    "variation",
]
