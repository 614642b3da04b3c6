"""What files may hold: orientations, depths, transparency, frames, profiles, inks. Pillow makes most of them."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from checks import SUFFIXES, assert_one_sentence, samples, smooth
from PIL import Image, ImageCms, ImageOps

from impasto.errors import InputError, PictureError
from impasto.images import Picture, writing
from pictures import icc, noise, profile, vips


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_camera_s_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    blocks = np.kron(np.array([[0, 60, 120], [160, 200, 250]], np.uint8), np.ones((16, 16), np.uint8))
    image = Image.fromarray(blocks).convert("RGB")
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / f"a{suffix}", exif=exif)
    with Image.open(tmp_path / f"a{suffix}") as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    opened = Picture.open(tmp_path / f"a{suffix}").pixels.permute(1, 2, 0).numpy()
    assert opened.shape == expected.shape
    assert abs(opened * 255 - expected).max() < 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_sixteen_bits_are_written_where_the_format_has_them(tmp_path: Path, suffix: str) -> None:
    ramp = torch.linspace(100 / 255, 101 / 255, 258).expand(3, 8, 258)
    Picture(ramp, bits=16).save(tmp_path / f"a{suffix}")
    opened = Picture.open(tmp_path / f"a{suffix}")
    deep = suffix in {".png", ".tif"}
    assert opened.bits == (16 if deep else 8)
    if deep:
        expected = torch.arange(100 * 257, 101 * 257 + 1)
        assert (opened.samples.int() - expected).abs().max() <= 1
        assert len(opened.samples[0].int().unique()) > 250
    assert writing.check_suffix(f"a{suffix}", deep=False)
    if not deep:
        with pytest.raises(InputError, match="cannot hold 16 bits") as caught:
            writing.check_suffix(f"a{suffix}", deep=True)
        assert_one_sentence(caught.value, Path(f"a{suffix}"))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bands", [1, 3])
def test_sixteen_bits_keep_every_level(tmp_path: Path, suffix: str, bands: int) -> None:
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1).repeat(bands, 2)
    vips(levels, "rgb16" if bands == 3 else "grey16").write_to_file(str(tmp_path / f"a{suffix}"))
    pixels = Picture.open(tmp_path / f"a{suffix}").pixels
    assert torch.equal((pixels.double() * 65535).round(), torch.from_numpy(levels).permute(2, 0, 1).expand(3, -1, -1))
    assert (pixels.min(), pixels.max()) == (0, 1)


@pytest.mark.parametrize("mode", ["L", "1", "P"])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".gif"])
def test_gray_black_and_white_and_palette_become_rgb(tmp_path: Path, mode: str, suffix: str) -> None:
    image = Image.fromarray(noise()).convert(mode)
    image.save(tmp_path / f"a{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as stored:
        expected = np.asarray(stored.convert("RGB"))
    assert (samples(Picture.open(tmp_path / f"a{suffix}")) == expected).all()


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_the_four_inks_of_print_become_rgb(tmp_path: Path, suffix: str) -> None:
    inks = np.array([[0, 0, 0, 0], [255, 255, 255, 255], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0]], np.uint8)
    Image.fromarray(np.kron(inks[None], np.ones((16, 16, 1), np.uint8)), "CMYK").save(tmp_path / f"a{suffix}")
    paper, black, cyan, magenta, yellow = Picture.open(tmp_path / f"a{suffix}").pixels[:, 8, 8::16].T
    assert paper.min() > 0.97
    assert black.max() < 0.2
    assert (cyan.argmin(), magenta.argmin(), yellow.argmin()) == (0, 1, 2)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_kept_and_laid_over_white_on_request(tmp_path: Path, mode: str) -> None:
    array = noise(bands=len(mode))
    array[0, :4, -1] = [0, 255, 1, 254]
    Image.fromarray(array, mode).save(tmp_path / "a.png")
    alpha = array[..., -1:] / 255.0
    opened = Picture.open(tmp_path / "a.png")
    assert opened.alpha is not None
    assert (opened.alpha.numpy() == array[..., -1]).all()
    color = np.broadcast_to(array[..., :-1], (*array.shape[:2], 3))
    assert (samples(opened)[array[..., -1] > 0] == color[array[..., -1] > 0]).all()
    assert (opened.samples[:, 0, 0] == 255).all(), "what no one could see is white"
    expected = color / 255.0 * alpha + 1 - alpha
    laid = opened.on_white()
    assert laid.alpha is None
    assert abs(laid.pixels.permute(1, 2, 0).numpy() - expected).max() < 2e-5


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
@pytest.mark.parametrize("bits", [8, 16])
def test_alpha_is_written_to_the_bit(tmp_path: Path, suffix: str, bits: int) -> None:
    alpha = torch.from_numpy(noise(height=240, width=370, bands=1)[..., 0])
    picture = Picture(torch.rand(3, *alpha.shape), alpha=alpha, bits=bits)
    picture.save(tmp_path / f"a{suffix}")
    opened = Picture.open(tmp_path / f"a{suffix}")
    assert opened.alpha is not None
    deep = bits == 16 and suffix != ".webp"
    assert opened.alpha.dtype == (torch.uint16 if deep else torch.uint8)
    assert torch.equal(opened.alpha.int(), alpha.int() * (257 if deep else 1))


def test_a_jpeg_has_no_transparency_and_is_laid_over_white(tmp_path: Path) -> None:
    alpha = torch.zeros(32, 32)
    alpha[:, 16:] = 1
    Picture(torch.zeros(3, 32, 32), alpha=alpha).save(tmp_path / "a.jpg")
    opened = Picture.open(tmp_path / "a.jpg")
    assert opened.alpha is None
    assert opened.pixels[:, :, :8].min() > 0.98
    assert opened.pixels[:, :, 24:].max() < 0.02


def test_colors_below_transparency_do_not_bleed_when_resized() -> None:
    alpha = torch.zeros(64, 64)
    alpha[:, 32:] = 1
    red = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
    small = Picture(torch.where(alpha > 0, red, torch.tensor(0.0)), alpha=alpha).resized(21, 21)
    assert small.alpha is not None
    assert small.alpha.shape == (21, 21)
    visible = small.alpha > 0.1
    torch.testing.assert_close(small.pixels[:, visible], red[:, 0].expand(3, int(visible.sum())), rtol=0, atol=1e-3)
    assert small.pixels[:, small.alpha == 0].min() == 1


def test_a_picture_of_nothing_is_refused(tmp_path: Path) -> None:
    Image.fromarray(noise(bands=4) * np.array([1, 1, 1, 0], np.uint8), "RGBA").save(tmp_path / "a.png")
    with pytest.raises(PictureError, match="wholly transparent") as caught:
        Picture.open(tmp_path / "a.png")
    assert_one_sentence(caught.value, tmp_path / "a.png")


def test_opacity_is_none_where_all_is_opaque() -> None:
    assert Picture(torch.zeros(3, 2, 2)).opacity is None
    assert Picture(torch.zeros(3, 2, 2), alpha=torch.full((2, 2), 255, dtype=torch.uint8)).opacity is None
    half = Picture(torch.zeros(3, 2, 2), alpha=torch.full((2, 2), 51, dtype=torch.uint8)).opacity
    assert half is not None
    torch.testing.assert_close(half, torch.full((2, 2), 0.2))


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp"])
def test_of_several_frames_the_first_is_taken(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:])
    picture = Picture.open(tmp_path / f"a{suffix}")
    assert (picture.width, picture.height) == (20, 10)
    assert picture.remarks == (f"{tmp_path / f'a{suffix}'} has 3 frames or pages; the first is taken.",)
    assert picture.pixels.flatten(1).mean(1).tolist() == pytest.approx([1, 0, 0], abs=0.02)


def test_display_p3_is_converted_to_srgb_on_request(tmp_path: Path) -> None:
    stored = np.array([[[153, 102, 76], [100, 140, 90], [128, 128, 128], [235, 40, 52]]], np.uint8)
    vips(stored, "srgb", icc=profile("p3")).pngsave(str(tmp_path / "a.png"), keep="icc")
    # IEC 61966-2-1's curve, which both share, and the product of their matrices (both D65)
    encoded = stored[0] / 255.0
    light = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    matrix = [[1.2249402, -0.2249402, 0.0], [-0.0420570, 1.0420570, 0.0], [-0.0196376, -0.0786361, 1.0982736]]
    light = (light @ np.array(matrix).T).clip(0, 1)
    expected = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    opened = Picture.open(tmp_path / "a.png").in_profile(None).pixels[:, 0].T.numpy()
    assert abs(opened - expected)[:3].max() < 0.6 / 255
    assert abs(opened - expected)[3].max() < 3 / 255  # outside sRGB, where a channel near 0 has a steep curve
    assert abs(opened - encoded)[3].max() > 15 / 255


def test_a_deep_display_p3_file_is_converted_in_sixteen_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16)[None, :, None] * np.ones(3, np.uint16)
    ramp[..., 1] //= 2
    vips(ramp, "rgb16", icc=profile("p3")).pngsave(str(tmp_path / "a.png"), keep="icc")
    assert len(Picture.open(tmp_path / "a.png").in_profile(None).pixels[0].unique()) > 3000


def nearly_srgb() -> bytes:
    """Return libvips' sRGB profile with its red moved by 1/2000: conversion changes one sample in a hundred by 1."""
    srgb = profile("srgb")
    (offset,) = struct.unpack_from(">I", srgb, srgb.index(b"rXYZ") + 4)
    (red,) = struct.unpack_from(">i", srgb, offset + 8)
    return srgb[: offset + 8] + struct.pack(">i", red + 30) + srgb[offset + 12 :]


