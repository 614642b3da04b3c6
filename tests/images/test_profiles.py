import numpy as np
import pytest
import torch

from impasto.images import Picture, profiles
from pictures import colors, icc, lab, light, profile, vips

SRGB = np.array([[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]])
"""XYZ of sRGB's red, green and blue, adapted to D50."""


def lab_of_srgb(encoded):
    xyz = light("p3", encoded) @ SRGB / np.array([0.9642, 1.0, 0.8249])  # both have one curve
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


@pytest.mark.parametrize(
    ("name", "is_paintable"), [("p3", True), ("adobe", True), ("prophoto", True), ("linear", False)]
)
def test_profiles_as_bright_as_srgb_are_painted_in(name, is_paintable):
    assert profiles.is_usable(icc(name))
    assert profiles.can_paint(icc(name)) == is_paintable
    assert not profiles.is_srgb(icc(name))


def test_profiles_of_inks_and_damaged_ones_are_not_painted_in():
    for bad in (profile("cmyk"), b"no profile" * 30, profile("p3")[:150], b""):
        assert not profiles.is_usable(bad)
        assert not profiles.can_paint(bad)
        assert not profiles.is_srgb(bad)


def test_srgb_is_known_by_what_it_does():
    assert profiles.is_srgb(None)
    assert profiles.is_srgb(profiles.srgb())
    assert profiles.is_srgb(profile("srgb"))


@pytest.mark.parametrize("name", ["p3", "adobe"])
def test_colors_of_srgb_are_the_same_colors_in_a_wider_profile(name):
    picture = Picture(torch.from_numpy(colors()).permute(2, 0, 1).float() / 255)
    wide = picture.in_profile(icc(name))
    assert wide.profile == icc(name)
    actual = lab(name, wide.pixels.permute(1, 2, 0).double().numpy())
    expected = lab_of_srgb(colors() / 255.0)
    assert np.linalg.norm(actual - expected, axis=-1).mean() < 0.6
    assert np.linalg.norm(actual - expected, axis=-1).max() < 2
    back = wide.in_profile(None).pixels
    assert (back - picture.pixels).abs().mean() < 0.5 / 255


def test_colors_beyond_srgb_survive_only_outside_of_it():
    green = Picture(torch.tensor([0.0, 1.0, 0.0])[:, None, None].expand(3, 4, 4), profile=icc("p3"))
    assert torch.equal(green.in_profile(icc("p3")).pixels, green.pixels)
    back = green.in_profile(None).in_profile(icc("p3")).pixels
    assert (back - green.pixels).abs().max() > 0.3


def test_an_image_s_profile_is_read_and_replaced():
    image = vips(colors(), "srgb", icc=icc("p3"))
    assert profiles.embedded(image) == icc("p3")
    assert profiles.embedded(profiles.embed(image, icc("adobe"))) == icc("adobe")
    assert profiles.embedded(profiles.embed(image, None)) is None
    assert profiles.embedded(image) == icc("p3")
