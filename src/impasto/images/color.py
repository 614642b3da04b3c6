"""Colors of a picture: the style's, or the content's. Pure functions of images (3, H, W), RGB in [0, 1].

Gatys, Ecker, Bethge, Hertzmann and Shechtman, *Controlling Perceptual Factors in Neural Style Transfer*, CVPR 2017,
section 5, and Gatys, Bethge, Hertzmann and Shechtman, *Preserving Color in Neural Artistic Style Transfer*, 2016.
"""

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor

from impasto.settings.choices import ColorMatch

__all__ = ["gray", "match_colors", "match_luminance", "with_luminance"]

_VARIANCE_FLOOR = 1e-6
"""Added to variances of a color, which are 0 in gray and flat images; its root is a quarter of a gray level."""

_MAX_TINT_RATIO = 0.01
"""Ratio of the second largest variance to the largest up to which it is noise: the colors of such an image are on a
line."""


def gray(image: Tensor) -> Tensor:
    """Return the luminance Y = 0.299 R + 0.587 G + 0.114 B of an image in all three channels."""
    return _luminance(image).expand(3, -1, -1)


def match_luminance(style: Tensor, content: Tensor, selection: Tensor | None = None) -> Tensor:
    """Return the style in gray, with the mean and deviation of the content's luminance (Gatys et al. 2017, eq. 10).

    Args:
        style: The style image, (3, H, W).
        content: The content image, (3, H, W), of any size.
        selection: The part of the style whose mean and deviation count, (3, 1, N); all of it, if not given.

    Returns:
        Gray in all three channels, (3, H, W); values may leave [0, 1].

    """
    sample, target = _luminance(style if selection is None else selection), _luminance(content)
    scale = (target.var(correction=0) + _VARIANCE_FLOOR).sqrt() / (sample.var(correction=0) + _VARIANCE_FLOOR).sqrt()
    return ((_luminance(style) - sample.mean()) * scale + target.mean()).expand(3, -1, -1)


def with_luminance(image: Tensor, colors: Tensor) -> Tensor:
    """Return an image's luminance with the chroma of another image.

    Where no color in [0, 1] has both, the chroma stands and the luminance is the nearest that goes with it.

    Args:
        image: The image of the luminance, (3, H, W).
        colors: The image of the chroma, (3, H, W).

    Returns:
        An image in [0, 1], (3, H, W).

    """
    chroma = colors - _luminance(colors)
    return _luminance(image).maximum(-chroma.amin(0, keepdim=True)).minimum(1 - chroma.amax(0, keepdim=True)) + chroma


def match_colors(image: Tensor, target: Tensor, matching: ColorMatch, selection: Tensor | None = None) -> Tensor:
    """Return an image with the colors of a target.

    Args:
        image: The image, (3, H, W).
        target: The image whose colors it is to have, (3, H, W), of any size.
        matching: How colors are matched.
        selection: The part of the image whose colors are brought to the target's, (3, 1, N); all of it, if not given.

    Returns:
        The image in other colors, (3, H, W); values may leave [0, 1]. The processor computes it, since not every
        device has double precision and eigenvalues.

    """
    pixels, target = image.cpu(), target.cpu()
    selection = pixels if selection is None else selection.cpu()
    if matching == "histogram":
        return _match_histogram(pixels, selection, target).to(image)
    means, covariances = zip(*(_moments(pixels) for pixels in (selection, target)), strict=True)
    matrix = _MATRICES[matching](*covariances)  # (3, 3)
    colors = matrix @ (pixels.flatten(1).double() - means[0]) + means[1]
    return colors.view_as(pixels).to(image)


def _match_histogram(image: Tensor, selection: Tensor, target: Tensor) -> Tensor:
    """Give each value the one of the same rank in the target's channel.

    Where the target's colors are on a line, as those of a gray photograph are, the rank is that of the luminance, and
    the color is that of the target with this rank: ranks by channel would make colors of noise.
    """
    if not _is_monochrome(target):
        return torch.stack([_match_ranks(a, b, c[None])[0] for a, b, c in zip(image, selection, target, strict=True)])
    sorted_target = target.flatten(1)[:, _luminance(target).flatten().argsort()]
    return _match_ranks(_luminance(image)[0], _luminance(selection)[0], sorted_target.view_as(target), is_ordered=True)


def _is_monochrome(image: Tensor) -> bool:
    """Tell whether the colors of an image are on a line but for noise."""
    variances = cast("Tensor", torch.linalg.eigvalsh(_moments(image)[1]))
    return float(variances[1]) <= _MAX_TINT_RATIO * float(variances[2])


def _luminance(image: Tensor) -> Tensor:
    """Return the luminance of an image, (1, H, W)."""
    weights = image.new_tensor([0.299, 0.587, 0.114])
    return torch.einsum("c,chw->hw", weights, image)[None]


def _moments(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and covariance of an image's colors, (3, 1) and (3, 3)."""
    colors = image.flatten(1).double()
    return colors.mean(1, keepdim=True), torch.cov(colors, correction=0) + _VARIANCE_FLOOR * torch.eye(
        3, dtype=colors.dtype
    )


def _chol(source: Tensor, target: Tensor) -> Tensor:
    """Return L* L⁻¹, with Σ = L Lᵀ and Σ* = L* L*ᵀ."""
    factors = cast("list[Tensor]", [torch.linalg.cholesky(each) for each in (source, target)])
    return factors[1] @ factors[0].inverse()


def _pca(source: Tensor, target: Tensor) -> Tensor:
    """Return Σ*^½ Σ^-½."""
    return _power(target, 0.5) @ _power(source, -0.5)


def _sym(source: Tensor, target: Tensor) -> Tensor:
    """Return Σ^-½ (Σ^½ Σ* Σ^½)^½ Σ^-½, which moves colors least (Monge and Kantorovich)."""
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


_MATRICES: Mapping[ColorMatch, Callable[[Tensor, Tensor], Tensor]] = {"chol": _chol, "pca": _pca, "sym": _sym}


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric positive matrix."""
    values, vectors = cast("tuple[Tensor, Tensor]", torch.linalg.eigh((matrix + matrix.T) / 2))
    return vectors * values.clamp_min(_VARIANCE_FLOOR**2).pow(exponent) @ vectors.T


def _match_ranks(values: Tensor, selection: Tensor, target: Tensor, *, is_ordered: bool = False) -> Tensor:
    """Give each value, (H, W), what a target has at the same rank, (C, H, W).

    Equal values have the middle of their ranks. `is_ordered` says that the target, (C, h, w), is sorted already.
    """
    levels = target.flatten(1) if is_ordered else target.flatten(1).sort().values
    ordered, count = selection.flatten().sort().values, levels.shape[1]
    flat = values.flatten()
    ranks = (torch.searchsorted(ordered, flat) + torch.searchsorted(ordered, flat, right=True) - 1) / 2
    positions = (ranks * ((count - 1) / max(1, len(ordered) - 1))).clamp(0, count - 1)
    lower = positions.floor().long()
    upper = (lower + 1).clamp_max(count - 1)
    return levels[:, lower].lerp(levels[:, upper], (positions - lower).to(levels)).view(-1, *values.shape)
