"""VGG-19 with few channels and seeded random weights, for tests of the pipeline."""

import torch

from impasto.layers import CONVOLUTIONS
from impasto.network.weights import CAFFE, Weights


def tiny_weights(seed=0, divisor=16):
    generator = torch.Generator().manual_seed(seed)
    tensors, inputs = {}, 3
    for layer in CONVOLUTIONS:
        channels = layer.channels // divisor
        weight = torch.randn(channels, inputs, 3, 3, generator=generator) * (2 / (9 * inputs)) ** 0.5
        tensors[layer.name] = (weight, torch.randn(channels, generator=generator))
        inputs = channels
    return Weights(tensors, CAFFE, f"random, seed {seed}", "0" * 64, "none")
