"""The VGG-19 table: the names, channels and strides of its layers. No tensors here.

A convolution's name stands for its output after the ReLU (`conv4_2` is the paper's conv4_2, others' relu4_2); `pool4`
is the output of the pooling that closes block 4.

Simonyan and Zisserman, *Very Deep Convolutional Networks for Large-Scale Image Recognition*, ICLR 2015, table 1,
configuration E.
"""

from collections.abc import Collection
from typing import NamedTuple

__all__ = ["CONVOLUTIONS", "IMAGE", "LAYERS", "Layer", "layer_named", "steps", "up_to"]

IMAGE = "image"
"""The name of the pixels themselves, among layers that losses look at."""


class Layer(NamedTuple):
    """One named layer of VGG-19."""

    name: str
    """`conv1_1` … `conv5_4` or `pool1` … `pool5`."""
    inputs: int
    """Channels that come in."""
    channels: int
    """Channels that go out."""
    stride: int
    """Pixels of the image from one unit of this layer to the next."""
    reach: int
    """Pixels beyond those under a unit that it depends on, on each side: a 3 × 3 convolution looks one unit further, a
    pooling no further than the four that it replaces."""

    @property
    def is_pool(self) -> bool:
        """Whether the layer is a 2 × 2 pooling; all others are 3 × 3 convolutions with a ReLU."""
        return self.name.startswith("pool")

    @property
    def units(self) -> float:
        """Units of all channels, a pixel of the image."""
        return self.channels / self.stride**2

    @property
    def macs(self) -> float:
        """Multiply-adds, a pixel of the image."""
        return 0.0 if self.is_pool else 9 * self.inputs * self.units


def _table() -> dict[str, Layer]:
    blocks = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
    table: dict[str, Layer] = {}
    inputs, stride, reach = 3, 1, 0
    for block, (channels, convolutions) in enumerate(blocks, start=1):
        for index in range(1, convolutions + 1):
            name = f"conv{block}_{index}"
            reach += stride
            table[name] = Layer(name, inputs, channels, stride, reach)
            inputs = channels
        stride *= 2
        table[f"pool{block}"] = Layer(f"pool{block}", channels, channels, stride, reach)
    return table


LAYERS = _table()
"""Every layer by its name, in the order in which an image passes through them."""

CONVOLUTIONS = tuple(layer for layer in LAYERS.values() if not layer.is_pool)
"""The 16 convolutions, in order."""

_PIXELS = Layer(IMAGE, 3, 3, 1, 0)


def layer_named(name: str) -> Layer:
    """Return the layer of a name, the pixels' included."""
    return _PIXELS if name == IMAGE else LAYERS[name]


def up_to(*names: str) -> list[Layer]:
    """List the layers that an image passes on its way to the deepest of some, itself included."""
    layers = list(LAYERS.values())
    return layers[: max((layers.index(LAYERS[name]) + 1 for name in names), default=0)]


def steps(wanted: Collection[str]) -> list[tuple[Layer, ...]]:
    """List the layers that an image passes on its way to the deepest of those wanted, one by one.

    A pooling comes with the convolution before it, if that is not wanted: of all layers it has the most units, and no
    one has to see them.
    """
    found: list[tuple[Layer, ...]] = []
    for layer in up_to(*wanted):
        if layer.is_pool and found[-1][0].name not in wanted:
            found[-1] = (*found[-1], layer)
        else:
            found.append((layer,))
    return found
