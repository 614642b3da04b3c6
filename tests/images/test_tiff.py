"""What scanners, editors and raw cameras write into TIFF files."""

import struct
import zlib

import numpy as np
import pytest
from image_writers import page, tiff

from impasto.errors import PictureError
from impasto.images import Picture
from pictures import icc, vips

FULL = page(np.full((80, 100, 3), 50, np.uint8), 2, t254=(4, [0]))
UNMARKED = page(np.full((8, 10, 3), 250, np.uint8), 2)
REDUCED = page(np.full((8, 10, 3), 250, np.uint8), 2, t254=(4, [1]))
SENSOR = page(np.full((8, 10), 9000, np.uint16), 32803)
MASK = page(np.zeros((80, 100), np.uint8), 4, t254=(4, [4]))


def with_pictures(main, *subpages, **tags):
    return {**main[0], **{int(name[1:]): value for name, value in tags.items()}}, main[1], list(subpages)


def opened(tmp_path, data):
    (tmp_path / "a.tif").write_bytes(data)
    return Picture.open(tmp_path / "a.tif")


def refusal(tmp_path, data):
    with pytest.raises(PictureError) as caught:
        opened(tmp_path, data)
    message = str(caught.value).removeprefix(f"{tmp_path / 'a.tif'} ")
    assert message.endswith(".")
    assert ";" in message, "it says what to do"
    assert "vips" not in message
    return message


def remarks(tmp_path, picture):
    return [remark.removeprefix(f"{tmp_path / 'a.tif'} ") for remark in picture.remarks]


# --- which page is the picture


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ((FULL,), []),
        ((REDUCED, FULL), []),
        ((FULL, REDUCED, REDUCED), []),
        ((with_pictures(REDUCED, FULL),), []),
        ((with_pictures(FULL, REDUCED),), []),
        ((with_pictures(UNMARKED, FULL),), []),
        ((MASK, FULL), []),
        ((with_pictures(UNMARKED, t255=(3, [2])), with_pictures(FULL, t255=(3, [1]))), []),
        ((FULL, FULL, REDUCED), ["has 2 frames or pages; the first is taken."]),
    ],
)
def test_the_whole_picture_is_taken_and_not_a_reduced_copy(tmp_path, pages, expected, order):
    picture = opened(tmp_path, tiff(*pages, order=order))
    assert (picture.width, picture.height) == (100, 80)
    assert (picture.samples == 50).all()
    assert remarks(tmp_path, picture) == expected


def test_a_page_marked_as_reduced_is_taken_where_there_is_no_other(tmp_path):
    assert opened(tmp_path, tiff(REDUCED)).width == 10


RAW = {
    "nef": tiff(with_pictures(REDUCED, with_pictures(SENSOR, t259=(3, [34713])))),
    "nef with a large preview": tiff(with_pictures(REDUCED, FULL, SENSOR)),
    "dng": tiff(with_pictures(REDUCED, SENSOR, t50706=(1, [1, 4, 0, 0]))),
    "linear dng": tiff(with_pictures(REDUCED, page(np.zeros((80, 100, 3), np.uint16), 34892))),
    "dng by its version only": tiff(with_pictures(FULL, t50706=(1, [1, 4, 0, 0]))),
    "arw": tiff(with_pictures(REDUCED, with_pictures(SENSOR, t259=(3, [32767]))), order="<"),
    "pef": tiff(with_pictures(SENSOR, t259=(3, [65535])), REDUCED, order=">"),
    "sensor alone": tiff(SENSOR),
    "sensor as a later page": tiff(UNMARKED, SENSOR),
    "cr2": b"II*\0\x10\0\0\0CR\2\0" + bytes(40),
    "raf": b"FUJIFILMCCD-RAW 0201" + bytes(100),
    "rw2": b"IIU\0\x18\0\0\0" + bytes(100),
    "orf": b"IIRO\x08\0\0\0" + bytes(100),
    "cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(100),
    "x3f": b"FOVb" + bytes(100),
}


@pytest.mark.parametrize("name", RAW)
def test_a_raw_photograph_is_refused_and_not_its_preview_painted(tmp_path, name):
    message = refusal(tmp_path, RAW[name])
    assert message.startswith("is a raw photograph, which impasto does not read; develop it with a raw converter")


