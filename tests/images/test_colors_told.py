"""Colors that a file tells without an ICC profile: by numbers, by gamma, or by a camera's EXIF."""

import io
import struct

import numpy as np
import pytest
import pyvips
from image_writers import P3_POINTS, SRGB_POINTS, chromaticities, chunk, cicp, gamma, jpeg, png
from PIL import Image, ImageCms

from impasto.errors import PictureError
from impasto.images import Picture, profiles
from impasto.images.icc_writer import SRGB_CURVE, SRGB_PRIMARIES, Curve, Primaries, rgb_profile
from pictures import PRIMARIES, colors, icc, light, vips

P3 = Primaries((0.3127, 0.3290), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
ADOBE = Primaries((0.3127, 0.3290), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def opened(tmp_path, data, name="a.png"):
    (tmp_path / name).write_bytes(data)
    return Picture.open(tmp_path / name)


def in_srgb(picture):
    return picture.in_profile(None).pixels.permute(1, 2, 0).numpy() * 255


def expected_of(name):
    """Return what a color manager makes in sRGB of `colors` in a profile of the tests."""
    image = vips(colors(), "srgb", icc=icc(name))
    return image.icc_transform("srgb", embedded=True, intent="relative", black_point_compensation=True).numpy()


@pytest.mark.parametrize(("primaries", "curve", "name"), [(P3, SRGB_CURVE, "p3"), (ADOBE, Curve(563 / 256), "adobe")])
def test_a_profile_is_made_of_chromaticities_and_a_curve(primaries, curve, name):
    data = rgb_profile(primaries, curve)
    assert profiles.can_paint(data)
    assert not profiles.is_srgb(data)
    ImageCms.ImageCmsProfile(io.BytesIO(data))  # which refuses what is no profile
    for tag, color in zip((b"rXYZ", b"gXYZ", b"bXYZ"), PRIMARIES[name], strict=True):
        (offset,) = struct.unpack_from(">I", data, data.index(tag) + 4)
        assert np.allclose(np.array(struct.unpack_from(">3i", data, offset + 8)) / 65536, color, atol=6e-4)


def test_the_profile_of_srgbs_numbers_is_srgb():
    assert profiles.is_srgb(rgb_profile(SRGB_PRIMARIES, SRGB_CURVE))


@pytest.mark.parametrize("points", [[(0.3, 0.3)] * 4, [(0.3, 0.0)] * 4, [(0.0, 1e-9)] * 4])
def test_primaries_that_span_no_colors_are_refused(points):
    with pytest.raises(ValueError, match="span no colors"):
        rgb_profile(Primaries(*points), SRGB_CURVE)


@pytest.mark.parametrize(
    ("chunks", "name"),
    [
        ([cicp(12, 13)], "p3"),
        ([cicp(12, 13), chunk(b"sRGB", b"\0"), gamma(1.0)], "p3"),
        ([chromaticities(*P3_POINTS)], "p3"),
        ([gamma(1 / 2.2), chromaticities(*P3_POINTS)], "p3"),
        ([gamma(256 / 563), chromaticities(0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)], None),
    ],
)
def test_the_colors_that_a_png_tells_are_those_of_its_profile(tmp_path, chunks, name):
    picture = opened(tmp_path, png(colors(), *chunks))
    assert picture.profile is not None
    assert (picture.samples.permute(1, 2, 0).numpy() == colors()).all(), "it is painted in those colors"
    if name is not None:
        assert abs(in_srgb(picture) - expected_of(name)).mean() < 0.7
    picture.save(tmp_path / "b.png")
    assert Picture.open(tmp_path / "b.png").profile == picture.profile


@pytest.mark.parametrize("bands", [1, 3])
def test_samples_of_linear_light_are_made_brighter(tmp_path, bands):
    ramp = np.linspace(20, 255, 64).round().astype(np.uint8)[None].repeat(8, 0)
    array = ramp if bands == 1 else np.dstack([ramp] * 3)
    picture = opened(tmp_path, png(array, gamma(1.0)))
    expected = np.interp(ramp / 255, light("p3", np.linspace(0, 1, 4096)), np.linspace(0, 255, 4096))
    assert picture.profile is None
    assert abs(picture.pixels[0].numpy() * 255 - expected).max() < 2
    (remark,) = picture.remarks
    assert remark.endswith("tells by its gamma that its colors are such as cannot be painted in; they become sRGB.")


@pytest.mark.parametrize("bands", [1, 3])
def test_another_gamma_is_honored(tmp_path, bands):
    array = np.full((8, 8, bands), 100, np.uint8).squeeze()
    expected = in_srgb(opened(tmp_path, png(array, gamma(1 / 1.8))))[0, 0, 0]
    assert (
        abs(
            expected
            - 255 * np.interp((100 / 255) ** 1.8, light("p3", np.linspace(0, 1, 4096)), np.linspace(0, 1, 4096))
        )
        < 1
    )


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [chunk(b"sRGB", b"\0")],
        [chunk(b"sRGB", b"\0"), gamma(1.0), chromaticities(*P3_POINTS)],
        [gamma(0.45455)],
        [gamma(0.45455), chromaticities(*SRGB_POINTS)],
        [gamma(0.0), chromaticities(*[0] * 8)],
        [cicp(1, 13)],
        [cicp(2, 2)],
        [cicp(1, 1)],
        [chunk(b"cICP", b"\x0c")],
        [chunk(b"gAMA", b"")],
        [chunk(b"cHRM", bytes(5))],
    ],
)
def test_what_is_srgb_or_damaged_leaves_samples_and_profile_alone(tmp_path, chunks):
    picture = opened(tmp_path, png(colors(), *chunks))
    assert (picture.profile, picture.remarks) == (None, ())
    assert (picture.samples.permute(1, 2, 0).numpy() == colors()).all()


