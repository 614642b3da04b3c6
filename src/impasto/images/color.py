"""Colors: whose the picture takes, the style's or the content's. Pure functions of images (3, H, W), sRGB in [0, 1].

Gatys, Ecker, Bethge, Hertzmann and Shechtman, *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017,
section 5, and Gatys, Bethge, Hertzmann and Shechtman, *Preserving Color in Neural Artistic Style Transfer*, 2016.
"""

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor

from impasto.settings.choices import ColorMatch

__all__ = ["gray", "like_luminance", "matched", "with_luminance"]

_FAINT = 1e-6
"""Added to variances of a color, which are 0 in gray and flat images: an eighth of a gray level."""


def gray(image: Tensor) -> Tensor:
    """Return the luminance Y = 0.299 R + 0.587 G + 0.114 B of an image in all three channels."""
    return _luminance(image).expand(3, -1, -1)


def like_luminance(style: Tensor, content: Tensor, counted: Tensor | None = None) -> Tensor:
    """Return the style in gray, with the mean and deviation of the content's luminance (Gatys et al. 2017, eq. 10).

    `counted` is the part of the style whose mean and deviation are meant, (3, 1, N); all of it, if not given.
    """
    ours, theirs = _luminance(style if counted is None else counted), _luminance(content)
    spread = (theirs.var(correction=0) + _FAINT).sqrt() / (ours.var(correction=0) + _FAINT).sqrt()
    return ((_luminance(style) - ours.mean()) * spread + theirs.mean()).expand(3, -1, -1)


def with_luminance(image: Tensor, colors: Tensor) -> Tensor:
    """Return an image's luminance with the chroma of another.

    Where no color in [0, 1] has both, the chroma stands and the luminance is the nearest that goes with it.
    """
    chroma = colors - _luminance(colors)
    return _luminance(image).maximum(-chroma.amin(0, keepdim=True)).minimum(1 - chroma.amax(0, keepdim=True)) + chroma


def matched(image: Tensor, target: Tensor, matching: ColorMatch, counted: Tensor | None = None) -> Tensor:
    """Return an image with the colors of a target; values may leave [0, 1].

    `counted` is the part of the image whose colors are brought to the target's, (3, 1, N); all of it, if not given.
    """
    counted = image if counted is None else counted
    if matching == "histogram":
        return torch.stack([_matched_channel(*channels) for channels in zip(image, counted, target, strict=True)])
    means, covariances = zip(*(_moments(each) for each in (counted, target)), strict=True)
    change = _MAPS[matching](*covariances)  # (3, 3)
    moved = change @ (image.flatten(1).double() - means[0]) + means[1]
    return moved.to(image.dtype).view_as(image)


def _luminance(image: Tensor) -> Tensor:
    weights = image.new_tensor([0.299, 0.587, 0.114])
    return torch.einsum("c,chw->hw", weights, image)[None]  # (1, H, W)


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and covariance of an image's colors, (3, 1) and (3, 3)."""
    colors = image.flatten(1).double()
    return colors.mean(1, keepdim=True), torch.cov(colors, correction=0) + _FAINT * torch.eye(3, dtype=colors.dtype)


def _chol(source: Tensor, target: Tensor) -> Tensor:
    """L* L⁻¹, with Σ = L Lᵀ."""
    factors = cast("list[Tensor]", [torch.linalg.cholesky(each) for each in (source, target)])
    return factors[1] @ factors[0].inverse()


def _pca(source: Tensor, target: Tensor) -> Tensor:
    """Σ*^½ Σ^-½."""
    return _power(target, 0.5) @ _power(source, -0.5)


def _sym(source: Tensor, target: Tensor) -> Tensor:
    """Σ^-½ (Σ^½ Σ* Σ^½)^½ Σ^-½, which moves colors least (Monge and Kantorovich)."""
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


_MAPS: Mapping[ColorMatch, Callable[[Tensor, Tensor], Tensor]] = {"chol": _chol, "pca": _pca, "sym": _sym}


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric positive matrix."""
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh((matrix + matrix.T) / 2))
    return vectors * values.clamp_min(_FAINT**2).pow(exponent) @ vectors.T


def _matched_channel(channel: Tensor, counted: Tensor, target: Tensor) -> Tensor:
    """Give each value the one of the same rank in a target; equal values have the middle of their ranks."""
    values, theirs = channel.flatten(), target.flatten().sort().values
    ordered = counted.flatten().sort().values
    ranks = (torch.searchsorted(ordered, values) + torch.searchsorted(ordered, values, right=True) - 1) / 2
    places = (ranks * ((len(theirs) - 1) / max(1, len(ordered) - 1))).clamp(0, len(theirs) - 1)
    below = places.floor().long()
    above = (below + 1).clamp_max(len(theirs) - 1)
    return theirs[below].lerp(theirs[above], (places - below).to(theirs)).view_as(channel)
