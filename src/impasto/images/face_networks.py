"""The three networks that find faces, from the distribution mtcnn, of which no code is imported.

They are those of Zhang, Zhang, Li and Qiao, *Joint Face Detection and Alignment Using Multitask Cascaded Convolutional
Networks* (IEEE Signal Processing Letters, 2016). Each is a chain of convolutions, the last of which cover all that is
left of a square, so that a network that is given more than its square judges all squares in it. Not in here: which
squares a network is given.
"""

import math
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, prelu

from impasto.installed_files import InstalledFile

__all__ = ["PROPOSAL", "REFINEMENTS", "FaceNetwork"]


class _Layer(NamedTuple):
    """A convolution with a parametric ReLU, and perhaps max pooling behind it."""

    weight: Tensor
    """(out, in, height, width)."""
    bias: Tensor
    """(out,)."""
    slope: Tensor
    """The slope of the ReLU below 0, (out,)."""
    pool_side: int
    """The side of the windows that are pooled in steps of 2; 0: no pooling."""


class _Layers(NamedTuple):
    """The layers of a network."""

    chain: list[_Layer]
    """The layers that find features, in their order."""
    moves: tuple[Tensor, Tensor]
    """Weight and bias of the convolution that says where the sides of a face are."""
    classes: tuple[Tensor, Tensor]
    """Weight and bias of the convolution that says whether there is a face."""


class FaceNetwork(NamedTuple):
    """A network that judges squares of an image."""

    file: InstalledFile
    """The file of its arrays."""
    side: int
    """The side of the squares, in pixels."""
    pool_sides: tuple[int, ...]
    """The sides of the windows of the pooling behind each of its convolutions; 0: no pooling."""
    threshold: float
    """The least probability of a face."""

    def judge(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the network sees faces in images.

        Args:
            images: In [-1, 1], (N, 3, H, W), both sides at least `side`.

        Returns:
            For each square how far the left, top, right and bottom side of a face are from those of the square, in
            sides of the square, (N, 4, h, w), and the probability of a face, (N, h, w); h and w are 1 where an image is
            one square.

        Raises:
            WeightsError: the file of the network is missing or damaged.

        """
        layers = _load(self)
        for weight, bias, slope, pool_side in layers.chain:
            images = prelu(conv2d(images, weight, bias), slope)
            images = max_pool2d(images, pool_side, 2, ceil_mode=True) if pool_side else images
        return conv2d(images, *layers.moves), conv2d(images, *layers.classes).softmax(1)[:, 1]


def _file(name: str, sha256: str) -> InstalledFile:
    """Return the file of a network."""
    return InstalledFile("mtcnn", "1.0.0", f"mtcnn/assets/weights/{name}.lz4", sha256)


PROPOSAL = FaceNetwork(
    _file("pnet", "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5"), 12, (2, 0, 0), 0.6
)
"""The network that judges the squares all over an image, in steps of 2 pixels."""

REFINEMENTS = (
    FaceNetwork(
        _file("rnet", "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee"), 24, (3, 3, 0, 0), 0.7
    ),
    FaceNetwork(
        _file("onet", "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3"), 48, (3, 3, 2, 0, 0), 0.9
    ),
)
"""The networks that judge what the one before took for faces."""


@cache
def _load(network: FaceNetwork) -> _Layers:
    """Return the layers of a network.

    Its file is a list of arrays: weight, bias and slope of each layer, then weight and bias of the moves, of landmarks,
    which only the last network has, and of the classes.
    """
    joblib: Any = import_module("joblib")  # takes 60 ms
    arrays = [torch.as_tensor(array) for array in joblib.load(network.file.find(", or draw a mask"))]
    chain: list[_Layer] = []
    channels = 3
    for number, pool_side in enumerate(network.pool_sides):
        weight, bias, slope = arrays[3 * number : 3 * number + 3]
        chain.append(_Layer(_as_convolution(weight, channels), bias, slope.flatten(), pool_side))
        channels = len(bias)
    (moves, moves_bias), (classes, classes_bias) = arrays[3 * len(chain) :][:2], arrays[-2:]
    return _Layers(
        chain, (_as_convolution(moves, channels), moves_bias), (_as_convolution(classes, channels), classes_bias)
    )


def _as_convolution(weight: Tensor, channels: int) -> Tensor:
    """Return a weight of Keras as torch's, (out, in, height, width).

    That of a fully connected layer, (width · height · in, out), becomes a convolution that covers all of its input.
    """
    if weight.dim() == 4:
        return weight.permute(3, 2, 0, 1).contiguous()  # (height, width, in, out) in Keras
    side = math.isqrt(len(weight) // channels)
    return weight.reshape(side, side, channels, -1).permute(3, 2, 1, 0).contiguous()
