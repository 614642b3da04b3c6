"""Pictures are made and read back with Pillow where it can, so that libvips does not vouch for itself."""

import io
import json
import math
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps, JpegImagePlugin

from impasto import images
from impasto.errors import InputError, PictureError, WriteError
from impasto.images import Picture, check_suffix, read_note, reading, resample, writing, xmp
from pictures import icc, noise, profile, vips

SUFFIXES = [".png", ".jpg", ".webp", ".tif"]


def smooth(height: int = 48, width: int = 64) -> Picture:
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return Picture(torch.stack([x, y, 1 - x * y]))


def samples(picture: Picture) -> np.ndarray:
    """Return 8-bit (H, W, 3), and fail unless the picture holds exactly such levels."""
    levels = picture.pixels.permute(1, 2, 0).double().numpy() * 255
    assert abs(levels - levels.round()).max() < 1e-4
    return levels.round().astype(np.uint8)


# --- what a picture is


@pytest.mark.parametrize(
    "pixels",
    [torch.zeros(4, 8, 8), torch.zeros(3, 8), torch.zeros(3, 0, 8), torch.zeros(3, 8, 8, dtype=torch.float64)],
)
def test_pixels_of_another_shape_or_dtype_are_refused(pixels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"torch\.float32 of shape \(3, H, W\)"):
        Picture(pixels)


@pytest.mark.parametrize("alpha", [torch.zeros(8, 9), torch.zeros(1, 8, 8), torch.zeros(8, 8, dtype=torch.float64)])
def test_an_alpha_of_another_shape_or_dtype_is_refused(alpha: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"alpha is .*torch\.float32 of shape \(8, 8\)"):
        Picture(torch.zeros(3, 8, 8), alpha=alpha)


def test_a_profile_that_nothing_can_be_painted_in_is_refused() -> None:
    for bad in (profile("cmyk"), icc("linear"), b"no profile"):
        with pytest.raises(ValueError, match="not one that a picture can be painted in"):
            Picture(torch.zeros(3, 8, 8), profile=bad)
        with pytest.raises(ValueError, match="not one that a picture can be painted in"):
            Picture(torch.zeros(3, 8, 8)).in_profile(bad)


def test_a_picture_tells_its_size_and_not_its_tensor() -> None:
    picture = smooth(48, 64)
    assert (picture.width, picture.height) == (64, 48)
    assert repr(picture) == "Picture(64 × 48)"


# --- round trips


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
    with pytest.raises(ValueError, match="quality is 101"):
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
    with pytest.raises(ValueError, match="not a number"):
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


# --- what files may hold


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


# --- notes

NOTES = [
    "plain",
    "",
    "  \"double\" and 'single' quotes, <tags/>, &amp; & ]]> <!DOCTYPE x>  ",
    "Übermalung 梵高 🎨\nsecond line\ttab\rcarriage return\r\n",
    json.dumps({f"option {index}": ["conv4_2", index / 7, None] for index in range(120)}),
]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("note", NOTES)
def test_a_note_survives_in_every_format(tmp_path: Path, note: str, suffix: str) -> None:
    assert len(NOTES[-1]) > 5000
    Picture(torch.zeros(3, 8, 9), note=note).save(tmp_path / f"a{suffix}")
    assert Picture.open(tmp_path / f"a{suffix}").note == note
    assert read_note(str(tmp_path / f"a{suffix}")) == note


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_longest_note_survives_and_a_longer_one_is_refused(tmp_path: Path, suffix: str) -> None:
    empty = len(xmp.packet(""))
    note = "".join(map(chr, np.random.default_rng(0).integers(65, 91, xmp.MAX_PACKET_BYTES - empty)))
    Picture(torch.zeros(3, 8, 9), note=note).save(tmp_path / f"a{suffix}")
    assert read_note(tmp_path / f"a{suffix}") == note
    with pytest.raises(ValueError, match="room for 60000"):
        Picture(torch.zeros(3, 8, 9), note=note + "x")


