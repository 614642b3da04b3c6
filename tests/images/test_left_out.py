"""What stands beside the picture in a file, or is missing at its end, is told in a remark."""

import struct
import time

import numpy as np
import pytest
import torch
from image_writers import animated_png, jpeg, picture_index, png, xmp_segment
from PIL import Image

from impasto.errors import PictureError
from impasto.images import Picture, read_note
from pictures import colors, noise

GAIN_MAP = "has a gain map for HDR screens; it is left out."
FILM = "has a short film as well as the picture; the film is left out."
NO_END = "has no end marker; every pixel was found, but it may have been cut short."


def opened(tmp_path, data):
    (tmp_path / "a.file").write_bytes(data)
    return Picture.open(tmp_path / "a.file")


def remarks(tmp_path, data):
    picture = opened(tmp_path, data)
    assert abs(picture.samples.permute(1, 2, 0).numpy().astype(int) - colors()).mean() < 4
    return [remark.removeprefix(f"{tmp_path / 'a.file'} ") for remark in picture.remarks]


def frames(count):
    return f"has {count} frames or pages; the first is taken."


ULTRA_HDR = xmp_segment('<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>')
MOTION = xmp_segment('<x GCamera:MotionPhoto="1"/>')
PICTURE, LARGE_THUMBNAIL, STEREO, UNDEFINED = 0x030000, 0x010002, 0x020002, 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (jpeg(colors()), []),
        (jpeg(colors(), xmp_segment("<x/>")), []),
        (jpeg(colors(), ULTRA_HDR), [GAIN_MAP]),
        (jpeg(colors(), ULTRA_HDR, picture_index(PICTURE, UNDEFINED)) + jpeg(noise()), [GAIN_MAP]),
        (jpeg(colors(), (0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))), [GAIN_MAP]),
        (jpeg(colors()) + jpeg(noise(), xmp_segment("urn:com:apple:photo:2020:aux:hdrgainmap")), [GAIN_MAP]),
        (jpeg(colors(), picture_index(PICTURE, STEREO)) + jpeg(noise()), [frames(2)]),
        (jpeg(colors(), picture_index(PICTURE, UNDEFINED, UNDEFINED)) + jpeg(noise()) * 2, [frames(3)]),
        (jpeg(colors(), picture_index(PICTURE, LARGE_THUMBNAIL)) + jpeg(noise()), []),
        (jpeg(colors(), MOTION) + b"\0\0\0\x18ftypmp42" + bytes(100), [FILM]),
        (jpeg(colors()) + bytes(10) + b"MotionPhoto_Data" + bytes(100), [FILM]),
        (jpeg(colors(), (0xE2, b"MPF\0II*\0" + bytes(3))), []),
        (jpeg(colors(), (0xE2, b"MPF\0")), []),
        (png(colors()), []),
        (animated_png(colors(), 3), [frames(3)]),
        (animated_png(colors(), 1), []),
    ],
)
def test_what_stands_beside_the_picture_is_said(tmp_path, data, expected):
    assert remarks(tmp_path, data) == expected


def test_an_index_that_claims_millions_of_pictures_is_soon_read(tmp_path):
    marker, body = picture_index(PICTURE, STEREO)
    entries = struct.pack("<HHI", 0xB002, 7, 32)
    claimed = body.replace(entries, struct.pack("<HHI", 0xB002, 7, 2**32 - 1))
    assert claimed != body
    began = time.monotonic()
    opened(tmp_path, jpeg(colors(), (marker, claimed)))
    assert time.monotonic() - began < 5


def heic_with(tmp_path, names):
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(colors())).save(tmp_path / "a.file", quality=95)
    data = bytearray((tmp_path / "a.file").read_bytes())
    start = data.index(b"meta") - 4
    (length,) = struct.unpack_from(">I", data, start)
    more = struct.pack(">I4s", 8 + len(names), b"free") + names
    struct.pack_into(">I", data, start, length + len(more))
    data[start + length : start + length] = more
    offsets = data.index(b"iloc")
    place = data.index(b"mdat") + 4
    old = struct.pack(">I", place - len(more))
    entry = data.index(old, offsets)
    data[entry : entry + 4] = struct.pack(">I", place)
    return bytes(data)


@pytest.mark.parametrize("names", [b"urn:com:apple:photo:2020:aux:hdrgainmap\0", b"\0\0tmap"])
def test_the_gain_map_of_a_heic_file_is_said(tmp_path, names):
    assert remarks(tmp_path, heic_with(tmp_path, names)) == [GAIN_MAP]
    assert remarks(tmp_path, heic_with(tmp_path, b"nothing")) == []


