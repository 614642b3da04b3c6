import numpy as np
import pytest
import torch
from PIL import Image

from impasto import Mask, Picture
from impasto.errors import PictureError


def square(height=64, width=96, rows=slice(16, 48), columns=slice(32, 80)):
    weights = torch.zeros(height, width)
    weights[rows, columns] = 1
    return weights


def test_white_is_inside_and_gray_a_soft_edge(tmp_path):
    Picture(torch.linspace(0, 1, 5).expand(3, 4, 5)).save(tmp_path / "mask.png")
    mask = Mask.open(tmp_path / "mask.png")
    torch.testing.assert_close(mask.weights[0], torch.linspace(0, 1, 5), atol=1 / 255, rtol=0)
    assert mask.name == str(tmp_path / "mask.png")


def test_a_mask_is_as_precise_in_a_callers_autocast(tmp_path):
    Picture(torch.linspace(0, 1, 5).expand(3, 4, 5)).save(tmp_path / "mask.png")
    expected = Mask.open(tmp_path / "mask.png").weights
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(Mask.open(tmp_path / "mask.png").weights, expected)


def test_a_color_of_an_image_of_labels_is_a_mask(tmp_path):
    labels = torch.zeros(3, 8, 8, dtype=torch.uint8)
    labels[0, :, :3] = 250
    labels[2, :, 3:] = 255
    Picture(labels).save(tmp_path / "labels.png")
    assert Mask.open(f"{tmp_path}/labels.png#ff0000").weights.sum() == 24
    assert Mask.open(f"{tmp_path}/labels.png#0000FF").weights.sum() == 40
    with pytest.raises(PictureError, match="has the color #00ff00; its commonest are #0000ff, #fa0000"):
        Mask.open(f"{tmp_path}/labels.png#00ff00")


