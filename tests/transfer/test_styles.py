import pytest
import torch

from impasto import Mask, Style
from impasto.errors import InputError, PictureError
from impasto.planning.plan import Size
from impasto.transfer.styles import regions

SIZE = Size(96, 64)


def half(name, left):
    weights = torch.zeros(64, 96)
    weights[:, :48] = 1
    return Mask(weights if left else 1 - weights, name)


def of(*styles, keep=None):
    images = [torch.rand(3, 40, 50) for _ in styles]
    return regions(styles, images, SIZE, keep, lambda tensor: tensor), images


def test_styles_without_a_region_are_blended_everywhere(picture):
    (everywhere,), images = of(Style(picture()), Style(picture(), 2.0), Style(picture(), 0.0))
    assert everywhere.area is None
    assert [style.weight for style in everywhere.styles] == [1.0, 2.0]
    assert everywhere.styles[1].pixels is images[1]


def test_styles_of_one_mask_share_a_region_and_the_others_paint_the_rest(picture):
    sky = half("sky.png", left=True)
    (rest, above), _ = of(Style(picture()), Style(picture(), region=sky), Style(picture(), region=sky))
    assert (rest.name, len(rest.styles)) == ("the rest of the picture", 1)
    assert (above.name, len(above.styles)) == ("sky.png", 2)
    assert torch.equal(rest.area, 1 - above.area)
    assert above.area.sum() == 64 * 48


def test_what_is_kept_belongs_to_no_region(picture):
    keep = half("face.png", left=True)
    (only,), _ = of(Style(picture()), keep=keep)
    assert torch.equal(only.area, 1 - keep.weights)
    (above,), _ = of(Style(picture(), region=Mask(torch.full((64, 96), 0.5))), keep=keep)
    assert above.area.sum() == 64 * 48 / 2


def test_a_mask_of_the_painting_has_the_paintings_size(picture):
    (only,), _ = of(Style(picture(), mask=Mask(torch.rand(80, 100))))
    assert only.styles[0].mask.shape == (40, 50)


def test_a_region_that_is_empty_or_tiny_is_refused_by_name(picture):
    weights = torch.zeros(64, 96)
    weights[:10, :10] = 1
    with pytest.raises(PictureError, match=r"^dot.png covers 100 of 96 × 64 pixels; it needs at least 256"):
        of(Style(picture(), region=Mask(weights, "dot.png")))
    with pytest.raises(PictureError, match="the rest of the picture covers 0 of"):
        of(Style(picture(), region=Mask(torch.ones(64, 96))), Style(picture()))


@pytest.mark.parametrize(
    ("changes", "words"), [({"weight": -1}, "weight"), ({"scale": 0}, "scale"), ({"scale": float("inf")}, "scale")]
)
def test_numbers_out_of_range_are_refused(picture, changes, words):
    with pytest.raises(InputError, match=f"a style's {words} cannot be"):
        Style(picture(), **changes)
