import pytest
import torch

from impasto import Mask, Picture
from impasto.errors import PictureError
from impasto.images.guides import guide
from impasto.layers import LAYERS, up_to


def square(height=64, width=96, rows=slice(16, 48), columns=slice(32, 80)):
    weights = torch.zeros(height, width)
    weights[rows, columns] = 1
    return weights


def test_white_is_inside_and_gray_a_soft_edge(tmp_path):
    Picture(torch.linspace(0, 1, 5).expand(3, 4, 5)).save(tmp_path / "mask.png")
    mask = Mask.open(tmp_path / "mask.png")
    torch.testing.assert_close(mask.weights[0], torch.linspace(0, 1, 5), atol=1 / 255, rtol=0)
    assert mask.name == str(tmp_path / "mask.png")


def test_a_color_of_an_image_of_labels_is_a_mask(tmp_path):
    labels = torch.zeros(3, 8, 8, dtype=torch.uint8)
    labels[0, :, :3] = 250
    labels[2, :, 3:] = 255
    Picture(labels).save(tmp_path / "labels.png")
    assert Mask.open(f"{tmp_path}/labels.png#ff0000").weights.sum() == 24
    assert Mask.open(f"{tmp_path}/labels.png#0000FF").weights.sum() == 40
    with pytest.raises(PictureError, match="has the color #00ff00; its commonest are #0000ff, #fa0000"):
        Mask.open(f"{tmp_path}/labels.png#00ff00")


def test_a_file_whose_name_ends_like_a_color_is_a_file(tmp_path):
    Picture(torch.ones(3, 4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.png#ff0000")
    assert Mask.open(tmp_path / "a.png#ff0000").weights.mean() == 1


def test_a_mask_of_another_shape_is_refused_by_name():
    with pytest.raises(PictureError, match="^sky is 96 × 64 pixels, which is not the shape of the picture, 100 × 100"):
        Mask(square(), "sky").resized(100, 100)
    assert Mask(square(), "sky").resized(150, 101).shape == (101, 150)


@pytest.mark.parametrize("layer", ["conv1_1", "conv2_2", "pool3", "conv5_1"])
@pytest.mark.parametrize("size", [(64, 96), (67, 93)])
def test_a_guide_has_the_units_of_its_layer(layer, size):
    for spread in ("simple", "all", "inside"):
        found = guide(torch.rand(size), layer, spread)
        assert found.shape == (size[0] // LAYERS[layer].stride, size[1] // LAYERS[layer].stride)
        assert 0 <= found.min() <= found.max() <= 1


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
