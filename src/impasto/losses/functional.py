"""The losses of the paper as functions of features that torch differentiates, for loops of one's own.

A run uses `ContentLoss` and `StyleLoss` in their place, which add up over tiles and have their derivatives by hand. At
the defaults, `content_weight` times the content loss and `style_weight` times the sum of the style losses are the terms
of a run.
"""

from torch import Tensor

from impasto.errors import InputError
from impasto.losses.base import to_sum_precision

__all__ = ["content_loss", "gram", "style_loss"]


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix G = F Fᵀ / (H·W) of a layer: how often each two feature maps are active together.

    Gatys et al. 2016, eq. 3, divided by the number of positions H·W, so that images of any size can be compared: the
    paper's matrix is H·W times as large.

    Args:
        features: F, a feature map a channel, (C, H, W), or of a batch (B, C, H, W), as `VGG19` returns them.

    Returns:
        The Gram matrix, (C, C), or (B, C, C), in float32 or float64.

    Raises:
        InputError: the features are no floating-point tensor of such a shape.

    """
    flat = to_sum_precision(_check_features(features, "features")).flatten(-2)  # (…, C, H·W)
    return flat @ flat.mT / flat.shape[-1]


def content_loss(features: Tensor, target_features: Tensor) -> Tensor:
    """Return the content loss of a layer, mean((F - P)²).

    Gatys et al. 2016, eq. 1, with the mean over all units in place of half their sum: the paper's loss is ½ C·H·W times
    as large.

    Args:
        features: F, of the picture that is painted, (C, H, W) or (B, C, H, W).
        target_features: P, of the photograph at the same layer and size.

    Returns:
        A scalar, at least 0, in float32 or float64.

    Raises:
        InputError: the features are no floating-point tensors, or differ in shape.

    """
    features, target = _check_features(features, "features"), _check_features(target_features, "target_features")
    if features.shape != target.shape:
        raise InputError(
            f"features have the shape {tuple(features.shape)} and target_features {tuple(target.shape)}; give those of "
            "one layer, of images of one size, as Picture.resized makes them."
        )
    return (to_sum_precision(features) - to_sum_precision(target)).square().mean()


def style_loss(features: Tensor, target_gram: Tensor) -> Tensor:
    """Return the style loss of a layer, mean((G - A)²) / C².

    Gatys et al. 2016, eq. 4, with G and A divided by the number of positions: the paper's loss is ¼ C² times as large,
    where picture and painting have one size.

    Args:
        features: F, of the picture that is painted, (C, H, W) or (B, C, H, W).
        target_gram: A, the Gram matrix of the painting at the same layer, (C, C): `gram` of its features.

    Returns:
        A scalar, at least 0, in float32 or float64.

    Raises:
        InputError: the features or the matrix are no floating-point tensors of such shapes.

    """
    picture_gram = gram(features)
    if not isinstance(target_gram, Tensor) or target_gram.shape[-2:] != picture_gram.shape[-2:]:  # pyright: ignore[reportUnnecessaryIsInstance]
        count = len(picture_gram[0])
        raise InputError(
            f"target_gram is {_describe(target_gram)}; style_loss takes the Gram matrix of the painting at the same "
            f"layer, ({count}, {count}), as gram returns it."
        )
    return (picture_gram - target_gram).square().mean() / picture_gram.shape[-1] ** 2


def _check_features(features: object, name: str) -> Tensor:
    """Return features; refuse any but a floating-point tensor (C, H, W) or (B, C, H, W)."""
    if isinstance(features, Tensor) and features.is_floating_point() and features.ndim in {3, 4} and features.numel():
        return features
    raise InputError(
        f"{name} cannot be {_describe(features)}; give a floating-point tensor (C, H, W) or (B, C, H, W), as "
        "VGG19()(image, layer) returns it."
    )


def _describe(value: object) -> str:
    """Return the description of a value in a message: the dtype and shape of a tensor, or its type."""
    if isinstance(value, Tensor):
        return f"{value.dtype} of shape {tuple(value.shape)}"
    return f"of type {type(value).__name__}"
