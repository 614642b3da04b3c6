"""Pictures to and from what other programs hold: arrays, PIL images, bytes, open files, a plot, a notebook."""

import io

import numpy as np
import pytest
import torch
from checks import smooth
from matplotlib.figure import Figure
from PIL import Image

from impasto.errors import InputError, PictureError, WriteError
from impasto.images import Picture
from pictures import icc, noise

RGB = noise(8, 10)


def painted(height=8, width=10, **more):
    """Return a picture of floats, some a little outside 0 to 1, as a run leaves them."""
    pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(0)) * 1.1 - 0.05
    return Picture(pixels, **more)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("has_alpha", [False, True])
def test_an_array_of_a_picture_is_read_as_the_same_picture(dtype, has_alpha):
    alpha = torch.linspace(0.1, 0.9, 80).reshape(8, 10) if has_alpha else None
    picture = painted(alpha=alpha)
    array = np.asarray(picture, dtype=dtype)
    assert array.dtype == dtype
    assert array.shape == (8, 10, 4 if has_alpha else 3)
    again, step = Picture.of(array), {np.uint8: 1 / 255, np.uint16: 1 / 65535}.get(dtype, 1e-7)
    assert float((again.pixels - picture.pixels.clamp(0, 1)).abs().max()) <= step / 2 + 1e-7
    if has_alpha:
        assert float((again.opacity - alpha).abs().max()) <= step / 2 + 1e-7


def test_an_array_holds_the_samples_of_a_file_of_8_bits():
    assert np.array_equal(np.asarray(Picture.of(RGB)), RGB)
    for picture in (painted(), Picture.of(np.arange(240, dtype=np.uint16).reshape(8, 10, 3) * 273)):
        stored = Image.open(io.BytesIO(Picture(picture.pixels).png()))
        assert np.array_equal(np.asarray(picture), np.asarray(stored))


def test_an_array_is_srgb_whatever_the_profile():
    picture = Picture.of(RGB)
    wide = Picture(picture.samples, profile=icc("p3"))
    expected = wide.in_profile(None).pixels.permute(1, 2, 0).numpy()
    assert np.abs(np.asarray(wide, dtype=np.float32) - expected).max() < 1e-6
    assert not np.array_equal(np.asarray(wide), RGB)


def test_an_array_without_a_copy_cannot_be_had():
    with pytest.raises(ValueError, match="copy cannot be False"):
        np.array(painted(), copy=False)


def test_matplotlib_shows_a_picture():
    figure = Figure(figsize=(1, 1), dpi=50)
    for picture in (painted(), Picture.of(RGB), Picture.of(RGB.astype(np.uint16) * 257)):
        shown = figure.subplots().imshow(picture)
        assert shown.get_array().dtype == np.uint8
        assert np.array_equal(shown.get_array(), np.asarray(picture))
    figure.canvas.draw()


def test_a_pil_image_has_the_samples_the_profile_and_the_density():
    image = Picture(Picture.of(RGB).samples, profile=icc("p3"), dpi=300.0).pil()
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), RGB)
    assert image.info["icc_profile"] == icc("p3")
    assert round(image.info["dpi"][0]) == 300
    assert Picture.of(image).profile == icc("p3")
    assert painted(alpha=torch.full((8, 10), 0.5), bits=16).pil().mode == "RGBA"
    assert np.array_equal(np.asarray(Image.fromarray(np.asarray(painted()))), np.asarray(painted()))


def opened(data, name=None):
    file = io.BytesIO(data)
    if name is not None:
        file.name = name
    return file


def test_a_file_is_opened_from_bytes_and_from_an_open_file(tmp_path):
    data = Picture.of(RGB).png()
    (tmp_path / "a.png").write_bytes(data)
    with (tmp_path / "a.png").open("rb") as file:
        for source in (data, bytearray(data), io.BytesIO(data), file, tmp_path / "a.png", str(tmp_path / "a.png")):
            assert np.array_equal(np.asarray(Picture.open(source)), RGB)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (RGB, " cannot be opened; give a path, bytes or an open file, or use Picture.of."),
        (None, "None cannot be opened"),
        (3, "3 cannot be opened"),
        (b"", "the picture given as bytes is empty"),
        (b"GIF89a", "the picture given as bytes is damaged or cut short"),
        (io.BytesIO(b"text"), "the open file given as a picture is not a picture that impasto reads"),
        (opened(b"text", "upload.jpg"), "the open file upload.jpg is not a picture that impasto reads"),
        (io.StringIO("text"), "the open file given as a picture is open for text"),
    ],
)
def test_what_cannot_be_opened_is_named_as_it_was_given(source, message):
    with pytest.raises(PictureError) as caught:
        Picture.open(source)
    assert message in str(caught.value)


