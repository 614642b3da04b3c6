"""What programs hold in memory as pictures and masks, and what they hold by mistake."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from impasto import Mask, Style, stylize
from impasto.errors import PictureError
from impasto.images import Picture
from pictures import camera, colors, icc, noise

RGB = noise(8, 10)
FILE = io.BytesIO()
Image.fromarray(RGB).save(FILE, "PNG")
DATA = FILE.getvalue()


class Wrapped:
    """An array of another library."""

    def __array__(self, dtype=None, copy=None):
        return RGB


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.png").write_bytes(DATA)
    return tmp_path / "a.png"


@pytest.mark.parametrize(
    "convert",
    [
        str,
        lambda path: path,
        lambda _: DATA,
        lambda _: bytearray(DATA),
        lambda _: memoryview(DATA),
        lambda _: io.BytesIO(DATA),
        lambda _: Image.fromarray(RGB),
        lambda _: Image.open(io.BytesIO(DATA)),
        lambda _: RGB,
        lambda _: RGB[::-1][::-1],
        lambda _: RGB.astype(np.uint16) * 257,
        lambda _: (RGB.astype(np.uint16) * 257).astype(">u2"),
        lambda _: RGB / 255,
        lambda _: (RGB / 255).astype(np.float32),
        lambda _: np.dstack([RGB, np.full((8, 10), 255, np.uint8)]),
        lambda _: torch.from_numpy(RGB).permute(2, 0, 1),
        lambda _: torch.from_numpy(RGB).permute(2, 0, 1) / 255,
        lambda _: (torch.from_numpy(RGB).permute(2, 0, 1) / 255).double().requires_grad_(),
        lambda _: Picture.of(RGB),
        lambda _: Wrapped(),
    ],
)
def test_whatever_holds_a_picture_gives_the_same_picture(path, convert):
    picture = Picture.of(convert(path))
    assert (picture.pixels.permute(1, 2, 0).detach().numpy() - RGB / 255).max() < 1e-6
    assert picture.opacity is None
    assert picture.samples.is_contiguous()


def test_a_picture_is_returned_as_it_is_and_an_array_is_copied():
    picture, array = Picture.of(RGB), RGB.copy()
    assert Picture.of(picture) is picture
    taken = Picture.of(array)
    array[:] = 0
    assert (taken.samples.permute(1, 2, 0).numpy() == RGB).all()


MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I;16", "PA", "RGBa"]


@pytest.mark.parametrize("mode", MODES)
def test_a_pil_image_of_any_mode_is_what_it_shows(mode):
    image = Image.fromarray(colors())
    if mode == "I;16":
        image = Image.fromarray(colors()[..., 0].astype(np.uint16) * 257)
    else:
        image = image.convert({"PA": "P", "RGBa": "RGBA"}.get(mode, mode)).convert(mode)
    expected = np.dstack([colors()[..., :1]] * 3) if mode == "I;16" else np.asarray(image.convert("RGB"))
    actual = Picture.of(image).pixels.permute(1, 2, 0).numpy() * 255
    assert abs(actual - expected).mean() < (30 if mode == "CMYK" else 1.5), (
        "but for inks, which libvips knows by a profile"
    )


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_the_transparency_of_a_pil_image_counts(mode):
    image = Image.fromarray(RGB).convert(mode)
    if mode == "P":
        image.info["transparency"] = image.getpixel((0, 0))
    else:
        image.putpixel((0, 0), (9, 0) if mode == "LA" else (9, 9, 9, 0))
    alpha = Picture.of(image).opacity
    assert alpha is not None
    assert alpha[0, 0] == 0
    assert alpha.mean() > 0.5


def test_a_pil_image_has_its_profile_and_is_upright():
    target = io.BytesIO()
    Image.fromarray(colors()).save(target, "JPEG", exif=camera(orientation=6), icc_profile=icc("p3"), quality=95)
    picture = Picture.of(Image.open(io.BytesIO(target.getvalue())))
    assert (picture.width, picture.height) == (48, 64)
    assert picture.profile == icc("p3")
    assert picture.exif["ifd0-Artist"] == "Anna Weber"


def closed():
    file = io.BytesIO(DATA)
    file.close()
    return file


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "a picture cannot be made of NoneType; give a path, the bytes of an image file"),
        (7, "a picture cannot be made of int; give a path"),
        ([1, 2], "a picture cannot be made of list; give a path"),
        (object(), "a picture cannot be made of object; give a path"),
        (b"", "the picture given as bytes is empty; give the bytes of a PNG"),
        (b"a text", "the picture given as bytes is not a picture that impasto reads; give a PNG"),
        (DATA[:100], "the picture given as bytes is damaged or cut short; copy it again"),
        (io.StringIO("a text"), 'is open for text; open it with mode "rb".'),
        (closed(), "the open file given as a picture cannot be read (I/O operation on closed file"),
        ("missing.png", "missing.png cannot be read: no such file or directory; give a picture's path."),
        (RGB.astype(np.int64), "the array holds int64; a picture takes uint8, uint16, or floats from 0 to 1."),
        (RGB.astype(bool), "the array holds bool; a picture takes uint8"),
        (RGB.astype(np.float32), "the array holds floats up to 255; a picture takes floats from 0 to 1."),
        (np.full((4, 4, 3), np.nan), "the array holds a value that is not a number; a picture takes"),
        (np.full((4, 4, 3), np.inf), "the array holds a value that is not a number; a picture takes"),
        (RGB.transpose(2, 0, 1), "the array has the shape (3, 8, 10); a picture takes (H, W), (H, W, 3) or (H, W, 4)."),
        (RGB[None], "the array has the shape (1, 8, 10, 3); a picture takes"),
        (RGB[:0], "the array has the shape (0, 10, 3); a picture takes"),
        (np.zeros((4, 4, 4), np.uint8), "the array is wholly transparent; give a picture that shows something."),
        (np.array("text"), "the array has the shape (); a picture takes"),
        (torch.rand(1, 3, 8, 8), "the tensor has the shape (1, 3, 8, 8); a picture takes (3, H, W), or with alpha"),
        (torch.zeros(3, 8, 8, dtype=torch.int64), "the tensor holds torch.int64; a picture takes uint8"),
        (torch.full((3, 8, 8), 255.0), "the tensor holds floats up to 255; a picture takes floats from 0 to 1."),
        (Image.fromarray(RGB[..., 0].astype(np.int32)), "the PIL image holds signed samples of 32 bits; save it"),
        (Image.fromarray(RGB[..., 0].astype(np.float32)), "the PIL image holds float samples of 32 bits; save it"),
    ],
)
def test_what_holds_no_picture_is_named_in_a_sentence(source, message):
    with pytest.raises(PictureError) as caught:
        Picture.of(source)
    assert message in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


def test_floats_to_255_are_refused_and_not_painted_white():
    with pytest.raises(
        PictureError, match="floats up to 255; a picture takes floats from 0 to 1, so divide them by 255"
    ):
        Picture(torch.full((3, 8, 8), 255.0))
    assert Picture(torch.full((3, 8, 8), 1.2)).pixels.max() == pytest.approx(1.2), "a little beyond white is none"


def test_a_run_takes_what_a_picture_can_be_made_of(transfer, tmp_path, picture):
    picture(64, 48).save(tmp_path / "content.png")
    painting = (picture(72, 60, seed=1).pixels.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    keep = np.zeros((48, 64), np.float32)
    keep[:10] = 1
    maker = transfer(iterations=2)

    def paint(content, styles, **more):
        run = maker.start(content, styles, **more)
        for _ in run:
            pass
        return run.preview().pixels

    content = str(tmp_path / "content.png")
    expected = paint(Picture.open(content), [Style(Picture.of(painting))], keep=Mask(torch.from_numpy(keep)))
    for styles in (painting, [painting], [Image.fromarray(painting)], Style(painting)):
        assert torch.equal(paint(content, styles, keep=keep), expected)
    assert maker.plan(content, [painting]).stages[0].size == (64, 48)


def test_masks_of_a_style_may_be_what_a_mask_can_be_made_of(picture, tmp_path):
    Image.fromarray(np.full((48, 64), 255, np.uint8)).save(tmp_path / "white.png")
    style = Style(picture(), mask=str(tmp_path / "white.png"), region=torch.ones(48, 64))
    assert isinstance(style.mask, Mask)
    assert style.mask.name == str(tmp_path / "white.png")
    assert isinstance(style.region, Mask)
    with pytest.raises(PictureError, match="a style's region is black everywhere"):
        Style(picture(), region=torch.zeros(48, 64))


def test_a_style_that_is_no_picture_is_named_at_once(transfer, picture):
    with pytest.raises(PictureError, match="a picture cannot be made of dict"):
        stylize(picture(), {})
    with pytest.raises(PictureError, match="missing.png cannot be read"):
        transfer().start(picture(), "missing.png")
