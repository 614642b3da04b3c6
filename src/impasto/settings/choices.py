"""The values of every option that is a choice, defined here and nowhere else.

A module that acts on a choice imports its type from here. It may import nothing of impasto.
"""

from collections.abc import Sequence
from typing import Literal

__all__ = [
    "Bits",
    "Color",
    "ColorMatch",
    "Command",
    "DistanceName",
    "Dtype",
    "Ending",
    "HistoryDtype",
    "Init",
    "MaskSpread",
    "OptimizerName",
    "Padding",
    "Pooling",
    "Profile",
    "Quality",
    "Seamless",
    "TargetImage",
    "Variation",
    "Winograd",
    "one_of",
]

Ending = Literal["done", "failed", "stopped"]
"""How a job ended: painted to the end; not at all, and a sentence says why; or early, with its picture so far saved."""

Init = Literal["content", "noise", "blank", "style"]
"""The image that a run starts from: the photograph, uniform noise, mid-gray, or the first style image."""

Color = Literal["style", "content-luminance", "content-match"]
"""The colors of the picture: the style's; the content's, so that only the luminance is painted; or the style's after
they are matched with the content's."""

ColorMatch = Literal["chol", "pca", "sym", "histogram"]
"""How colors are matched: by one of three linear maps, which give them the target's mean and covariance, or by their
histograms."""

Seamless = Literal["none", "x", "y", "both"]
"""The opposite edges of the picture that meet: left and right (x), top and bottom (y), or both pairs."""

MaskSpread = Literal["simple", "all", "inside"]
"""How a mask selects the units of a layer. simple: a unit counts by the fraction of its pixels that is inside; all: it
counts fully if its receptive field touches the inside; inside: it counts only if its receptive field is inside."""

DistanceName = Literal["gram", "moments", "covariance", "wasserstein"]
"""The distances between two images' features at a layer that the style loss can add up."""

Variation = Literal["mean-squares", "mean-absolute", "half-squares", "absolute", "nine-point"]
"""The formula of total variation, from the differences dx and dy of neighboring pixels.

In this order: mean(dx² + dy²), which blurs; mean(|dx| + |dy|), which makes flat areas with edges; ½ Σ (dx² + dy²), as
in jcjohnson/neural-style; Σ (|dx| + |dy|), as in neural-style-pt; and a mean that includes diagonal neighbors, as in
crowsonkb/style-transfer-pytorch. Sums grow with the picture."""

Pooling = Literal["max", "average", "l2"]
"""The result of 2 × 2 pooling: the largest of four units, their mean, or the root of the sum of their squares."""

Padding = Literal["zeros", "replicate", "reflect", "replicate-first"]
"""The values beyond the border of a convolution; replicate-first has zeros in all layers but the first."""

OptimizerName = Literal["lbfgs", "adam"]
"""The algorithm that changes the pixels."""

Profile = Literal["content", "srgb"]
"""The color profile in which the picture is painted and saved."""

Quality = Literal["draft", "standard", "best"]
"""How far a picture is painted: until its forms show, until strokes have taken them, or until it hardly changes."""

Bits = Literal["auto", "8", "16"]
"""Bits per channel in the saved file; auto is 16 if the content has 16 and the file format can store them."""

HistoryDtype = Literal["float32", "bfloat16"]
"""The precision of the curvature pairs that L-BFGS stores."""

Dtype = Literal[HistoryDtype, "float64"]
"""The precision of the network's features."""

TargetImage = Literal["none", "content", "style"]
"""The image whose statistic a loss from outside the package aims at."""

Command = Literal["paint", "sweep", "measure", "figures", "info"]
"""The commands whose flags are made from options; `paint` stands for demo, texture and reconstruct too."""

Winograd = Literal["off", "lines", "tiles"]
"""How convolutions save multiplications by Winograd's algorithm: not at all, in one dimension (lines), or in two
(tiles)."""


def one_of(choices: Sequence[object]) -> str:
    """Write choices, at least two, in words: `a, b or c`."""
    *first, last = map(str, choices)
    return f"{', '.join(first)} or {last}"
