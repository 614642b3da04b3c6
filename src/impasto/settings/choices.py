"""The values of every option that is a choice, each written here and nowhere else.

A module that acts on a choice imports its type from here. It may import nothing of impasto.
"""

from typing import Literal

__all__ = [
    "Bits",
    "Color",
    "ColorMatch",
    "Command",
    "DistanceName",
    "Dtype",
    "HistoryDtype",
    "Init",
    "MaskSpread",
    "OptimizerName",
    "Padding",
    "Pooling",
    "Profile",
    "Seamless",
    "Variation",
    "Winograd",
]

Init = Literal["content", "noise", "blank", "style"]
"""What the canvas shows at the start: the photograph, uniform noise, mid-gray, or the first style image."""

Color = Literal["style", "content-luminance", "content-match"]
"""Whose colors the picture takes: the style's; the content's, of which only the luminance is painted; or those of a
style that was brought to the content's colors."""

ColorMatch = Literal["chol", "pca", "sym", "histogram"]
"""How colors are matched; the first three map them linearly, so that their mean and covariance are the target's."""

Seamless = Literal["none", "x", "y", "both"]
"""Which opposite edges of the picture meet: left and right (x), top and bottom (y)."""

MaskSpread = Literal["simple", "all", "inside"]
"""Which units of a layer belong to a mask. simple: a unit counts by the fraction of its pixels that is inside; all: it
counts wholly if its receptive field touches the inside; inside: it counts only if its receptive field lies inside."""

DistanceName = Literal["gram", "moments", "covariance", "wasserstein"]
"""What the style loss compares of two images' features at a layer."""

Variation = Literal["mean-squares", "half-squares", "absolute", "nine-point"]
"""What total variation makes of the differences dx and dy of neighboring pixels.

In this order: mean(dx² + dy²); ½ Σ (dx² + dy²), as jcjohnson/neural-style; Σ (|dx| + |dy|), as neural-style-pt; and a
mean that includes neighbors along the diagonals, as crowsonkb/style-transfer-pytorch. Sums grow with the picture."""

Pooling = Literal["max", "average", "l2"]
"""What 2 × 2 pooling makes of four units: the largest, their mean, or the root of the sum of their squares."""

Padding = Literal["zeros", "replicate", "reflect", "replicate-first"]
"""What a convolution sees beyond the border; replicate-first replicates in the first layer and has zeros in others."""

OptimizerName = Literal["lbfgs", "adam"]
"""How the pixels are changed."""

Profile = Literal["content", "srgb"]
"""The color profile in which the picture is painted and saved."""

Bits = Literal["auto", "8", "16"]
"""Bits of a channel in the saved file; auto is 16 where the content has 16 and the file format allows it."""

HistoryDtype = Literal["float32", "bfloat16"]
"""The precision of the curvature pairs that L-BFGS remembers."""

Dtype = Literal[HistoryDtype, "float64"]
"""The precision of the network's features."""

Command = Literal["paint", "sweep", "measure", "figures", "info"]
"""The commands whose flags are made from options; `paint` stands for demo, texture and reconstruct as well."""

Winograd = Literal["off", "lines", "tiles"]
"""How convolutions save multiplications by Winograd's algorithm: not at all, along lines, or in tiles."""
