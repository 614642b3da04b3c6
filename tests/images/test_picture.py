"""What a picture is in memory, and what it refuses to be."""

import pytest
import torch
from checks import smooth

from impasto.errors import PictureError
from impasto.images import Picture
from pictures import icc, profile


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(4, 8, 8), torch.zeros(3, 8), torch.zeros(3, 0, 8), torch.zeros(3, 8, 8, dtype=torch.float64)],
)
def test_pixels_of_another_shape_or_dtype_are_refused(pixels: torch.Tensor) -> None:
    with pytest.raises(PictureError, match=r"torch\.float32 of shape \(3, H, W\)"):
        Picture(pixels)


@pytest.mark.parametrize("alpha", [torch.zeros(8, 9), torch.zeros(1, 8, 8), torch.zeros(8, 8, dtype=torch.float64)])
def test_an_alpha_of_another_shape_or_dtype_is_refused(alpha: torch.Tensor) -> None:
    with pytest.raises(PictureError, match=r"alpha is .*torch\.float32 of shape \(8, 8\)"):
        Picture(torch.zeros(3, 8, 8), alpha=alpha)


def test_a_profile_that_nothing_can_be_painted_in_is_refused() -> None:
    for bad in (profile("cmyk"), icc("linear"), b"no profile"):
        with pytest.raises(PictureError, match="not one that a picture can be painted in"):
            Picture(torch.zeros(3, 8, 8), profile=bad)
        with pytest.raises(PictureError, match="not one that a picture can be painted in"):
            Picture(torch.zeros(3, 8, 8)).in_profile(bad)


def test_a_picture_tells_its_size_and_not_its_tensor() -> None:
    picture = smooth(48, 64)
    assert (picture.width, picture.height) == (64, 48)
    assert repr(picture) == "Picture(64 × 48)"


@pytest.mark.parametrize(
    ("long_side", "size"), [(30, (30, 20)), (1, (1, 1)), (59, (59, 39)), (60, (60, 40)), (90, (60, 40))]
)
def test_a_picture_within_a_long_side_is_reduced_and_never_enlarged(long_side, size):
    picture = Picture(torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(0)))
    reduced = picture.within(long_side)
    assert (reduced.width, reduced.height) == size
    assert (reduced is picture) == (long_side >= 60)