@pytest.mark.parametrize("compression", [6, 34925, 34661])
def test_a_picture_behind_its_preview_that_cannot_be_unpacked_is_refused(tmp_path, compression):
    hidden = with_pictures(FULL, t259=(3, [compression]))
    assert refusal(tmp_path, tiff(with_pictures(REDUCED, hidden))).startswith("is compressed with ")


def test_pages_that_lead_back_to_each_other_end(tmp_path):
    data = bytearray(tiff(FULL, FULL))
    (first,) = struct.unpack_from("<I", data, 4)
    struct.pack_into("<I", data, len(data) - 4, first)
    assert opened(tmp_path, bytes(data)).width == 100


# --- channels beside the colors


def samples(*levels, dtype=np.uint8):
    return np.full((8, 10, len(levels)), levels, dtype)


@pytest.mark.parametrize(
    ("levels", "photometric", "extra", "color", "alpha", "unspecified"),
    [
        ((10, 20, 30, 200), 2, (0,), (10, 20, 30), None, 1),
        ((10, 20, 30, 200), 2, None, (10, 20, 30), None, 1),
        ((10, 20, 30, 200), 2, (2,), (10, 20, 30), 200, 0),
        ((10, 20, 30, 51), 2, (1,), (50, 100, 150), 51, 0),
        ((10, 20, 30, 7, 51), 2, (0, 1), (50, 100, 150), 51, 1),
        ((10, 20, 30, 51, 7), 2, (1, 0), (50, 100, 150), 51, 1),
        ((10, 20, 30, 51, 7), 2, (2, 0), (10, 20, 30), 51, 1),
        ((10, 20, 30, 51, 7), 2, (2, 2), (10, 20, 30), 51, 1),
        ((10, 20, 30, 7, 7, 7), 2, (0, 0, 0), (10, 20, 30), None, 3),
        ((10, 200), 1, (0,), (10, 10, 10), None, 1),
        ((10, 200), 1, None, (10, 10, 10), None, 1),
        ((10, 200), 1, (2,), (10, 10, 10), 200, 0),
        ((10, 51), 1, (1,), (50, 50, 50), 51, 0),
        ((10, 9, 8), 1, (0, 0), (10, 10, 10), None, 2),
        ((0, 0, 0, 0, 9), 5, (0,), (255, 255, 255), None, 1),
        ((0, 0, 0, 0, 9), 5, (2,), (255, 255, 255), 9, 0),
        ((0, 0, 0, 0, 9, 8), 5, (0, 2), (255, 255, 255), 8, 1),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_only_a_channel_that_says_so_is_transparency(
    tmp_path, levels, photometric, extra, color, alpha, unspecified, deep, order
):
    array = samples(*levels) if not deep else samples(*(level * 257 for level in levels), dtype=np.uint16)
    picture = opened(tmp_path, tiff(page(array, photometric, extra, order=order), order=order))
    assert picture.bits == (16 if deep else 8)
    assert abs(picture.pixels[:, 4, 4] * 255 - picture.pixels.new_tensor(color)).max() <= 1.01
    if alpha is None:
        assert picture.alpha is None
    else:
        assert abs(float(picture.opacity[4, 4]) * 255 - alpha) < 0.01
    sentences = [remark for remark in remarks(tmp_path, picture) if "unspecified" in remark]
    assert len(sentences) == (unspecified > 0)
    if unspecified:
        assert sentences[0].startswith("has a channel" if unspecified == 1 else f"has {unspecified} channels")


def test_premultiplied_colors_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(0)
    alpha = rng.integers(20_000, 65_536, (8, 10, 1))
    color = rng.integers(0, 65_536, (8, 10, 3))
    array = np.dstack([(color * alpha / 65535).round(), alpha, alpha // 2]).astype(np.uint16)
    picture = opened(tmp_path, tiff(page(array, 2, (1, 0))))
    assert abs(picture.samples.int().permute(1, 2, 0).numpy() - color).max() <= 3


# --- what samples mean

D50 = np.array([0.9642, 1.0, 0.8249])
TO_SRGB = np.array([[3.1339, -1.6169, -0.4906], [-0.9785, 1.9160, 0.0333], [0.0720, -0.2290, 1.4057]])
"""From XYZ under D50 to linear sRGB."""

LAB_COLORS = [(50.0, 0.0, 0.0), (53.0, 60.0, 40.0), (60.0, -40.0, 40.0), (35.0, 20.0, -60.0), (90.0, 0.0, 20.0)]


def srgb_of_lab(lightness, a, b):
    middle = (lightness + 16) / 116
    f = np.array([middle + a / 500, middle, middle - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * D50
    linear = (TO_SRGB @ xyz).clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab_samples(color, photometric, dtype):
    lightness, a, b = color
    if dtype == np.uint8:
        tints = [round(a) + 128, round(b) + 128] if photometric == 9 else [round(a) % 256, round(b) % 256]
        return [round(lightness * 2.55), *tints]
    white = 65280 if photometric == 9 else 65535
    tints = (
        [(round(a) + 128) * 256, (round(b) + 128) * 256]
        if photometric == 9
        else [
            round(a * 256) % 65536,
            round(b * 256) % 65536,
        ]
    )
    return [round(lightness / 100 * white), *tints]


@pytest.mark.parametrize("color", LAB_COLORS)
@pytest.mark.parametrize("photometric", [8, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_lab_colors_are_read_as_the_colors_that_they_are(tmp_path, color, photometric, dtype, alpha):
    levels = [*lab_samples(color, photometric, dtype), *([np.iinfo(dtype).max // 2] if alpha else [])]
    picture = opened(tmp_path, tiff(page(samples(*levels, dtype=dtype), photometric, (2,) if alpha else None)))
    actual = picture.pixels[:, 4, 4].numpy()
    assert abs(actual - srgb_of_lab(*color)).max() < (3 if dtype == np.uint8 else 1.5) / 255
    assert (picture.alpha is not None) == alpha
    assert remarks(tmp_path, picture) == ["holds L*a*b* colors; they become sRGB."]


def test_signed_lab_samples_are_read_too(tmp_path):
    array = samples(*lab_samples(LAB_COLORS[1], 8, np.uint16), dtype=np.uint16).view(np.int16)
    actual = opened(tmp_path, tiff(page(array, 8))).pixels[:, 4, 4].numpy()
    assert abs(actual - srgb_of_lab(*LAB_COLORS[1])).max() < 1.5 / 255


@pytest.mark.parametrize("reference", [None, [(16, 1), (235, 1), (128, 1), (240, 1), (128, 1), (240, 1)]])
def test_ycbcr_is_converted_and_not_taken_for_rgb(tmp_path, reference):
    red = (76, 85, 255) if reference is None else (82, 90, 240)
    more = {} if reference is None else {"t532": (5, reference)}
    picture = opened(tmp_path, tiff(page(samples(*red), 6, t530=(3, [1, 1]), **more)))
    assert abs(picture.pixels[:, 4, 4] * 255 - picture.pixels.new_tensor([255, 0, 0])).max() < 3


@pytest.mark.parametrize(
    ("tiff_page", "message"),
    [
        (page(samples(1, 2, 3), 10), "holds ITU L*a*b* colors"),
        (page(samples(1, 2, 3), 32845), "holds linear light (LogLuv)"),
        (page(samples(1), 4), "holds a transparency mask and not colors"),
        (page(samples(1), 77), "holds colors of an unknown kind (77)"),
        (page(samples(1, 2, 3, dtype=np.uint32), 2), "holds samples of 32 bits"),
        (page(samples(1, 2, 3, dtype=np.int8), 2), "holds signed samples of 8 bits"),
        (page(samples(1, 2, 3, dtype=np.int16), 2), "holds signed samples of 16 bits"),
        (page(samples(0.5, 0.5, 0.5, dtype=np.float16), 2), "holds float samples of 16 bits"),
        (page(samples(0.5, dtype=np.float32), 1), "holds float samples of 32 bits"),
        (page(samples(0.5, 0.5, 0.5, dtype=np.float64), 2), "holds float samples of 64 bits"),
        (page(samples(50.0, 0.0, 0.0, dtype=np.float32), 8), "holds float samples of 32 bits"),
        (page(samples(1, 2, 3, dtype=np.uint16), 2, bits=12), "holds samples of 12 bits"),
        (page(samples(1, dtype=np.uint16), 1, bits=14), "holds samples of 14 bits"),
        (page(samples(1, 2, 3), 2, t258=(3, [5, 6, 5])), "holds channels of different depth (5 and 6 bits)"),
        (page(samples(1, 2), 3, (2,), t320=(3, [0] * 768)), "holds a palette with more channels"),
        (page(samples(1, 2, 3, 4, 5, 6), 5, t332=(3, [2])), "holds other inks than the four of print"),
        (page(samples(1, 2), 2), "holds 2 channels of 3"),
        (page(samples(1, 2, 3, dtype=np.uint16), 6, t530=(3, [1, 1])), "holds YCbCr colors of 16 bits"),
        (page(samples(1, 2, 3), 2, t259=(3, [6])), "is compressed with old-style JPEG, which is not read"),
        (page(samples(1, 2, 3), 2, t259=(3, [34925])), "is compressed with LZMA, which is not read"),
        (page(samples(1, 2, 3), 2, t259=(3, [34661])), "is compressed with JBIG, which is not read"),
        (page(samples(1, 2, 3), 2, t259=(3, [8])), "is damaged or cut short"),
    ],
)
def test_what_is_not_read_is_refused_with_the_true_reason(tmp_path, tiff_page, message):
    assert refusal(tmp_path, tiff(tiff_page)).startswith(message + ";")


@pytest.mark.parametrize(
    ("bits", "packed", "level"), [(1, 0b10101010, 255), (2, 0b10101010, 170), (4, 0b10101010, 170)]
)
@pytest.mark.parametrize("photometric", [0, 1])
def test_few_bits_of_gray_are_read(tmp_path, bits, packed, level, photometric):
    width = 80 // bits
    tiff_page = page(samples(packed), photometric, bits=bits, t256=(4, [width]))
    picture = opened(tmp_path, tiff(tiff_page))
    assert (picture.width, picture.bits) == (width, 8)
    assert int(picture.samples[0, 0, 0]) == (level if photometric else 255 - level)


def test_a_palette_of_two_colors_is_read(tmp_path):
    tiff_page = page(samples(0b10101010), 3, bits=1, t256=(4, [80]), t320=(3, [0, 65535, 0, 32896, 0, 0]))
    assert opened(tmp_path, tiff(tiff_page)).samples[:, 0, 0].tolist() == [255, 128, 0]


def test_a_large_strip_is_not_called_damage(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (4000, 5000, 3), np.uint8)
    noise[-1] = 7
    tags, _, _ = page(noise[:1], 2, t257=(4, [4000]), t278=(4, [4000]), t259=(3, [8]))
    picture = opened(tmp_path, tiff((tags, zlib.compress(noise.tobytes(), 0), [])))
    assert (picture.samples[:, -1] == 7).all()


def test_a_profile_counts_where_channels_are_left_out(tmp_path):
    tiff_page = page(samples(10, 20, 30, 200), 2, (0,), t34675=(7, list(icc("p3"))))
    picture = opened(tmp_path, tiff(tiff_page))
    assert picture.profile == icc("p3")
    assert picture.samples[:, 0, 0].tolist() == [10, 20, 30]


def test_a_bigtiff_is_understood_too(tmp_path):
    array = np.random.default_rng(0).integers(0, 256, (24, 37, 4), np.uint8)
    vips(array, "srgb").tiffsave(str(tmp_path / "a.tif"), bigtiff=True)
    picture = Picture.open(tmp_path / "a.tif")
    assert (picture.samples.permute(1, 2, 0).numpy()[array[..., 3] > 0] == array[..., :3][array[..., 3] > 0]).all()
    assert picture.alpha is not None
    data = (tmp_path / "a.tif").read_bytes()
    (first,) = struct.unpack_from("<Q", data, 8)
    (count,) = struct.unpack_from("<Q", data, first)
    for offset in range(first + 8, first + 8 + 20 * count, 20):
        if struct.unpack_from("<H", data, offset)[0] == 262:
            sensor = data[: offset + 12] + struct.pack("<H", 32803) + data[offset + 14 :]
    assert refusal(tmp_path, sensor).startswith("is a raw photograph")


@pytest.mark.parametrize("offset", [8, 16])
def test_a_bigtiff_whose_offsets_lead_nowhere_is_damaged(tmp_path, offset):
    data = bytearray(b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<Q", 1) + bytes(40))
    struct.pack_into("<Q", data, offset, 2**64 - 1)
    assert refusal(tmp_path, bytes(data)).startswith("is damaged or cut short")