def test_a_profile_counts_before_gamma_and_codes_before_a_profile(tmp_path):
    adobe = opened(tmp_path, png(colors(), gamma(1.0), icc_profile=icc("adobe")))
    assert adobe.profile == icc("adobe")
    both = opened(tmp_path, png(colors(), cicp(12, 13), icc_profile=icc("adobe")))
    assert abs(in_srgb(both) - expected_of("p3")).mean() < 0.7


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (cicp(9, 16), "holds HDR (PQ) colors, which go beyond the white of a picture; export it in sRGB or Display P3."),
        (cicp(9, 18), "holds HDR (HLG) colors, which go beyond the white of a picture; export it in sRGB or Display P3."),
        (cicp(1, 9), "holds logarithmic colors, which go beyond the white of a picture; export it in sRGB or Display P3."),
        (cicp(1, 13, full=0), "holds video levels, 16 to 235 of 255; export it in sRGB or Display P3."),
    ],
)  # fmt: skip
def test_colors_beyond_a_picture_are_refused_by_their_name(tmp_path, code, message):
    with pytest.raises(PictureError) as caught:
        opened(tmp_path, png(colors(), code))
    assert str(caught.value) == f"{tmp_path / 'a.png'} {message}"


def adobe_exif(name="R03"):
    """Return the EXIF of a camera that is set to Adobe RGB and embeds no profile."""
    head = b"Exif\0\0II*\0" + struct.pack("<I", 8)
    main = struct.pack("<HHHIII", 1, 0x8769, 4, 1, 26, 0)
    photograph = struct.pack("<HHHIII", 1, 0xA005, 4, 1, 44, 0)
    interoperability = struct.pack("<HHHI4sI", 1, 1, 2, 4, name.encode().ljust(4, b"\0"), 0)
    return 0xE1, head + main + photograph + interoperability


def test_adobe_rgb_told_by_a_camera_is_honored(tmp_path):
    picture = opened(tmp_path, jpeg(colors(), adobe_exif(), subsampling=0), "a.jpg")
    assert picture.profile is not None
    assert abs(in_srgb(picture) - expected_of("adobe")).mean() < 1.5
    assert opened(tmp_path, jpeg(colors(), adobe_exif("R98")), "b.jpg").profile is None
    embedded = opened(tmp_path, jpeg(colors(), adobe_exif(), icc_profile=icc("p3")), "c.jpg")
    assert embedded.profile == icc("p3")


def avif(path, primaries, transfer):
    """Save an AVIF file whose boxes tell such colors."""
    if not pyvips.type_find("VipsOperation", "heifsave"):
        pytest.skip("this libvips writes no AVIF")
    vips(colors(), "srgb").heifsave(str(path), compression="av1", lossless=True, effort=0, keep="none")
    return with_codes(path, primaries, transfer)


def with_codes(path, primaries, transfer):
    data = bytearray(path.read_bytes())
    offset = data.index(b"nclx")
    struct.pack_into(">HH", data, offset + 4, primaries, transfer)
    path.write_bytes(data)
    return path


def heic(path, primaries, transfer):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(colors())).save(path, quality=-1, chroma="444", matrix_coefficients=0)
    return with_codes(path, primaries, transfer)


@pytest.mark.parametrize("write", [avif, heic])
def test_the_colors_that_a_phones_file_tells_are_honored(tmp_path, write):
    picture = Picture.open(write(tmp_path / "a.heif", 12, 13))
    assert picture.profile is not None
    assert abs(in_srgb(picture) - expected_of("p3")).mean() < 1.5
    plain = Picture.open(write(tmp_path / "b.heif", 1, 13))
    assert plain.profile is None
    with pytest.raises(PictureError, match=r"a.heif holds HDR \(PQ\) colors"):
        Picture.open(write(tmp_path / "a.heif", 9, 16))
    with pytest.raises(PictureError, match=r"a.heif holds HDR \(HLG\) colors"):
        Picture.open(write(tmp_path / "a.heif", 9, 18))
