"""VGG-19 for torch's automatic differentiation: one function of the image, whose derivative is `VGG19.pullback`.

A loss of the features can then be differentiated by `loss.backward()`, and the image changed by any of `torch.optim`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from impasto.kernels.cotangents import Cotangent

__all__ = ["features"]


class Network(Protocol):
    """The network that is differentiated: the forward and the backward pass of one image."""

    def compute(self, image: Tensor, layers: Sequence[str], *, retain: bool) -> dict[str, Tensor]:
        """Compute the features of some layers.

        Args:
            image: RGB in [0, 1], (3, H, W).
            layers: The names of the layers.
            retain: Whether to retain the data that `pullback` needs.

        Returns:
            The features by layer, each (C, H, W).

        """
        ...

    def pullback(self, features: Any, cotangents: Mapping[str, Sequence[Cotangent]]) -> Tensor:
        """Return the gradient by the image, (3, H, W).

        Args:
            features: The features that `compute` returned.
            cotangents: Functions that add the derivatives by the features, by the names of the layers.

        Returns:
            The gradient, (3, H, W).

        """
        ...


def features(network: Network, image: Tensor, layers: Sequence[str]) -> dict[str, Tensor]:
    """Return features that torch can differentiate by the image.

    Args:
        network: The network.
        image: RGB in [0, 1], (3, H, W), that requires a gradient.
        layers: The names of the layers.

    Returns:
        The features by name, each (C, H, W).

    """
    outputs = cast("tuple[Tensor, ...]", _Features.apply(image, network, tuple(layers)))
    return dict(zip(layers, outputs, strict=True))


class _Features(torch.autograd.Function):
    """The features of an image as outputs of a node in torch's graph."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, network: Network, layers: Sequence[str]) -> tuple[Tensor, ...]:
        layer_features = network.compute(image, layers, retain=True)
        outputs = tuple(layer_features[name].detach() for name in layers)
        ctx.network, ctx.layers, ctx.layer_features = network, layers, layer_features
        ctx.save_for_backward(image, *outputs)  # so that torch sees a change of the features in place
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: Tensor | None) -> tuple[Tensor | None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        image, *_ = ctx.saved_tensors
        cotangent_functions = {
            name: [_make_adder(cotangent)]
            for name, cotangent in zip(ctx.layers, cotangents, strict=True)
            if cotangent is not None
        }
        if not cotangent_functions:
            return None, None, None
        layer_features, ctx.layer_features = ctx.layer_features, None
        if layer_features is None:  # the backward pass before used the features up
            layer_features = ctx.network.compute(image, ctx.layers, retain=True)
        return ctx.network.pullback(layer_features, cotangent_functions), None, None


def _make_adder(cotangent: Tensor) -> Cotangent:
    """Return a function that adds a derivative by the features to a gradient."""
    return lambda _, gradient: gradient.add_(cotangent)
