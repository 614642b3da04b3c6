"""VGG-19 by automatic differentiation, with which the network's own derivatives are compared."""

import torch
from torch.nn import functional

from impasto.layers import LAYERS

SCALE = {"max": 1.0, "average": 2.0, "l2": 0.78}


def features(network, image, wraps=(False, False)):
    """Return every layer's features of an image, (C, H, W) by name, with autograd's graph behind them."""
    dtype = network.weights.tensors["conv1_1"][0].dtype
    signal, outputs = network.weights.convention.apply(image).to(dtype)[None], {}
    for name, layer in LAYERS.items():
        signal = pool(network, signal) if layer.is_pool else convolve(network, signal, name, wraps)
        outputs[name] = signal[0]
    return outputs


def convolve(network, signal, name, wraps):
    weight, bias = network.weights.tensors[name]
    padding = "replicate" if (network.padding, name) == ("replicate-first", "conv1_1") else network.padding
    mode = padding if padding in {"replicate", "reflect"} else "constant"
    for sides, wrap in zip(((0, 0, 1, 1), (1, 1, 0, 0)), wraps, strict=True):
        signal = functional.pad(signal, sides, mode="circular" if wrap else mode)
    return functional.conv2d(signal, weight, bias).relu()


def pool(network, signal):
    scale = SCALE[network.pooling] if network.pooling_rescale else 1.0
    if network.pooling == "max":
        return functional.max_pool2d(signal, 2)
    if network.pooling == "average":
        return functional.avg_pool2d(signal, 2) * scale
    squares = functional.avg_pool2d(signal.square(), 2) * 4
    return squares.clamp_min(torch.finfo(squares.dtype).tiny).sqrt() * scale


def nine_points(x):
    """Return the total variation of crowsonkb/style-transfer-pytorch: differences to eight neighbors, with a copied border."""
    x = torch.nn.functional.pad(x[None], (1, 1, 1, 1), mode="replicate")[0]
    straight = (x[:, 1:-1, 2:] - x[:, 1:-1, 1:-1], x[:, 2:, 1:-1] - x[:, 1:-1, 1:-1])
    diagonal = (x[:, 1:, 1:] - x[:, :-1, :-1], x[:, 1:, :-1] - x[:, :-1, 1:])
    return 2 * (sum(d.square().mean() / 3 for d in straight) + sum(d.square().mean() / 12 for d in diagonal))
