"""The VGG-19 table: the names, channels and strides of its layers. This module uses no tensors.

A convolution's name stands for its output after the ReLU: `conv4_2` is the paper's conv4_2, which other programs call
relu4_2. `pool4` is the output of the pooling that ends block 4.

Simonyan and Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015, table 1,
configuration E.
"""

from collections.abc import Collection
from typing import NamedTuple

__all__ = ["CONVOLUTIONS", "IMAGE", "LAYERS", "Layer", "layer_named", "steps", "up_to"]

IMAGE = "image"
"""The name that losses use for the pixels themselves, as if they were a layer."""


class Layer(NamedTuple):
    """One named layer of VGG-19."""

    name: str
    """`conv1_1` … `conv5_4` or `pool1` … `pool5`."""
    inputs: int
    """The number of input channels."""
    channels: int
    """The number of output channels."""
    stride: int
    """The distance between neighboring units of this layer, in pixels of the image."""
    halo: int
    """How far the receptive field of a unit extends beyond the unit's own pixels on each side, in pixels: a 3 × 3
    convolution adds one stride, a pooling adds nothing."""

    @property
    def is_pool(self) -> bool:
        """Whether the layer is a 2 × 2 pooling; all others are 3 × 3 convolutions with a ReLU."""
        return self.name.startswith("pool")

    @property
    def units(self) -> float:
        """The number of units of all channels per pixel of the image."""
        return self.channels / self.stride**2

    @property
    def macs(self) -> float:
        """The number of multiply-adds per pixel of the image."""
        return 0.0 if self.is_pool else 9 * self.inputs * self.units


def _table() -> dict[str, Layer]:
    """Return the layers by name, in order."""
    blocks = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
    table: dict[str, Layer] = {}
    inputs, stride, halo = 3, 1, 0
    for block, (channels, convolutions) in enumerate(blocks, start=1):
        for index in range(1, convolutions + 1):
            name = f"conv{block}_{index}"
            halo += stride
            table[name] = Layer(name, inputs, channels, stride, halo)
            inputs = channels
        stride *= 2
        table[f"pool{block}"] = Layer(f"pool{block}", channels, channels, stride, halo)
    return table


LAYERS = _table()
"""Every layer by name, from the image to the deepest layer."""

CONVOLUTIONS = tuple(layer for layer in LAYERS.values() if not layer.is_pool)
"""The 16 convolutions, in order."""

_PIXELS = Layer(IMAGE, 3, 3, 1, 0)


def layer_named(name: str) -> Layer:
    """Return the layer of a name; `image` names the pixels, a layer with stride 1."""
    return _PIXELS if name == IMAGE else LAYERS[name]


def up_to(*names: str) -> list[Layer]:
    """List the layers from conv1_1 to the deepest of the named layers, both included."""
    layers = list(LAYERS.values())
    return layers[: max((layers.index(LAYERS[name]) + 1 for name in names), default=0)]


def steps(requested: Collection[str]) -> list[tuple[Layer, ...]]:
    """List the steps in which the network computes the features of some layers: one layer or two at a time.

    A pooling forms one step with the convolution before it, unless the convolution's features are requested. That
    convolution's output is the largest signal of the block, and a step need not store it.

    Args:
        requested: The names of the layers whose features are needed.

    Returns:
        The steps from the image to the deepest requested layer, each a tuple of one or two layers.

    """
    groups: list[tuple[Layer, ...]] = []
    for layer in up_to(*requested):
        if layer.is_pool and groups[-1][0].name not in requested:
            groups[-1] = (*groups[-1], layer)
        else:
            groups.append((layer,))
    return groups
