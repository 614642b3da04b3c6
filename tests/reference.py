"""The equations of Gatys, Ecker and Bethge (CVPR 2016), written out in numpy and float64, apart from the package.

Nothing here is fast, and nothing is shared with what it tests but the weights' numbers.
"""

import numpy as np

BLOCKS = (2, 2, 4, 4, 4)


def convolve(signal, weight, bias):
    """Return the 3 × 3 cross-correlation of a signal (C, H, W), padded by zeros, with weights (out, C, 3, 3)."""
    _, height, width = signal.shape
    padded = np.pad(signal, ((0, 0), (1, 1), (1, 1)))
    total = np.zeros((len(weight), height, width))
    for row in range(3):
        for column in range(3):
            total += np.einsum(
                "oc,chw->ohw", weight[:, :, row, column], padded[:, row : row + height, column : column + width]
            )
    return total + bias[:, None, None]


def pool(signal, kind):
    channels, height, width = signal.shape
    blocks = signal[:, : height // 2 * 2, : width // 2 * 2].reshape(channels, height // 2, 2, width // 2, 2)
    if kind == "max":
        return blocks.max((2, 4))
    return blocks.mean((2, 4)) if kind == "average" else np.sqrt((blocks**2).sum((2, 4)))


def features(image, weights, kind="max", rescale=1.0):
    """Return all layers of VGG-19 for a network input (3, H, W): {name: (C, H, W)}."""
    outputs, signal = {}, image
    for block, convolutions in enumerate(BLOCKS, start=1):
        for index in range(1, convolutions + 1):
            weight, bias = weights[f"conv{block}_{index}"]
            signal = outputs[f"conv{block}_{index}"] = np.maximum(convolve(signal, weight, bias), 0)
        signal = outputs[f"pool{block}"] = pool(signal, kind) * rescale
    return outputs


def matrix(features):
    """Return F of the paper: a row for each filter and a column for each position, (N, M)."""
    return features.reshape(len(features), -1)


def content_loss(features, target):
    """Return the content loss, equation 1."""
    return 0.5 * ((matrix(features) - matrix(target)) ** 2).sum()


def content_gradient(features, target):
    """Return the gradient of the content loss by the features, equation 2: 0 where a unit is not active."""
    return np.where(features > 0, features - target, 0)


def gram(features):
    """Return the Gram matrix, equation 3."""
    return matrix(features) @ matrix(features).T


def style_loss(features, target):
    """Return the style loss of a layer, equation 4, from the features and the Gram matrix of the style."""
    count, positions = matrix(features).shape
    return ((gram(features) - target) ** 2).sum() / (4 * count**2 * positions**2)


def style_gradient(features, target):
    """Return the gradient of the style loss by the features, equation 6."""
    count, positions = matrix(features).shape
    gradient = (gram(features) - target) @ matrix(features) / (count**2 * positions**2)
    return np.where(features > 0, gradient.reshape(features.shape), 0)