def test_a_file_whose_name_ends_like_a_color_is_a_file(tmp_path):
    Picture(torch.ones(3, 4, 4)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.png#ff0000")
    assert Mask.open(tmp_path / "a.png#ff0000").weights.mean() == 1


def test_a_mask_of_another_shape_is_refused_by_name():
    with pytest.raises(PictureError, match="^sky is 96 × 64 pixels, which is not the shape of the picture, 100 × 100"):
        Mask(square(), "sky").resized(100, 100)
    assert Mask(square(), "sky").resized(150, 101).shape == (101, 150)


# --- masks of every mode and meaning

LEFT = np.zeros((48, 64), bool)
LEFT[:, :32] = True
HALF = np.where(LEFT, 128, 0).astype(np.uint8)


def white(area, level=255, dtype=np.uint8):
    return np.where(area, level, 0).astype(dtype)


def layer(color, opacity):
    """Return what is drawn on a transparent layer."""
    return Image.fromarray(np.dstack([*[np.broadcast_to(color, (48, 64)).astype(np.uint8)] * 3, opacity]), "RGBA")


def palette(transparent=None):
    image = Image.fromarray(np.where(LEFT, 1, 0).astype(np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 255, 255])
    if transparent is not None:
        image.info["transparency"] = transparent
    return image


def gray_with_alpha(gray, alpha):
    return Image.fromarray(np.dstack([gray, alpha]), "LA")


DRAWN = {
    "gray": Image.fromarray(white(LEFT)),
    "gray with an opaque alpha": gray_with_alpha(white(LEFT), white(LEFT | ~LEFT)),
    "gray with alpha, white on transparency": gray_with_alpha(white(LEFT | ~LEFT), white(LEFT)),
    "colors": Image.fromarray(np.dstack([white(LEFT)] * 3)),
    "white on transparency": layer(255, white(LEFT)),
    "white on transparency that is black below": layer(white(LEFT), white(LEFT)),
    "white and black, nothing transparent": layer(white(LEFT), white(LEFT | ~LEFT)),
    "white and black on transparency": layer(white(LEFT), white(np.arange(64)[None] < np.full((48, 1), 50))),
    "a palette": palette(),
    "a palette whose black is transparent": palette(transparent=0),
    "one bit": Image.fromarray(LEFT),
    "16 bits": Image.fromarray(white(LEFT, 65535, np.uint16)),
}


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_what_is_white_and_not_transparent_is_inside(tmp_path, name, suffix):
    if suffix == ".tif" and "palette whose" in name:
        pytest.skip("TIFF has no such palette")
    DRAWN[name].save(tmp_path / f"mask{suffix}")
    for mask in (Mask.open(tmp_path / f"mask{suffix}"), Mask.of(DRAWN[name])):
        np.testing.assert_allclose(mask.weights.numpy(), LEFT, atol=1e-6)


def test_half_transparent_white_is_half_inside(tmp_path):
    layer(255, HALF).save(tmp_path / "mask.png")
    np.testing.assert_allclose(Mask.open(tmp_path / "mask.png").weights.numpy(), HALF / 255, atol=1e-6)
    layer(HALF, HALF).save(tmp_path / "soft.png")
    np.testing.assert_allclose(Mask.open(tmp_path / "soft.png").weights.numpy(), (HALF / 255.0) ** 2, atol=1e-6)


BLACK = "is black everywhere, so nothing is inside; draw in white what is meant."
ON_TRANSPARENCY = "is black or transparent everywhere, so nothing is inside; draw in white what is meant, for black"
EMPTY = {
    "black": (Image.fromarray(white(LEFT, 0)), BLACK),
    "black of 16 bits": (Image.fromarray(white(LEFT, 0, np.uint16)), BLACK),
    "black of one bit": (Image.fromarray(LEFT & ~LEFT), BLACK),
    "black in colors": (Image.fromarray(np.zeros((48, 64, 3), np.uint8)), BLACK),
    "black on transparency": (layer(0, white(LEFT)), ON_TRANSPARENCY),
    "gray black on transparency": (gray_with_alpha(white(LEFT, 0), white(LEFT)), ON_TRANSPARENCY),
    "nothing on transparency": (layer(255, white(LEFT, 0)), "is wholly transparent; give a picture that shows"),
    "classes 0 and 1": (Image.fromarray(white(LEFT, 1)), "is nearly black, at most 1 of 255, as maps of classes are"),
    "classes 0 to 4": (Image.fromarray(white(LEFT, 4)), "is nearly black, at most 4 of 255, as maps of classes are"),
    "classes 0 to 20": (Image.fromarray(white(LEFT, 20)), "is nearly black, at most 20 of 255, as maps of classes are"),
    "classes in 16 bits": (
        Image.fromarray(white(LEFT, 1, np.uint16)),
        "is nearly black, at most 1 of 65535, as maps of classes are",
    ),
    "8 bits in a file of 16": (
        Image.fromarray(white(LEFT, 255, np.uint16)),
        "is nearly black, at most 255 of 65535, as maps of classes are",
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_mask_with_nothing_inside_is_refused_by_name(tmp_path, name):
    image, message = EMPTY[name]
    image.save(tmp_path / "mask.png")
    with pytest.raises(PictureError) as caught:
        Mask.open(tmp_path / "mask.png")
    assert str(caught.value).startswith(f"{tmp_path / 'mask.png'} {message}")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", [*list(EMPTY)[:1], "black on transparency", "classes 0 and 1"])
@pytest.mark.parametrize("way", ["keep", "region", "mask"])
def test_wherever_a_mask_is_taken_an_empty_one_is_refused(command, files, tiny_network, name, way):
    image, message = EMPTY[name]
    image.save(files / "mask.png")
    style, flags = files / "style.jpg", ()
    if way == "keep":
        flags = ("--keep", files / "mask.png")
    else:
        style = f"{style},{way}={files / 'mask.png'}"
    quick = ("--size", "64", "--first-size", "0", "--iterations", "0", "--dtype", "float32")
    code, out, err = command("paint", files / "content.png", style, "-o", files / "out.png", *quick, *flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{files / 'mask.png'} {message}" in err
    assert not (files / "out.png").exists()


def test_the_classes_of_a_map_are_named_by_their_colors(tmp_path):
    classes = np.zeros((48, 64), np.uint8)
    classes[:, 20:40], classes[:, 40:] = 1, 2
    Image.fromarray(classes).save(tmp_path / "classes.png")
    with pytest.raises(PictureError, match=r"such as .*classes.png#020202, or make white"):
        Mask.open(tmp_path / "classes.png")
    for number in range(3):
        weights = Mask.open(f"{tmp_path}/classes.png#{number:02x}{number:02x}{number:02x}").weights
        np.testing.assert_array_equal(weights.numpy(), classes == number)


def test_a_label_is_not_found_where_nothing_shows(tmp_path):
    layer(255, white(LEFT)).save(tmp_path / "labels.png")
    np.testing.assert_array_equal(Mask.open(f"{tmp_path}/labels.png#ffffff").weights.numpy(), LEFT)


def test_a_label_that_a_jpeg_has_blurred_is_found(tmp_path):
    areas = np.kron(np.array([[[200, 30, 30], [30, 30, 200]]]), np.ones((64, 64, 1))).astype(np.uint8)
    rough = areas + np.random.default_rng(0).integers(0, 12, areas.shape)
    Image.fromarray(rough.astype(np.uint8)).save(tmp_path / "labels.jpg", quality=90)
    weights = Mask.open(f"{tmp_path}/labels.jpg#c81e1e").weights
    assert weights[:, :60].mean() > 0.99
    assert weights[:, 68:].max() == 0


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.zeros(8, 8), "sky is black everywhere, so nothing is inside"),
        (torch.zeros(8, 8, dtype=torch.bool), "sky is black everywhere, so nothing is inside"),
        (torch.full((8, 8), 255.0), "sky goes from 255 to 255; a mask takes weights from 0 to 1."),
        (torch.full((8, 8), -0.5), "sky goes from -0.5 to -0.5; a mask takes weights from 0 to 1."),
        (torch.full((8, 8), torch.nan), "sky goes from nan to nan; a mask takes weights from 0 to 1."),
        (torch.ones(8, 8, dtype=torch.uint8), "sky is torch.uint8 of shape (8, 8); a mask takes floats from 0 to 1"),
        (torch.ones(1, 8, 8), "sky is torch.float32 of shape (1, 8, 8); a mask takes floats"),
        (torch.ones(0, 8), "sky is torch.float32 of shape (0, 8); a mask takes floats"),
    ],
)
def test_weights_that_make_no_mask_are_refused(weights, message):
    with pytest.raises(PictureError) as caught:
        Mask(weights, "sky")
    assert str(caught.value).startswith(message)


def test_true_is_inside():
    assert Mask(torch.from_numpy(LEFT)).weights.dtype == torch.float32
    for source in (LEFT, torch.from_numpy(LEFT), LEFT.astype(np.float64), white(LEFT)):
        np.testing.assert_allclose(Mask.of(source).weights.numpy(), LEFT, atol=1e-6)
    mask = Mask(torch.from_numpy(LEFT))
    assert Mask.of(mask) is mask


def test_only_the_white_of_a_mask_is_white_at_any_size():
    mask = Mask(torch.cat([torch.full((8, 8), level / 255) for level in (0, 128, 254, 255)], 1))
    assert mask.white(32, 8).sum(0).tolist() == [0] * 24 + [8] * 8
    assert mask.white(64, 16)[:, :28].max() == 0
    assert mask.white(64, 16)[:, 52:].min() == 1
    assert Mask(torch.ones(8, 8)).white(4, 4).min() == 1


def test_a_picture_that_is_wholly_transparent_has_no_opaque_part():
    hidden = Picture(torch.rand(3, 8, 8), alpha=torch.zeros(8, 8))
    with pytest.raises(PictureError, match="a picture is wholly transparent; give one that shows something"):
        Mask.of_opacity(hidden)
    assert Mask.of_opacity(Picture(torch.rand(3, 8, 8))) is None
