"""Files that are no whole pictures end in one sentence."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from checks import SUFFIXES, assert_one_sentence, smooth
from PIL import Image

from impasto import images
from impasto.errors import PictureError
from impasto.images import Picture, read_note, reading, writing
from pictures import noise, vips


def png_of(width: int, height: int) -> bytes:
    """Return a small PNG that claims a large size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def cut(suffix: str, fraction: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(noise(90, 120)).save(file, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()))
    return file.getvalue()[: int(len(file.getvalue()) * fraction)]


def spoiled_png() -> bytes:
    data = bytearray(cut(".png", 1.0))
    data[len(data) // 2] ^= 0xFF
    return bytes(data)


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
        f"cut{fraction}{suffix}": cut(suffix, fraction)
        for suffix in (*SUFFIXES, ".gif")
        for fraction in (0.02, 0.3, 0.6, 0.9, 0.98)
    },
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_whole_picture_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(PictureError) as caught:
        Picture.open(path)
    assert_one_sentence(caught.value, path)


@pytest.mark.parametrize(
    ("kind", "message"), [("missing", "no such file"), ("folder", "is a folder"), ("pipe", "not a regular file")]
)
def test_what_is_no_file_is_refused_in_one_sentence(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / kind
    if kind == "folder":
        path.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    for read in (Picture.open, read_note):
        with pytest.raises(PictureError, match=message) as caught:
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
