import sys

import numpy as np
import pytest
import pyvips
from PIL import Image

from impasto.errors import PictureError
from impasto.images import Picture, reading
from pictures import camera, colors, icc, vips


@pytest.fixture(scope="module")
def heif():
    return pytest.importorskip("pillow_heif")


def saved(heif, path, array, mode="RGB", **options):
    file = heif.from_bytes(mode, (array.shape[1], array.shape[0]), array.tobytes())
    file.save(path, quality=-1, chroma="444", matrix_coefficients=0, **options)
    return path


def test_a_heic_file_is_read_with_its_profile_and_exif(heif, tmp_path):
    image = Image.fromarray(colors())
    heif.from_pillow(image).save(tmp_path / "plain.heic", quality=95)
    file = heif.from_pillow(image)
    file.info["icc_profile"] = icc("p3")
    file.info["icc_profile_type"] = "prof"
    file.save(tmp_path / "a.heic", quality=95, exif=camera().tobytes())
    opened = Picture.open(tmp_path / "a.heic")
    assert (opened.width, opened.height, opened.bits) == (64, 48, 8)
    assert opened.profile == icc("p3")
    assert opened.exif["ifd0-Artist"] == "Anna Weber"
    assert opened.exif["ifd2-LensModel"] == "EF 50mm f/1.8 (II)"
    assert abs(opened.samples.permute(1, 2, 0).numpy().astype(int) - colors()).mean() < 4
    assert Picture.open(tmp_path / "plain.heic").profile is None


def test_ten_bits_keep_more_levels_than_eight(heif, tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None], (64, 256, 3))
    path = saved(heif, tmp_path / "a.heic", np.ascontiguousarray(ramp), "RGB;16")
    opened = Picture.open(path)
    assert opened.bits == 16
    assert opened.pixels.max() > 0.995
    assert (opened.pixels[0, 0] - opened.pixels.new_tensor(ramp[0, :, 0] / 65535)).abs().mean() < 0.004


def test_transparency_of_a_heic_file_is_kept(heif, tmp_path):
    array = np.dstack([colors(), np.full((48, 64), 255, np.uint8)])
    array[:24, :, 3] = 0
    opened = Picture.open(saved(heif, tmp_path / "a.heic", array, "RGBA"))
    assert opened.alpha is not None
    assert opened.alpha[:20].max() == 0
    assert opened.alpha[28:].min() == 255


def test_a_heic_file_over_the_limit_is_refused_before_it_is_unpacked(heif, tmp_path, monkeypatch):
    path = saved(heif, tmp_path / "a.heic", colors())
    monkeypatch.setattr(reading, "MAX_PIXELS", 1000)
    monkeypatch.setattr(np, "asarray", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(PictureError, match="64 × 48 pixels"):
        Picture.open(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_heic_file_that_is_cut_short_is_refused(heif, tmp_path, share):
    whole = saved(heif, tmp_path / "a.heic", colors()).read_bytes()
    (tmp_path / "b.heic").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(PictureError, match="is damaged or cut short; copy it again"):
        Picture.open(tmp_path / "b.heic")


def test_without_the_extra_the_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(PictureError, match=r'run .*pip install "impasto\[heif\]", or export it as a JPEG or PNG'):
        Picture.open(tmp_path / "a.heic")


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_an_avif_file_is_read_at_its_depth_and_white_is_white(tmp_path, bits):
    if not pyvips.type_find("VipsOperation", "heifsave"):
        pytest.skip("this libvips writes no AVIF")
    array = (colors().astype(np.uint16) * 257).copy()
    array[:8] = 65535
    image = vips(array, "rgb16", icc=icc("p3"))
    image.heifsave(str(tmp_path / "a.avif"), compression="av1", bitdepth=bits, lossless=True, effort=0, keep="icc")
    opened = Picture.open(tmp_path / "a.avif")
    assert opened.bits == (8 if bits == 8 else 16)
    assert opened.profile == icc("p3")
    assert opened.pixels[:, :8].min() == 1
    step = 1 / (2**bits - 1)
    assert (opened.pixels.permute(1, 2, 0).numpy() - array / 65535).max() < 1.01 * step