@pytest.mark.parametrize("name", ["libvips", "Pillow", "nearly"])
def test_a_file_tagged_srgb_keeps_its_samples(tmp_path: Path, name: str) -> None:
    pillow = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    srgb = {"libvips": profile("srgb"), "Pillow": pillow, "nearly": nearly_srgb()}[name]
    array = noise(200, 200)
    Image.fromarray(array).save(tmp_path / "a.png", icc_profile=srgb)
    opened = Picture.open(tmp_path / "a.png")
    for picture in (opened, opened.in_profile(None), opened.in_profile(profile("srgb"))):
        assert (samples(picture) == array).all()


def test_a_deep_file_tagged_srgb_keeps_its_samples(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    vips(array, "rgb16", icc=nearly_srgb()).pngsave(str(tmp_path / "a.png"), keep="icc")
    pixels = Picture.open(tmp_path / "a.png").pixels
    assert ((pixels.permute(1, 2, 0).double() * 65535).round().numpy() == array).all()


def spoiled_after(content: bytes, mark: bytes, distance: int) -> bytes:
    at = content.index(mark) + distance
    return content[:at] + b"\x49\x03\x49\x03" + content[at + 4 :]


BROKEN = [b"no profile" * 30, profile("p3")[:150], spoiled_after(profile("p3"), b"para", 8)]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("bands", [1, 3])
def test_an_unreadable_profile_counts_as_none(tmp_path: Path, broken: bytes, bands: int) -> None:
    array = noise(bands=bands)
    Image.fromarray(array.squeeze()).save(tmp_path / "a.tif", icc_profile=broken)
    assert (samples(Picture.open(tmp_path / "a.tif")) == array).all()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", ["p3", "adobe", "prophoto"])
def test_samples_stay_in_the_profile_of_the_file_and_go_back_with_it(tmp_path: Path, suffix: str, name: str) -> None:
    array = np.kron(noise(4, 5), np.ones((16, 16, 1), np.uint8))
    Image.fromarray(array).save(tmp_path / "a.png", icc_profile=icc(name))
    opened = Picture.open(tmp_path / "a.png")
    assert opened.profile == icc(name)
    assert (samples(opened) == array).all()
    opened.save(tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"b{suffix}") as stored:
        assert stored.info["icc_profile"] == icc(name)
        lossy = suffix in {".jpg", ".webp"}
        assert abs(np.asarray(stored).astype(int) - array)[8::16, 8::16].max() <= (12 if lossy else 0)


def test_a_picture_without_a_profile_gets_none(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert "icc_profile" not in stored.info
    assert Picture.open(tmp_path / "a.png").profile is None


def test_a_profile_of_linear_light_is_converted_and_said(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 3), 55, np.uint8)).save(tmp_path / "a.png", icc_profile=icc("linear"))
    opened = Picture.open(tmp_path / "a.png")
    assert opened.profile is None
    assert abs(opened.pixels.mean() - 0.5) < 0.05  # 55 / 255 of the light is half as bright
    assert opened.remarks == (
        f"{tmp_path / 'a.png'} has a color profile that cannot be painted in; its colors become sRGB.",
    )


def test_inks_are_said_to_become_srgb(tmp_path: Path) -> None:
    Image.fromarray(noise(bands=4), "CMYK").save(tmp_path / "a.tif")
    (remark,) = Picture.open(tmp_path / "a.tif").remarks
    assert remark == f"{tmp_path / 'a.tif'} holds the inks of print; they become sRGB."


def test_an_unreadable_profile_of_inks_counts_as_none(tmp_path: Path) -> None:
    cmyk = profile("cmyk")
    (table,) = struct.unpack_from(">I", cmyk, cmyk.index(b"A2B0") + 4)
    broken = cmyk[:table] + b"xxxx" + cmyk[table + 4 :]
    image = Image.fromarray(noise(bands=4), "CMYK")
    image.save(tmp_path / "plain.tif")
    image.save(tmp_path / "broken.tif", icc_profile=broken)
    pixels = Picture.open(tmp_path / "broken.tif").pixels
    assert torch.equal(pixels, Picture.open(tmp_path / "plain.tif").pixels)
    assert pixels.std() > 0.1
