import struct

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.images import Picture, metadata, xmp
from pictures import PHOTOGRAPH, PLACE, camera, noise, tags


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_photograph_is_read_and_written_with_what_its_camera_said(tmp_path, suffix):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=camera(orientation=6))
    opened = Picture.open(tmp_path / "a.jpg")
    assert opened.exif == PHOTOGRAPH | PLACE
    opened.save(tmp_path / f"b{suffix}")
    picture, photograph, place = tags(tmp_path / f"b{suffix}")
    original = tags(tmp_path / "a.jpg")
    for tag in (0x010E, 0x010F, 0x0110, 0x0132, 0x013B, 0x8298):
        assert picture[tag] == original[0][tag]
    for tag in (0x829A, 0x829D, 0x8827, 0x9003, 0x9011, 0x920A, 0xA434):
        assert photograph[tag] == original[1][tag]
    assert {tag: place[tag] for tag in original[2]} == original[2]
    assert picture[0x0112] == 1, "upright"
    assert 0x0131 not in picture
    assert not {0xA431, 0x927C} & photograph.keys(), "neither serial numbers nor makers' notes"
    assert Picture.open(tmp_path / f"b{suffix}").exif == PHOTOGRAPH | PLACE


def test_a_tiff_file_has_it_in_xmp_without_the_exposure_and_the_place(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.jpg", exif=camera())
    Picture.open(tmp_path / "a.jpg").save(tmp_path / "b.tif")
    kept = ("Description", "Make", "Model", "Artist", "Copyright", "Original", "Lens")
    expected = {name: text for name, text in PHOTOGRAPH.items() if any(word in name for word in kept)}
    assert Picture.open(tmp_path / "b.tif").exif == expected


def test_a_tiff_files_own_tags_are_read(tmp_path):
    Image.fromarray(noise()).save(tmp_path / "a.tif", exif=camera())
    exif = Picture.open(tmp_path / "a.tif").exif
    assert exif == {name: text for name, text in PHOTOGRAPH.items() if name.startswith("ifd0")}


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_letters_beyond_ascii_survive(tmp_path, suffix):
    exif = {"ifd0-Artist": "Änne 梵高", "ifd0-Copyright": "© <Änne> & Söhne"}
    Picture(torch.zeros(3, 8, 8), exif=exif, note="mine").save(tmp_path / f"a{suffix}")
    opened = Picture.open(tmp_path / f"a{suffix}")
    assert opened.exif == exif
    assert opened.note == "mine"


def test_the_place_is_left_out_on_request():
    assert metadata.without_position(PHOTOGRAPH | PLACE) == PHOTOGRAPH


def block(order, *entries, text=b"a text of more than four bytes\0"):
    """Return an EXIF block with one folder: (tag, type, count, value) and a text behind it."""
    begin = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    value_offset = 8 + 2 + 12 * len(entries) + 4
    folder = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        folder += struct.pack(f"{order}HHI", tag, kind, count)
        folder += (
            value if isinstance(value, bytes) else struct.pack(f"{order}I", value_offset if value is None else value)
        )
    return begin + folder + bytes(4) + text


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("start", [b"", b"Exif\0\0"])
def test_both_orders_of_bytes_are_read(order, start):
    short = struct.pack(f"{order}HH", 400, 0)
    data = block(order, (0x013B, 2, 30, None), (0x010F, 2, 3, b"Ab\0\0"), (0x8827, 3, 1, short))
    assert metadata.read(start + data) == {"ifd0-Artist": "a text of more than four bytes", "ifd0-Make": "Ab"}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"Exif\0\0",
        b"no block at all",
        block("<", (0x013B, 2, 30, 4_000_000_000)),
        block("<", (0x013B, 2, 4_000_000_000, 4_000_000_000)),
        block("<", (0x010F, 5, 500_000_000, None)),
        block("<", (0x8769, 4, 1, 4_000_000_000)),
        block("<", (0x010F, 99, 1, None)),
        b"II*\0" + struct.pack("<I", 4_000_000_000),
    ],
)
def test_a_damaged_block_says_nothing(data):
    assert metadata.read(data) == {}
    assert metadata.dpi(data) is None


def test_of_a_block_that_is_cut_short_the_beginning_counts():
    data = block("<", (0x010F, 2, 3, b"Ab\0\0"), (0x0110, 2, 3, b"Cd\0\0"))
    assert metadata.read(data[:30]) == {"ifd0-Make": "Ab"}


def test_long_texts_are_cut_and_control_characters_are_spaces():
    data = block("<", (0x013B, 2, 9000, None), text=b"x" * 9000)
    assert metadata.read(data)["ifd0-Artist"] == "x" * 1000
    data = block("<", (0x013B, 2, 9, None), text=b"a\x01\nb\xe9\0\0\0\0")
    assert metadata.read(data)["ifd0-Artist"] == "a  bé"


@pytest.mark.parametrize(("unit", "expected"), [(2, 300.0), (3, 762.0), (1, None)])
def test_the_resolution_has_a_unit(unit, expected):
    offset = struct.pack("<I", 8 + 2 + 24 + 4)
    data = block(
        "<",
        (0x011A, 5, 1, offset),
        (0x0128, 3, 1, struct.pack("<HH", unit, 0)),
        text=struct.pack("<II", 600, 2),
    )
    assert metadata.dpi(data) == expected


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("dpi", [300.0, 72.0, None])
def test_pixels_an_inch_are_written_and_read(tmp_path, suffix, dpi):
    Picture(torch.zeros(3, 8, 8), dpi=dpi).save(tmp_path / f"a{suffix}")
    assert Picture.open(tmp_path / f"a{suffix}").dpi == (dpi or 72)
    if suffix != ".webp":
        with Image.open(tmp_path / f"a{suffix}") as stored:
            assert np.allclose(stored.info["dpi"], dpi or 72, atol=0.1)


def test_the_words_of_other_programs_are_read():
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        'xmlns:exif="http://ns.adobe.com/exif/1.0/" tiff:Make="Nikon" exif:DateTimeOriginal="2020-01-02T03:04:05.25">'
        "<dc:creator><rdf:Seq><rdf:li>Anna</rdf:li><rdf:li>Ben</rdf:li></rdf:Seq></dc:creator>"
        "<dc:rights><rdf:Alt><rdf:li>ours</rdf:li><rdf:li>unser</rdf:li></rdf:Alt></dc:rights>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    assert metadata.from_xmp(xmp.properties(packet.encode())) == {
        "ifd0-Make": "Nikon",
        "ifd0-Artist": "Anna; Ben",
        "ifd0-Copyright": "ours",
        "ifd2-DateTimeOriginal": "2020:01:02 03:04:05",
    }
