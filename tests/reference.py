"""The equations of Gatys, Ecker and Bethge (CVPR 2016), written out in numpy and float64, apart from the package.

Nothing here is fast, and nothing is shared with what it tests but the weights' numbers.
"""

import numpy as np

BLOCKS = (2, 2, 4, 4, 4)


def convolve(signal, weight, bias):
    """3 × 3 cross-correlation with one unit of zeros around; signal (C, H, W), weight (out, C, 3, 3)."""
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
    """All layers of VGG-19 for a network input (3, H, W): {name: (C, H, W)}."""
    found, signal = {}, image
    for block, convolutions in enumerate(BLOCKS, start=1):
        for index in range(1, convolutions + 1):
            weight, bias = weights[f"conv{block}_{index}"]
            signal = found[f"conv{block}_{index}"] = np.maximum(convolve(signal, weight, bias), 0)
        signal = found[f"pool{block}"] = pool(signal, kind) * rescale
    return found


def matrix(found):
    """F as the paper has it: one row a filter, one column a position, (N, M)."""
    return found.reshape(len(found), -1)


def content_loss(found, target):
    """Equation 1."""
    return 0.5 * ((matrix(found) - matrix(target)) ** 2).sum()


def content_gradient(found, target):
    """Equation 2: by the features, 0 where a unit is not active."""
    return np.where(found > 0, found - target, 0)


def gram(found):
    """Equation 3."""
    return matrix(found) @ matrix(found).T


def style_loss(found, target):
    """Equation 4: E_l of features and the style's features, each over its own number of positions."""
    count, positions = matrix(found).shape
    return ((gram(found) - target) ** 2).sum() / (4 * count**2 * positions**2)


def style_gradient(found, target):
    """Equation 6."""
    count, positions = matrix(found).shape
    by_features = (gram(found) - target) @ matrix(found) / (count**2 * positions**2)
    return np.where(found > 0, by_features.reshape(found.shape), 0)
