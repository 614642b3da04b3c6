"""VGG-19 as a function of an image: features forward, gradients back.

`VGG19.forward` and `VGG19.pullback` are the one seam for speed: a faster backend replaces that pair and nothing else.
The network knows nothing of losses.

Simonyan and Zisserman, ICLR 2015 (the network); Gatys, Ecker and Bethge, CVPR 2016, section 2 (its use here).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn import functional

from impasto.layers import Layer, up_to
from impasto.weights import Weights

__all__ = ["VGG19", "Features"]

_RESCALE = {"max": 1.0, "average": 2.0, "l2": 0.78}
"""Factors that keep the activations of the original network, which was trained with max pooling, at their scale."""

_DEAD = 1e-2
"""A channel's mean activation over its layer's, below which `normalized` scales it as if it were this."""


class Features(dict[str, Tensor]):
    """Features by layer name, each (C, H, W), with what `VGG19.pullback` needs to go back to the image."""

    image: Tensor
    """The image that they were computed from, (3, H, W)."""


@dataclass(frozen=True, eq=False)
class VGG19:
    """VGG-19 up to any layer, on RGB images in [0, 1]; it stops after the deepest layer that is asked for."""

    weights: Weights
    pooling: Literal["max", "average", "l2"] = "max"
    pooling_rescale: bool = True
    """Whether average pooling is scaled by 2 and L2 pooling by 0.78, which keeps the activations' scale."""
    padding: Literal["zeros", "replicate", "reflect"] = "zeros"
    """What stands beyond the border of each convolution's input; zeros is the mean color in the first layer."""

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the network with its weights on a device, in the dtype of its features."""
        return replace(self, weights=self.weights.to(device, dtype))

    def forward(self, image: Tensor, layers: Collection[str], *, keep: bool = False) -> Features:
        """Compute the features of `layers`.

        Args:
            image: RGB in [0, 1], (3, H, W), both sides at least 32.
            layers: Names such as conv4_2 (after its ReLU) or pool4.
            keep: Whether to keep what `pullback` needs.

        Returns:
            The features by name, each (C, H // stride, W // stride), in the weights' dtype.

        """
        features = Features()
        features.image = image.detach().requires_grad_(keep)
        with torch.set_grad_enabled(keep):
            signal = self._input(features.image)  # (1, 3, H, W)
            for layer in _path(layers):
                signal = self._pool(signal) if layer.is_pool else self._convolve(signal, layer)
                if layer.name in layers:
                    features[layer.name] = signal[0]  # (C, H, W)
        return features

    def pullback(self, features: Features, cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the gradient by the image of Σ ⟨cotangent, features⟩, (3, H, W), in the image's dtype.

        Args:
            features: From `forward` with `keep`; used up by this call.
            cotangents: By layer name, each of its features' shape.

        """
        outputs = [features[name] for name in cotangents]
        grads = [cotangent.to(output.dtype) for cotangent, output in zip(cotangents.values(), outputs, strict=True)]
        return torch.autograd.grad(outputs, features.image, grads)[0]

    def normalized(self, images: Sequence[Tensor], layers: Collection[str]) -> Self:
        """Return the network rescaled so that each filter's mean activation over `images` is 1, as deep as `layers`.

        Exact, since ReLU and pooling are positively homogeneous (Gatys et al. 2016, section 2). The paper takes the
        mean over ImageNet; over few images a filter may hardly ever be active, so its scale is limited to 100 times
        the layer's.
        """
        names = [layer.name for layer in _path(layers) if not layer.is_pool]
        sums: dict[str, Tensor] = {}
        for image in images:
            for name, features in self.forward(image, names).items():
                sums[name] = sums.get(name, 0) + features.double().mean((1, 2)) / len(images)  # (C,)
        tensors = dict(self.weights.tensors)
        before = torch.ones(3, dtype=torch.float64, device=images[0].device)
        for name in names:
            weight, bias = tensors[name]
            after = sums[name].clamp_min(_DEAD * float(sums[name].mean()) or 1.0)  # (C,)
            scaled = weight * before[None, :, None, None] / after[:, None, None, None]
            tensors[name] = (scaled.to(weight.dtype), (bias / after).to(bias.dtype))
            before = after
        return replace(self, weights=replace(self.weights, tensors=tensors))

    def _input(self, image: Tensor) -> Tensor:
        weight, _ = self.weights.tensors["conv1_1"]
        signal = self.weights.convention.apply(image).to(weight.dtype)[None]
        return signal.contiguous(memory_format=torch.channels_last)  # (1, 3, H, W)

    def _convolve(self, signal: Tensor, layer: Layer) -> Tensor:
        weight, bias = self.weights.tensors[layer.name]
        if self.padding == "zeros":
            return functional.conv2d(signal, weight, bias, padding=1).relu_()
        signal = functional.pad(signal, (1, 1, 1, 1), mode=self.padding)
        return functional.conv2d(signal, weight, bias).relu_()

    def _pool(self, signal: Tensor) -> Tensor:
        if self.pooling == "max":
            return functional.max_pool2d(signal, 2)
        scale = _RESCALE[self.pooling] if self.pooling_rescale else 1.0
        if self.pooling == "average":
            return functional.avg_pool2d(signal, 2) * scale
        squares = functional.avg_pool2d(signal.square(), 2) * 4
        tiny = torch.finfo(squares.dtype).tiny  # where all four are 0 the gradient is 0, not 0/0
        return squares.clamp_min(tiny).sqrt() * scale


def _path(layers: Collection[str]) -> list[Layer]:
    """List the layers to pass on the way to the deepest of `layers`."""
    paths = [up_to(name) for name in layers]
    return max(paths, key=len) if paths else []
