"""VGG-19 as a function of an image: features forward, gradients back, both by hand.

Automatic differentiation would keep the input of every convolution for the way back. The filters are fixed, so all that
is needed is where a ReLU let its input pass, a bit a unit, and which of four a pooling chose. The network knows nothing
of losses.

Simonyan and Zisserman, ICLR 2015 (the network); Gatys, Ecker and Bethge, CVPR 2016, section 2 (its use here).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import zip_longest
from typing import Self

import torch
from torch import Tensor

from impasto.convolution import Border, Convolution, Padding, border
from impasto.layers import Layer, up_to
from impasto.pooling import Pooling, Pullback, pool, pool_pullback
from impasto.relu import Clear, by_bits, by_output
from impasto.tiles import Wraps
from impasto.weights import Weights
from impasto.winograd import Saving

__all__ = ["VGG19", "Features"]

_RESCALE = {"max": 1.0, "average": 2.0, "l2": 0.78}
"""Factors that keep the activations of the original network, which was trained with max pooling, at their scale."""

_DEAD = 1e-2
"""A channel's mean activation over its layer's, below which `normalized` scales it as if it were this."""


Cotangent = Callable[[Tensor, Tensor], object]
"""Given a layer's features, add a derivative by them to a tensor of their shape, (C, H, W), in place."""


class Features(dict[str, Tensor]):
    """Features by layer name, each (C, H, W), with what `VGG19.pullback` needs to go back to the image."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        """Of the image that they were computed from."""
        self.ways_back: list[tuple[str, Pullback]] = []
        """From each layer's output to its input."""


@dataclass(frozen=True, eq=False)
class VGG19:
    """VGG-19 up to any layer, on RGB images in [0, 1]; it stops after the deepest layer that is asked for."""

    weights: Weights
    pooling: Pooling = "max"
    pooling_rescale: bool = True
    """Whether average pooling is scaled by 2 and L2 pooling by 0.78, which keeps the activations' scale."""
    padding: Padding = "zeros"
    """What stands beyond the border of each convolution's input; zeros is the mean color in the first layer, where
    replicate-first has copies."""
    saving: Saving = "off"
    """How wide convolutions save multiplications by Winograd's algorithm, at the price of more rounding."""

    def to(self, device: torch.device, dtype: torch.dtype, saving: Saving = "off") -> Self:
        """Return the network with its weights on a device, in the dtype of its features."""
        return replace(self, weights=self.weights.to(device, dtype), saving=saving)

    def forward(
        self, image: Tensor, layers: Collection[str], *, keep: bool = False, wraps: Wraps = (False, False)
    ) -> Features:
        """Compute the features of `layers`.

        Args:
            image: RGB in [0, 1], (3, H, W), both sides at least 32.
            layers: Names such as conv4_2 (after its ReLU) or pool4.
            keep: Whether to keep what `pullback` needs.
            wraps: Whether the upper edge meets the lower one, and the left the right: in place of padding there.

        Returns:
            The features by name, each (C, H // stride, W // stride), in the weights' dtype.

        """
        features = Features(image.dtype)
        output = self._input(image)  # (1, 3, H, W)
        path = _path(layers)
        for layer, after in zip_longest(path, path[1:]):
            around = border(self.padding, wraps, first=layer is path[0])
            signal, output = output, self._apply(layer, output, around)
            wanted = layer.name in layers
            if wanted:
                features[layer.name] = output[0]  # (C, H, W)
            if keep:
                way_back = self._way_back(layer, after, signal, output, around, wanted=wanted)
                features.ways_back.append((layer.name, way_back))
        return features

    def pullback(self, features: Features, cotangents: Mapping[str, Sequence[Cotangent]]) -> Tensor:
        """Return the gradient by the image of Σ ⟨cotangent, features⟩, (3, H, W), in the image's dtype.

        Args:
            features: From `forward` with `keep`; used up by this call, which lets go of each layer when it is past.
            cotangents: By layer name, functions that, given the features, each add a cotangent to a tensor of their
                shape, in place: so none is held in memory beside the gradient that it is a part of.

        """
        gradient: Tensor | None = None
        while features.ways_back:
            name, pullback = features.ways_back.pop()
            found = features.pop(name, None)  # (C, H, W)
            if found is not None and name in cotangents:
                gradient = torch.zeros_like(found)[None] if gradient is None else gradient  # (1, C, H, W)
                for add in cotangents[name]:
                    add(found, gradient[0])
            del found
            if gradient is not None:
                gradient = pullback(gradient)
        if gradient is None:
            raise ValueError("there is no cotangent to pull back")
        return self.weights.convention.pullback(gradient[0].to(features.dtype))  # (3, H, W)

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

    @cached_property
    def _convolutions(self) -> Mapping[str, Convolution]:
        return {name: Convolution(weight, bias, self.saving) for name, (weight, bias) in self.weights.tensors.items()}

    @property
    def _pooling_scale(self) -> float:
        return _RESCALE[self.pooling] if self.pooling_rescale else 1.0

    def _apply(self, layer: Layer, signal: Tensor, around: Border) -> Tensor:
        if layer.is_pool:
            return pool(self.pooling, self._pooling_scale, signal)
        return self._convolutions[layer.name].forward(signal, around)

    def _way_back(
        self, layer: Layer, after: Layer | None, signal: Tensor, output: Tensor, around: Border, *, wanted: bool
    ) -> Pullback:
        """Keep what it takes to go back from a layer's output to its input."""
        if layer.is_pool:
            return pool_pullback(self.pooling, self._pooling_scale, signal, output)
        if wanted:  # the features are there anyway
            clear = by_output(output)
        elif self.pooling == "max" and after is not None and after.is_pool:  # its way back is the ReLU's too
            clear = None
        else:
            clear = by_bits(output)
        return partial(_back, self._convolutions[layer.name], around, clear)


def _back(convolution: Convolution, around: Border, clear: Clear | None, cotangent: Tensor) -> Tensor:
    """Go back through a ReLU, unless that is done, and a convolution."""
    if clear is not None:
        clear(cotangent)
    return convolution.pullback(cotangent, around)


def _path(layers: Collection[str]) -> list[Layer]:
    """List the layers to pass on the way to the deepest of `layers`."""
    paths = [up_to(name) for name in layers]
    return max(paths, key=len) if paths else []