@pytest.mark.parametrize("note", ["\0", "bell \a", "half a pair \ud800", "\uffff"])
def test_a_note_that_xml_cannot_hold_is_refused(note: str) -> None:
    with pytest.raises(ValueError, match="no way to write"):
        Picture(torch.zeros(3, 8, 9), note=note)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_picture_without_a_note_has_none(tmp_path: Path, suffix: str) -> None:
    smooth().save(tmp_path / f"a{suffix}")
    assert Picture.open(tmp_path / f"a{suffix}").note is None


OURS = xmp.packet("mine").decode()


@pytest.mark.parametrize(
    ("packet", "note"),
    [
        (OURS.replace("urn:impasto:1.0:", "http://ns.adobe.com/photoshop/1.0/"), None),
        (OURS.replace("impasto:note", "impasto:other"), None),
        (OURS[:-60], None),
        ("no XML at all", None),
        ("", None),
        ("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), None),
        ("<!DOCTYPE x [<!ENTITY a 'boo'>]>" + OURS.replace("mine", "&a;"), None),
        ("\ufeff" + OURS + " \n" * 500 + "\0", "mine"),  # padded, as programs do that edit in place
        (re.sub("><impasto:note>mine</impasto:note></rdf:Description>", " impasto:note='mine'/>", OURS), "mine"),
    ],
)
def test_only_our_own_note_is_read(tmp_path: Path, packet: str, note: str | None) -> None:
    vips(noise(), "srgb", xmp=packet.encode()).tiffsave(str(tmp_path / "a.tif"), keep="xmp")
    assert Picture.open(tmp_path / "a.tif").note == note


def test_a_note_is_read_without_the_pixels(tmp_path: Path) -> None:
    Picture(torch.rand(3, 200, 200), note="mine").save(tmp_path / "a.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:9000])
    assert read_note(tmp_path / "cut.jpg") == "mine"
    with pytest.raises(PictureError, match="cut short"):
        Picture.open(tmp_path / "cut.jpg")


# --- bad input


def png_of(width: int, height: int) -> bytes:
    """Return a small PNG that claims a large size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def cut(suffix: str, share: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(90, 120)).save(file, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()))
    return file.getvalue()[: int(len(file.getvalue()) * share)]


def spoiled_png() -> bytes:
    whole = bytearray(cut(".png", 1.0))
    whole[len(whole) // 2] ^= 0xFF
    return bytes(whole)


BAD = {
    "empty.png": b"",
    "short.png": b"\x89P",
    "text.jpg": b"I am a text.\n" * 20,
    "table.csv": b"1,2,3\n4,5,6\n",
    "matrix.png": b"2 2\n1 2\n3 4\n",
    "drawing.svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'><rect/></svg>",
    "paper.pdf": b"%PDF-1.4\n" + bytes(100),
    "phone.heic": b"\0\0\0\x18ftypheic" + bytes(100),
    "signature.avif": b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf" + bytes(100),
    "signature.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "signature.tif": b"II*\0" + bytes(40),
    "spoiled.png": spoiled_png(),
    "bomb.png": png_of(10_001, 10_000),
    "giant.png": png_of(2**31 - 1, 2**31 - 1),
    "wide.png": png_of(2**31 - 1, 1),
    "nothing.png": png_of(0, 0),
    "narrow.png": png_of(0, 10),
    **{
        f"cut{share}{suffix}": cut(suffix, share)
        for suffix in (*SUFFIXES, ".gif")
        for share in (0.02, 0.3, 0.6, 0.9, 0.98)
    },
}


def assert_one_sentence(error: Exception, path: Path) -> None:
    message = str(error)
    assert message.startswith(str(path))
    rest = message.removeprefix(str(path))
    assert rest.endswith(".")
    assert ". " not in rest
    assert "\n" not in message
    assert "vips" not in rest.lower()
    assert ";" in rest, "it says what to do"


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_whole_picture_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(PictureError) as caught:
        Picture.open(path)
    assert_one_sentence(caught.value, path)


@pytest.mark.parametrize(
    ("kind", "words"), [("missing", "no such file"), ("folder", "is a folder"), ("pipe", "not a regular file")]
)
def test_what_is_no_file_is_refused_in_one_sentence(tmp_path: Path, kind: str, words: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    for read in (Picture.open, read_note):
        with pytest.raises(PictureError, match=words) as caught:
            read(path)
        assert_one_sentence(caught.value, path)


def test_a_device_is_refused_in_one_sentence() -> None:
    with pytest.raises(PictureError, match="not a regular file") as caught:
        Picture.open("/dev/zero")
    assert_one_sentence(caught.value, Path("/dev/zero"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused_in_one_sentence(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(PictureError, match="permission denied") as caught:
        Picture.open(tmp_path / "a.png")
    assert_one_sentence(caught.value, tmp_path / "a.png")


def test_the_content_decides_what_a_file_is_and_not_its_name(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert Picture.open(tmp_path / "a.jpg").width == 64


def test_samples_in_floating_point_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    vips(np.full((8, 8, 3), 0.5, np.float32), "scrgb").tiffsave(str(path))
    with pytest.raises(PictureError, match="float samples") as caught:
        Picture.open(path)
    assert_one_sentence(caught.value, path)


def test_the_limit_on_pixels_is_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth(48, 64).save(tmp_path / "a.png")
    monkeypatch.setattr(reading, "MAX_PIXELS", 48 * 64)
    assert Picture.open(tmp_path / "a.png").width == 64
    monkeypatch.setattr(reading, "MAX_PIXELS", 48 * 64 - 1)
    with pytest.raises(PictureError, match="64 × 48 pixels") as caught:
        Picture.open(tmp_path / "a.png")
    assert_one_sentence(caught.value, tmp_path / "a.png")
    assert Picture.open(tmp_path / "a.png", allow_large=True).width == 64


@pytest.mark.parametrize(("limit", "magic"), [(48 * 64 * 3, b"II*\0"), (48 * 64 * 3 - 1, b"II+\0")])
def test_a_tiff_too_large_for_offsets_of_32_bits_is_a_bigtiff(tmp_path, monkeypatch, limit, magic) -> None:
    monkeypatch.setattr(writing, "_MAX_TIFF_BYTES", limit)
    smooth(48, 64).save(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes().startswith(magic)
    assert Picture.open(tmp_path / "a.tif").width == 64


def test_a_picture_from_a_file_takes_a_byte_a_sample(tmp_path: Path) -> None:
    smooth(48, 64).save(tmp_path / "a.png")
    opened = Picture.open(tmp_path / "a.png")
    assert opened.samples.dtype == torch.uint8
    assert torch.equal(opened.pixels, opened.samples.float() / 255)


@pytest.mark.slow
def test_libvips_says_nothing_on_the_terminal(tmp_path: Path) -> None:
    for name, content in BAD.items():
        (tmp_path / name).write_bytes(content)
    stray = bytearray(cut(".jpg", 1.0))
    stray[20:20] = b"\0\0\0"  # libjpeg warns of bytes before a marker
    (tmp_path / "stray.jpg").write_bytes(stray)
    Image.fromarray(noise()).save(tmp_path / "profile.png", icc_profile=b"no profile" * 30)
    script = (
        "import sys, pathlib\nfrom impasto.errors import PictureError\nfrom impasto.images import Picture\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):\n"
        "    try:\n        print(path.name, Picture.open(path))\n    except PictureError:\n        pass\n"
    )
    source = str(Path(images.__file__).parents[2])
    command = [sys.executable, "-c", script, str(tmp_path)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": source}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == "profile.png Picture(37 × 24)\nstray.jpg Picture(120 × 90)\n"


# --- writing


@pytest.mark.parametrize(("name", "words"), [("a.bmp", r"ends in \.bmp"), ("a", "no suffix"), (".png", "no suffix")])
def test_an_unknown_suffix_is_refused_before_any_work(tmp_path: Path, name: str, words: str) -> None:
    for refuse in (check_suffix, smooth().save):
        with pytest.raises(InputError, match=words) as caught:
            refuse(tmp_path / name)
        assert_one_sentence(caught.value, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_known_suffix_is_accepted_in_any_case() -> None:
    for suffix in (".png", ".JPG", ".jpeg", ".Webp", ".tif", ".tiff"):
        assert check_suffix(f"a{suffix}") == Path(f"a{suffix}")


def test_a_side_too_long_for_the_format_is_refused(tmp_path: Path) -> None:
    long = Picture(torch.zeros(3, 1, 16_384))
    with pytest.raises(InputError, match="at most 16383") as caught:
        long.save(tmp_path / "a.webp")
    assert_one_sentence(caught.value, tmp_path / "a.webp")
    long.save(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="at most 65500"):
        check_suffix("a.jpg", longest_side=65_501)
    assert check_suffix("a.png", longest_side=65_501) == Path("a.png")


def test_an_existing_file_is_replaced_only_on_request(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        smooth().save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_text() == "precious"
    smooth().save(tmp_path / "a.png", overwrite=True)
    assert Picture.open(tmp_path / "a.png").width == 64


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, suffix: str, full_disk: Any) -> None:
    picture = Picture(torch.rand(3, 64, 64))
    with full_disk(1024), pytest.raises(WriteError) as caught:
        picture.save(tmp_path / f"a{suffix}")
    assert_one_sentence(caught.value, tmp_path / f"a{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_of_the_encoder_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(writing._FORMATS, ".webp", writing._WEBP._replace(longest_side=20_000))
    with pytest.raises(WriteError, match="WebP refused 17000 × 1 pixels"):
        Picture(torch.zeros(3, 1, 17_000)).save(tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


# --- resampling


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (7, 90), (31, 40), (64, 64), (200, 33)])
def test_a_constant_stays_constant_to_the_border(size: tuple[int, int], dtype: torch.dtype) -> None:
    resampled = resample(torch.full((2, 50, 60), 0.7, dtype=dtype), *size)
    assert resampled.shape == (2, *size)
    assert resampled.dtype == dtype
    assert (resampled - 0.7).abs().max() < (1e-6 if dtype == torch.float32 else 1e-14)


def test_the_same_size_returns_the_same_tensor() -> None:
    pixels = torch.rand(3, 5, 6)
    assert resample(pixels, 5, 6) is pixels


def test_float64_is_computed_in_float64() -> None:
    pixels = torch.rand(3, 40, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    difference = resample(pixels, 21, 33) - resample(pixels.float(), 21, 33)
    assert 0 < difference.abs().max() < 1e-6


@pytest.mark.parametrize("size", [300, 256, 128])
def test_a_zone_plate_does_not_alias(size: int) -> None:
    side = 1024
    axis = torch.arange(side, dtype=torch.float64) - side / 2 + 0.5
    squared = axis[:, None] ** 2 + axis**2
    plate = 0.5 + 0.5 * torch.cos(torch.pi * squared / side)[None]  # frequency r / side cycles a pixel
    small = resample(plate, size, size)[0]
    radius = resample(squared.sqrt()[None], size, size)[0]
    finer = (radius > size / 2) & (radius < side / 2)  # beyond what the new pixels can hold
    coarse = radius < size / 8
    assert (small[finer] - 0.5).std() < 0.05
    assert (small[(radius > 1.5 * size / 2) & finer] - 0.5).abs().max() < 0.1
    assert plate[0, ::4, ::4].std() > 0.25, "every fourth pixel does alias"
    exact = 0.5 + 0.5 * torch.cos(torch.pi * radius**2 / side)
    assert (small[coarse] - exact[coarse]).abs().max() < 0.15


def test_enlarging_keeps_a_straight_line_straight() -> None:
    ramp = torch.linspace(-2, 5, 20, dtype=torch.float64).expand(1, 9, 20)
    inside = resample(ramp, 9, 80)[0, 4, 8:-8]
    assert inside.diff().diff().abs().max() < 1e-12


def test_only_a_picture_is_clamped() -> None:
    step = torch.cat([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)], dim=2)
    assert resample(step, 16, 64).max() > 1.01
    resized = Picture(step, note="mine").resized(64, 16)
    assert (resized.width, resized.height, resized.note) == (64, 16, "mine")
    assert (resized.pixels.min(), resized.pixels.max()) == (0, 1)
