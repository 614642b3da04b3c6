"""The losses: the sums that each of them measures of an image, and its value and derivatives.

    measure(units) -> Statistic         sums over positions, which add up over any parts of an image
    value(statistic) -> scalar          depends on the sums of the whole image only

and the derivatives of both:

    slope(statistic) -> S               of the value by the statistic's total
    cotangent(S, units)                 of ⟨S, total⟩ by the features: a function that adds it to a tensor

Built-in losses have their derivatives by hand; `AutogradLoss` leaves them to torch. The units are those of the loss's
own layer; at the layer `image` they are the image itself in gray levels 0 … 255. Their weights are a mask, or which of
the pixels a tile owns. So a blend of styles, a mask and a tile are one mechanism.

`terms` lists the built-in losses; `functional` has content and style loss as plain functions for torch to
differentiate. Losses know nothing of networks, tiles or files. They may import `kernels`,
`settings`, `layers` and `errors`.
"""

from impasto.losses.autograd import AutogradLoss
from impasto.losses.base import Loss, RegionTarget, Sources, Statistic, Units
from impasto.losses.content import ContentLoss
from impasto.losses.custom import ExtraLoss, check, identity, load
from impasto.losses.distances import DISTANCES, Distance
from impasto.losses.functional import content_loss, gram, style_loss
from impasto.losses.pixel_range import RangeLoss
from impasto.losses.style import StyleLoss, moments
from impasto.losses.terms import TERMS, Term
from impasto.losses.total_variation import NinePointTotalVariationLoss, TotalVariationLoss

__all__ = [
    "DISTANCES",
    "TERMS",
    "AutogradLoss",
    "ContentLoss",
    "Distance",
    "ExtraLoss",
    "Loss",
    "NinePointTotalVariationLoss",
    "RangeLoss",
    "RegionTarget",
    "Sources",
    "Statistic",
    "StyleLoss",
    "Term",
    "TotalVariationLoss",
    "Units",
    "check",
    "content_loss",
    "gram",
    "identity",
    "load",
    "moments",
    "style_loss",
]
