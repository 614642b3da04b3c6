import pytest
import torch

from impasto.images.guides import guide
from impasto.layers import LAYERS, up_to


def square(height=64, width=96, rows=slice(16, 48), columns=slice(32, 80)):
    weights = torch.zeros(height, width)
    weights[rows, columns] = 1
    return weights


@pytest.mark.parametrize("layer", ["conv1_1", "conv2_2", "pool3", "conv5_1"])
@pytest.mark.parametrize("size", [(64, 96), (67, 93)])
def test_a_guide_has_the_units_of_its_layer(layer, size):
    for spread in ("simple", "all", "inside"):
        weights = guide(torch.rand(size), layer, spread)
        assert weights.shape == (size[0] // LAYERS[layer].stride, size[1] // LAYERS[layer].stride)
        assert 0 <= weights.min() <= weights.max() <= 1


def receptive(layer, row, column):
    """Return the pixels that a unit sees, from first to last, by going back through the layers."""
    spans = [(row, row), (column, column)]
    for passed in reversed(up_to(layer)):
        spans = [(2 * a, 2 * b + 1) if passed.is_pool else (a - 1, b + 1) for a, b in spans]
    return spans


@pytest.mark.parametrize("layer", ["conv1_1", "conv2_1", "conv3_2"])
def test_all_and_inside_are_about_receptive_fields(layer):
    weights = square()
    every, inner = (guide(weights, layer, spread) for spread in ("all", "inside"))
    for row in range(every.shape[0]):
        for column in range(every.shape[1]):
            (top, bottom), (left, right) = receptive(layer, row, column)
            seen = weights[max(0, top) : bottom + 1, max(0, left) : right + 1]
            assert every[row, column] == seen.max()
            assert inner[row, column] == seen.min()


def test_simple_is_the_share_of_the_pixels():
    weights = torch.rand(32, 32)
    torch.testing.assert_close(guide(weights, "conv3_1", "simple")[1, 2], weights[4:8, 8:12].mean())
    assert torch.equal(guide(weights, "conv1_2", "simple"), weights)


def test_guides_grow_and_shrink_by_units():
    plain = guide(square(), "conv1_1", "simple")
    assert guide(square(), "conv1_1", "simple", 2).sum() == 36 * 52
    assert guide(square(), "conv1_1", "simple", -2).sum() == 28 * 44
    assert plain.sum() == 32 * 48
