"""What is written is read again. Pillow reads it too, so that libvips does not vouch for itself."""

import io
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from checks import samples, smooth
from PIL import Image, JpegImagePlugin

from impasto.errors import InputError, PictureError
from impasto.images import Picture
from pictures import noise


@pytest.mark.parametrize("suffix", [".png", ".tif", ".TIFF"])
def test_a_lossless_file_gives_back_every_level(tmp_path: Path, suffix: str) -> None:
    array = noise()
    Picture(torch.from_numpy(array).permute(2, 0, 1).float() / 255).save(tmp_path / f"a{suffix}")
    opened = Picture.open(str(tmp_path / f"a{suffix}"))
    assert opened.pixels.is_contiguous()
    assert opened.pixels.dtype == torch.float32
    assert (samples(opened) == array).all()
    with Image.open(tmp_path / f"a{suffix}") as stored:
        assert (np.asarray(stored) == array).all()


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".webp"])
def test_a_lossy_file_stays_close(tmp_path: Path, suffix: str) -> None:
    picture = smooth()
    picture.save(tmp_path / f"a{suffix}")
    difference = (Picture.open(tmp_path / f"a{suffix}").pixels - picture.pixels).abs()
    assert 0 < difference.max() < 8 / 255
    assert difference.mean() < 1.5 / 255


def test_quality_is_heeded_and_checked(tmp_path: Path) -> None:
    picture = Picture(torch.from_numpy(noise()).permute(2, 0, 1).float() / 255)
    for quality in (20, 95):
        picture.save(tmp_path / f"{quality}.jpg", quality=quality)
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "95.jpg").stat().st_size / 2
    with pytest.raises(InputError, match="quality is 101"):
        picture.save(tmp_path / "c.jpg", quality=101)
    assert not (tmp_path / "c.jpg").exists()


@pytest.mark.parametrize("quality", [50, 95])
def test_a_jpeg_keeps_the_color_of_every_pixel(tmp_path: Path, quality: int) -> None:
    smooth().save(tmp_path / "a.jpg", quality=quality)
    with Image.open(tmp_path / "a.jpg") as image:
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4


def test_levels_are_rounded_and_clamped_when_written(tmp_path: Path) -> None:
    levels = torch.arange(256, dtype=torch.float32)
    rows = torch.stack([levels - 0.49, levels, levels + 0.49]) / 255
    pixels = rows.expand(3, 3, 256).clone()
    pixels[:, 0, 0], pixels[:, 2, 255] = -3.0, 7.0
    Picture(pixels).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert (np.asarray(stored) == np.arange(256)[None, :, None]).all()
    assert pixels.min() == -3.0, "saving must leave the picture as it is"


def test_a_value_that_is_not_a_number_is_not_written(tmp_path: Path) -> None:
    pixels = torch.zeros(3, 4, 4)
    pixels[1, 2, 3] = math.nan
    with pytest.raises(PictureError, match="not a number"):
        Picture(pixels).save(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_a_notebook_is_given_a_png() -> None:
    picture = smooth()
    shown = np.asarray(Image.open(io.BytesIO(picture._repr_png_())))
    assert abs(shown / 255.0 - picture.pixels.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("name", ["a b.png", "ärger [page=1].png", "a.png[n=2].png", os.fsdecode(b"\xff.png")])
def test_any_file_name_is_only_a_name(tmp_path: Path, name: str) -> None:
    smooth().save(tmp_path / name)
    assert Picture.open(tmp_path / name).width == 64