@pytest.mark.parametrize("kind", ["png", "jpg", "JPEG", ".webp", "tif"])
def test_a_picture_is_saved_in_an_open_file(kind, tmp_path):
    picture, file = painted(40, 50), io.BytesIO()
    picture.save(file, format=kind)
    suffix = f".{kind.lower().removeprefix('.')}"
    picture.save(tmp_path / f"a{suffix}")
    assert file.getvalue() == (tmp_path / f"a{suffix}").read_bytes()
    picture.save(tmp_path / "without a suffix", format=kind)
    assert file.getvalue() == (tmp_path / "without a suffix").read_bytes()


def test_bytes_have_the_quality_that_is_asked_for(tmp_path):
    picture = smooth()
    for name, make in (("a.jpg", picture.jpeg), ("a.webp", picture.webp)):
        assert len(make(quality=10)) < len(make())
        picture.save(tmp_path / name)
        assert make() == (tmp_path / name).read_bytes()


class Full:
    name = "/dev/full"

    def write(self, data):
        raise OSError(28, f"No space left on device for {len(data)} bytes")


def closed():
    file = io.BytesIO()
    file.close()
    return file


@pytest.mark.parametrize(
    ("file", "options", "error", "message"),
    [
        (io.BytesIO(), {}, InputError, "format cannot be None; it takes png, jpg, jpeg, webp, tif, tiff."),
        (io.BytesIO(), {"format": "bmp"}, InputError, "format cannot be bmp; it takes png"),
        (io.BytesIO(), {"format": 3}, InputError, "format cannot be 3"),
        (io.StringIO(), {"format": "png"}, InputError, 'the open file is open for text; open it with mode "wb".'),
        (Full(), {"format": "png"}, WriteError, "the open file /dev/full could not be written: no space left"),
        (closed(), {"format": "png"}, WriteError, "the open file could not be written: I/O operation on closed"),
        (3, {"format": "png"}, InputError, "a picture cannot be saved in 3; give a path or an open file."),
        ("a.png", {"quality": "high"}, InputError, "quality is high; it takes a whole number from 1 to 100."),
        ("a.png", {"quality": 0}, InputError, "quality is 0"),
        ("a.txt", {}, InputError, "a.txt ends in .txt, and impasto writes .png"),
    ],
)
def test_what_cannot_be_saved_is_told_in_a_sentence(file, options, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error) as caught:
        painted().save(file, **options)
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_too_large_for_a_format_is_refused_as_bytes_too():
    picture = Picture(torch.zeros(3, 1, 16_384, dtype=torch.uint8))
    assert picture.jpeg()
    with pytest.raises(InputError, match="a WebP file cannot hold 16384 pixels"):
        picture.webp()


def test_a_notebook_is_given_a_large_picture_smaller():
    shown = Image.open(io.BytesIO(Picture(torch.rand(3, 100, 2000), bits=16)._repr_png_()))
    assert (shown.size, shown.mode) == ((1024, 51), "RGB")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Picture(RGB), "samples cannot be of type ndarray; give a torch tensor, or use Picture.of."),
        (lambda: Picture("photo.jpg"), "samples cannot be of type str; give a torch tensor, or use Picture.of."),
        (lambda: Picture(torch.rand(3, 8, 8), alpha=0.5), "alpha cannot be of type float"),
        (lambda: Picture(torch.rand(8, 8, 3)), "torch.float32 of shape (8, 8, 3); a picture takes"),
    ],
)
def test_a_picture_of_something_else_is_refused_in_a_sentence(make, message):
    with pytest.raises(PictureError) as caught:
        make()
    assert message in str(caught.value)
