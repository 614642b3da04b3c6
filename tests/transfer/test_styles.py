import pytest
import torch

from impasto import Mask, Picture, Style
from impasto.errors import InputError, PictureError
from impasto.planning.plan import Size
from impasto.transfer.styles import make_regions

SIZE = Size(96, 64)


def half(name, left):
    weights = torch.zeros(64, 96)
    weights[:, :48] = 1
    return Mask(weights if left else 1 - weights, name)


def regions_of(*styles, keep=None, opaque=None):
    images = [torch.rand(3, 40, 50) for _ in styles]
    return make_regions(styles, images, SIZE, keep, lambda tensor: tensor, opaque=opaque), images


def test_styles_without_a_region_are_blended_everywhere(picture):
    (everywhere,), images = regions_of(Style(picture()), Style(picture(), 2.0), Style(picture(), 0.0))
    assert everywhere.area is None
    assert [style.weight for style in everywhere.styles] == [1.0, 2.0]
    assert everywhere.styles[1].pixels is images[1]


def test_styles_of_one_mask_share_a_region_and_the_others_paint_the_rest(picture):
    sky = half("sky.png", left=True)
    (remainder, sky_region), _ = regions_of(
        Style(picture()), Style(picture(), region=sky), Style(picture(), region=sky)
    )
    assert (remainder.name, len(remainder.styles)) == ("the rest of the picture", 1)
    assert (sky_region.name, len(sky_region.styles)) == ("sky.png", 2)
    assert torch.equal(remainder.area, 1 - sky_region.area)
    assert sky_region.area.sum() == 64 * 48


def test_what_is_kept_belongs_to_no_region(picture):
    keep = half("face.png", left=True)
    (only,), _ = regions_of(Style(picture()), keep=keep)
    assert torch.equal(only.area, 1 - keep.weights)
    (masked,), _ = regions_of(Style(picture(), region=Mask(torch.full((64, 96), 0.5))), keep=keep)
    assert masked.area.sum() == 64 * 48 / 2


def test_what_is_half_kept_is_painted_as_if_it_were_not(picture):
    (only,), _ = regions_of(Style(picture()), keep=Mask(torch.full((64, 96), 0.5)))
    assert only.area.min() == 1


def test_a_mask_of_the_painting_has_the_paintings_size(picture):
    (only,), _ = regions_of(Style(picture(), mask=Mask(torch.rand(80, 100))))
    assert only.styles[0].mask.shape == (40, 50)


def test_a_region_that_is_empty_or_tiny_is_refused_by_name(picture):
    weights = torch.zeros(64, 96)
    weights[:10, :10] = 1
    with pytest.raises(PictureError, match=r"^dot.png covers 100 of 96 × 64 pixels; it needs at least 256"):
        regions_of(Style(picture(), region=Mask(weights, "dot.png")))
    with pytest.raises(PictureError, match="the rest of the picture covers 0 of"):
        regions_of(Style(picture(), region=Mask(torch.ones(64, 96))), Style(picture()))


def nearly_transparent(picture, width, height):
    alpha = torch.zeros(height, width)
    alpha[:5, :5] = 1
    return Picture(picture(width, height).pixels, alpha=alpha)


def test_a_message_about_what_is_transparent_says_so_and_names_no_mask(picture):
    with pytest.raises(
        PictureError, match="^a style image shows 25 of 50 × 40 pixels and is transparent elsewhere; 256"
    ):
        regions_of(Style(nearly_transparent(picture, 50, 40)))
    opaque = Mask.of_opacity(nearly_transparent(picture, 96, 64))
    with pytest.raises(
        PictureError, match="^the content image shows 25 of 96 × 64 pixels and is transparent elsewhere"
    ):
        regions_of(Style(picture()), opaque=opaque)


def test_a_region_where_nothing_can_be_painted_says_why(picture):
    right, left = half("sky.png", left=False), half("face.png", left=True)
    with pytest.raises(PictureError, match="^sky.png covers 0 of 96 × 64 pixels that are not transparent; it needs"):
        regions_of(Style(picture(), region=right), opaque=left)
    with pytest.raises(PictureError, match="^face.png covers 0 of 96 × 64 pixels that are not kept; it needs at least"):
        regions_of(Style(picture(), region=left), keep=left)
    with pytest.raises(PictureError, match="^face.png covers 0 of 96 × 64 pixels that are not transparent or kept"):
        regions_of(Style(picture(), region=left), keep=left, opaque=left)


@pytest.mark.parametrize(
    ("changes", "words"), [({"weight": -1}, "weight"), ({"scale": 0}, "scale"), ({"scale": float("inf")}, "scale")]
)
def test_numbers_out_of_range_are_refused(picture, changes, words):
    with pytest.raises(InputError, match=f"a style's {words} cannot be"):
        Style(picture(), **changes)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"color": "blue"}, "a style's color cannot be blue; it takes style, content-luminance or content-match."),
        ({"color_match": "rgb"}, "a style's color_match cannot be rgb; it takes chol, pca, sym or histogram."),
    ],
)
def test_colors_that_there_are_not_are_refused(picture, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        Style(picture(), **changes)