@pytest.mark.parametrize("frames_of", ["GIF", "WEBP", "TIFF", "PNG"])
def test_frames_of_every_format_are_counted(tmp_path, frames_of):
    first, *others = (Image.fromarray(np.roll(colors(), 9 * shift, 1)) for shift in range(3))
    first.save(tmp_path / "a.file", frames_of, save_all=True, append_images=others)
    assert frames(3) in Picture.open(tmp_path / "a.file").remarks[0]


# --- JPEG files without their end

OPTIONS = {"baseline": {}, "progressive": {"progressive": True}, "restarts": {"restart_marker_blocks": 4}}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_jpeg_without_its_end_marker_is_whole(tmp_path, kind):
    complete = jpeg(colors(), **OPTIONS[kind])
    assert complete[-2:] == b"\xff\xd9"
    assert remarks(tmp_path, complete) == []
    assert remarks(tmp_path, complete + b"SEFT" * 5) == []
    expected = opened(tmp_path, complete).samples
    assert remarks(tmp_path, complete[:-2]) == [NO_END]
    assert (opened(tmp_path, complete[:-2]).samples == expected).all()


@pytest.mark.parametrize("kind", ["baseline", "restarts"])
@pytest.mark.parametrize("trailer", [b"SEFT" * 5, jpeg(noise()), b"\0" * 50 + b"\xff\xd8\xff\xe0" + bytes(50)])
def test_what_follows_a_missing_end_does_not_hide_it(tmp_path, kind, trailer):
    assert remarks(tmp_path, jpeg(colors(), **OPTIONS[kind])[:-2] + trailer) == [NO_END]


@pytest.mark.parametrize("kind", OPTIONS)
@pytest.mark.parametrize("missing", [6, 20, 200, 1500])
def test_a_jpeg_of_which_pixels_are_missing_is_refused(tmp_path, kind, missing):
    complete = jpeg(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8), **OPTIONS[kind])
    for data in (complete[:-missing], complete[:-missing] + jpeg(noise())):
        with pytest.raises(PictureError, match="is damaged or cut short"):
            opened(tmp_path, data)


def test_the_note_of_a_jpeg_without_an_end_is_read(tmp_path):
    Picture(torch.rand(3, 24, 32), note="mine").save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:-2])
    assert read_note(tmp_path / "b.jpg") == "mine"


# --- kinds that are not read


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
        (b"\xff\x0a" + bytes(20), "a JPEG XL file"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 file"),
        (b"BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0", "a BMP file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"gimp xcf v011", "a GIMP file"),
        (b"v/1\x01\2\0\0\0", "an OpenEXR file"),
        (b"#?RADIANCE\n", "a Radiance file"),
        (b"\0\0\1\0\1\0\x10\x10", "an icon"),
        (b"<?xml version='1.0'?>\n<svg width='1'>", "a drawing (SVG)"),
        (b"%PDF-1.7", "a PDF file"),
        (b"P6\n4 4\n255\n", "a Netpbm file"),
        (b"<!DOCTYPE html><html>", "a page of HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer to a file that Git LFS has not fetched"),
    ],
)
def test_a_known_kind_that_is_not_read_is_named(tmp_path, start, kind):
    with pytest.raises(PictureError) as caught:
        opened(tmp_path, start + bytes(60))
    assert str(caught.value).startswith(f"{tmp_path / 'a.file'} is {kind}, which impasto does not read; give a PNG,")


@pytest.mark.parametrize(
    "start",
    [
        b"\0\0\0\x20ftypisom\0\0\2\0",
        b"\0\0\0\x14ftypqt  \0\0\2\0",
        b"\0\0\x10\0moov",
        b"\0\0\0\x08wide\0\0\x10\0mdat",
        b"\x1aE\xdf\xa3\x01",
        b"RIFF\0\0\0\0AVI LIST",
    ],
)
def test_a_film_is_named_with_the_command_that_paints_it(tmp_path, start):
    with pytest.raises(PictureError) as caught:
        opened(tmp_path, start + bytes(60))
    sentence = f"{tmp_path / 'a.file'} is a film and not a picture; paint it by impasto film, or give a PNG,"
    assert str(caught.value).startswith(sentence)


def test_a_jpeg_of_twelve_bits_is_not_called_damaged(tmp_path):
    data = bytearray(jpeg(colors()))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(PictureError, match="is compressed in a way that is not read; export it as a new PNG"):
        opened(tmp_path, bytes(data))


def test_a_jpeg_of_arithmetic_coding_is_not_called_damaged(tmp_path):
    data = bytearray(jpeg(colors()))
    data[data.index(b"\xff\xc0") + 1] = 0xCB
    with pytest.raises(PictureError, match="is compressed in a way that is not read; export it as a new PNG"):
        opened(tmp_path, bytes(data))
