"""VGG-19 for torch's automatic differentiation: one function of the image, whose derivative is `VGG19.pullback`.

A loss of the features can then be differentiated by `loss.backward()`, and the image changed by any of `torch.optim`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.kernels.cotangents import Cotangent

__all__ = ["features"]


Compute = Callable[[Tensor], dict[str, Tensor]]
"""Compute features of an image, (3, H, W), by layer, with the data that a `Pullback` of them needs."""

Pullback = Callable[[Any, Mapping[str, Sequence[Cotangent]]], Tensor]
"""Return the gradient by the image, from the features and functions that add the derivatives by them, by layer."""


def features(compute: Compute, pullback: Pullback, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return features that torch can differentiate by the image.

    Args:
        compute: The forward pass of a network.
        pullback: The backward pass of the network.
        image: RGB in [0, 1], (3, H, W), that requires a gradient.
        layers: The names of the layers.

    Returns:
        The features by name, each (C, H, W).

    """
    outputs = cast("tuple[Tensor, ...]", _Features.apply(image, compute, pullback, tuple(layers)))
    return dict(zip(layers, outputs, strict=True))


class _Features(torch.autograd.Function):
    """The features of an image as outputs of a node in torch's graph."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, compute: Compute, pullback: Pullback, layers: Sequence[str]
    ) -> tuple[Tensor, ...]:
        layer_features = compute(image)
        outputs = tuple(layer_features[name].detach() for name in layers)
        ctx.compute, ctx.pullback, ctx.layers, ctx.layer_features = compute, pullback, layers, layer_features
        ctx.save_for_backward(image, *outputs)  # so that torch sees a change of the features in place
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        image, *_ = ctx.saved_tensors
        pairs = zip(ctx.layers, cotangents, strict=True)
        adders = {layer: [_make_adder(cotangent)] for layer, cotangent in pairs if cotangent is not None}
        if not adders:
            return None, None, None, None
        layer_features, ctx.layer_features = ctx.layer_features, None
        if layer_features is None:  # the previous backward pass used the features up
            layer_features = ctx.compute(image)
        return ctx.pullback(layer_features, adders), None, None, None


def _make_adder(cotangent: Tensor) -> Cotangent:
    """Return a function that adds a derivative by the features to a gradient."""
    return lambda _, gradient: gradient.add_(cotangent)
