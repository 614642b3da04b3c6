"""The properties of a photograph's file in the file of a run: profile, depth, transparency, EXIF, size on paper."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from common import note
from impasto import Mask, Picture, Style
from impasto.errors import PictureError
from impasto.images import profiles
from impasto.objective.objective import Objective
from pictures import PHOTOGRAPH, PLACE, camera, colors, delta_e, icc, noise, tags, vips

UNPAINTED = ("--iterations", "0", "--size", "64", "--first-size", "0", "--dtype", "float32")


@pytest.fixture
def paint(command, files, tiny_network):
    """Run `impasto paint` on the tiny network with no evaluation: (exit code, standard output, standard error)."""

    def run(content, output, *arguments, style="style.jpg", options=UNPAINTED):
        return command("paint", files / content, files / style, "-o", files / output, *options, *arguments)

    return run


def read_file(path):
    """Return the samples of a file and its profile."""
    with Image.open(path) as image:
        return np.asarray(image), image.info.get("icc_profile")


@pytest.mark.parametrize(("suffix", "most"), [("png", 0), ("tif", 0), ("jpg", 1), ("webp", 1)])
@pytest.mark.parametrize("name", ["p3", "adobe"])
def test_a_photograph_comes_back_in_its_profile(paint, files, name, suffix, most):
    Image.fromarray(colors()).save(files / "photo.png", icc_profile=icc(name))
    assert paint("photo.png", f"out.{suffix}", "--quiet") == (0, "", "")
    samples, profile = read_file(files / f"out.{suffix}")
    assert profile == icc(name)
    assert delta_e(name, samples, colors()) <= most


def test_a_photograph_comes_back_in_srgb_on_request(paint, files):
    Image.fromarray(colors()).save(files / "photo.png", icc_profile=icc("p3"))
    assert paint("photo.png", "out.png", "--profile", "srgb")[0] == 0
    samples, profile = read_file(files / "out.png")
    assert profiles.is_srgb(profile)
    assert profile is not None
    expected = Picture.open(files / "photo.png").in_profile(None).pixels.permute(1, 2, 0).numpy()
    assert abs(samples / 255 - expected).max() < 0.6 / 255


def test_what_is_painted_keeps_the_profile_and_its_colors(paint, files):
    Image.fromarray(colors()).save(files / "photo.png", icc_profile=icc("p3"))
    assert paint("photo.png", "out.png", options=("--iterations", "3", "--size", "64", "--first-size", "0"))[0] == 0
    samples, profile = read_file(files / "out.png")
    assert profile == icc("p3")
    assert delta_e("p3", samples, colors()) > 0.5


def test_the_painting_is_brought_to_the_photographs_profile(transfer, picture):
    content = Picture(picture().pixels, profile=icc("adobe"))
    painted = transfer(init="style", iterations=0).start(content, picture(seed=1)).preview()
    assert painted.profile == icc("adobe")
    assert (painted.in_profile(None).pixels - picture(seed=1).pixels).abs().mean() < 1 / 255
    assert (painted.pixels - picture(seed=1).pixels).abs().mean() > 2 / 255


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_come_back_as_sixteen(paint, files, suffix):
    levels = 100 * 257 + np.arange(48 * 64).reshape(48, 64, 1) % 258  # between two neighbors of 8 bits
    deep = np.repeat(levels, 3, axis=2).astype(np.uint16)
    vips(deep, "rgb16").write_to_file(str(files / "photo.png"))
    assert paint("photo.png", f"out.{suffix}", "--quiet") == (0, "", "")
    opened = Picture.open(files / f"out.{suffix}")
    assert opened.bits == 16
    assert len(opened.samples[0].int().unique()) > 250
    assert abs(opened.samples.int().permute(1, 2, 0).numpy() - deep.astype(int)).max() <= 1


@pytest.mark.parametrize(("deep", "option", "bits"), [(True, "8", 8), (False, "16", 16), (False, "auto", 8)])
def test_the_depth_can_be_asked_for(paint, files, deep, option, bits):
    array = colors().astype(np.uint16) * 257 if deep else colors()
    vips(array, "rgb16" if deep else "srgb").write_to_file(str(files / "photo.png"))
    assert paint("photo.png", "out.png", "--bits", option)[0] == 0
    assert Picture.open(files / "out.png").bits == bits


def test_a_depth_that_the_format_has_not_is_refused_before_the_work(paint, files):
    code, out, err = paint("content.png", "out.jpg", "--bits", "16")
    assert (code, out) == (2, "")
    assert err == f"impasto: {files / 'out.jpg'} cannot hold 16 bits: a JPEG file has 8; name a .png or .tif file.\n"
    vips(colors().astype(np.uint16) * 257, "rgb16").write_to_file(str(files / "deep.png"))
    assert paint("deep.png", "auto.jpg")[0] == 0


def save_with_hole(path):
    """Save colors of which a quarter is transparent, and some half so."""
    alpha = np.full((48, 64), 255, np.uint8)
    alpha[:24, :32], alpha[30:, 40:] = 0, 77
    Image.fromarray(np.dstack([colors(), alpha])).save(path)
    return alpha


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
@pytest.mark.parametrize("iterations", ["0", "3"])
def test_transparency_comes_back_to_the_bit(paint, files, suffix, iterations):
    alpha = save_with_hole(files / "photo.png")
    options = ("--iterations", iterations, "--size", "64", "--first-size", "0", "--dtype", "float32")
    assert paint("photo.png", f"out.{suffix}", options=options)[0] == 0
    samples, _ = read_file(files / f"out.{suffix}")
    assert (samples[..., 3] == alpha).all()


def test_transparency_is_resampled_with_the_picture(paint, files):
    save_with_hole(files / "photo.png")
    assert paint("photo.png", "out.png", options=("--iterations", "0", "--size", "96", "--first-size", "0"))[0] == 0
    samples, _ = read_file(files / "out.png")
    assert samples.shape == (72, 96, 4)
    assert samples[:30, :40, 3].max() == 0
    assert samples[40, 20, 3] == 255


def test_a_jpeg_of_it_is_laid_over_white(paint, files):
    save_with_hole(files / "photo.png")
    assert paint("photo.png", "out.jpg")[0] == 0
    samples, _ = read_file(files / "out.jpg")
    assert samples.shape == (48, 64, 3)
    assert samples[:20, :28].min() > 245


def with_hole(picture, color):
    """Return a picture of which the left half is transparent, and the color that hides there."""
    alpha = torch.ones(picture.height, picture.width)
    alpha[:, : picture.width // 2] = 0
    return Picture(torch.where(alpha > 0, picture.pixels, torch.tensor(color)), alpha=alpha)


def losses(run):
    for _ in run:
        pass
    return [progress.terms["style"] for progress in run.history]


def test_what_is_transparent_of_a_painting_has_no_part_in_its_style(transfer, picture):
    maker = transfer(iterations=1, content_weight=0, style_layers="conv1_1", init="blank")
    painting = picture(64, 48, seed=1)
    half = torch.ones(48, 64)
    half[:, :32] = 0
    hidden = [losses(maker.start(picture(), with_hole(painting, color)))[0] for color in (0.1, 0.9)]
    masked = losses(maker.start(picture(), Style(with_hole(painting, 0.1), mask=Mask(half))))[0]
    opaque = losses(maker.start(picture(), painting))[0]
    assert hidden[0] == pytest.approx(hidden[1], rel=0.05), "but for units on the edge"
    assert masked == pytest.approx(hidden[0], rel=1e-4)
    assert hidden[0] != pytest.approx(opaque, rel=0.05)


def test_what_is_transparent_of_a_photograph_has_no_part_in_the_style(transfer, picture, monkeypatch):
    maker = transfer(iterations=1, content_weight=0, style_layers="conv1_1")
    content = picture(64, 48)
    holes = [with_hole(content, color) for color in (0.1, 0.9)]
    hidden, opaque = (
        [losses(maker.start(photograph, picture(seed=1)))[0] for photograph in photographs]
        for photographs in (holes, [Picture(hole.samples) for hole in holes])
    )
    assert hidden[0] == pytest.approx(hidden[1], rel=0.2), "but for units on the edge"
    assert opaque[0] != pytest.approx(opaque[1], rel=0.5)
    regions = []
    build = Objective.build
    monkeypatch.setattr(Objective, "build", lambda *args, **options: regions.append(args[3]) or build(*args, **options))
    losses(maker.start(with_hole(content, 0.1), picture(seed=1)))
    (region,) = regions[0]
    assert region.area[:, :30].max() == 0
    assert region.area[:, 34:].min() == 1


@pytest.mark.parametrize("matching", ["sym", "histogram"])
def test_colors_are_matched_by_what_is_seen(transfer, picture, matching):
    content, style = with_hole(picture(64, 48), 1.0), with_hole(picture(64, 48, seed=1), 0.0)
    run = transfer(iterations=0, color="content-match", color_match=matching, init="style").start(content, style)
    mean = run._solver.scene.style_images(run.plan.stages[0])[0][:, :, 32:].mean((1, 2))
    torch.testing.assert_close(mean, picture(64, 48).pixels[:, :, 32:].mean((1, 2)), rtol=0, atol=0.02)


def test_a_photograph_of_which_too_little_is_seen_is_refused(transfer, picture):
    alpha = torch.zeros(48, 64)
    alpha[20:24, 20:24] = 1
    run = transfer().start(Picture(picture().pixels, alpha=alpha), picture(seed=1))
    with pytest.raises(PictureError, match="the content image shows 16 of 64 × 48 pixels and is transparent elsewhere"):
        next(run)


def test_a_photograph_of_nothing_ends_with_a_sentence(paint, files):
    Image.fromarray(np.zeros((48, 64, 4), np.uint8)).save(files / "photo.png")
    code, out, err = paint("photo.png", "out.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "wholly transparent" in err


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_comes_back_without_the_place_and_upright(paint, files, suffix):
    Image.fromarray(colors()).save(files / "photo.jpg", exif=camera(orientation=6))
    assert paint("photo.jpg", f"out.{suffix}")[0] == 0
    opened = Picture.open(files / f"out.{suffix}")
    assert opened.exif == PHOTOGRAPH
    picture, _, place = tags(files / f"out.{suffix}")
    assert (picture[0x0112], place) == (1, {})
    assert (opened.width, opened.height) == (48, 64)
    assert note(files / f"out.{suffix}")["settings"]["size"] == 64


def test_the_place_is_kept_on_request(paint, files):
    Image.fromarray(colors()).save(files / "photo.jpg", exif=camera())
    assert paint("photo.jpg", "out.jpg", "--keep-position")[0] == 0
    assert Picture.open(files / "out.jpg").exif == PHOTOGRAPH | PLACE


def test_the_painting_s_camera_is_not_the_picture_s(paint, files):
    Image.fromarray(colors()).save(files / "painting.jpg", exif=camera(), icc_profile=icc("p3"), dpi=(240, 240))
    assert paint("content.png", "out.jpg", style="painting.jpg")[0] == 0
    opened = Picture.open(files / "out.jpg")
    assert (opened.exif, opened.profile, opened.dpi) == ({}, None, 72)


def test_frames_that_are_left_out_are_said_unless_quiet(paint, files):
    frames = [Image.fromarray(colors()) for _ in range(3)]
    frames[1] = Image.fromarray(noise(48, 64))
    frames[0].save(files / "photo.gif", save_all=True, append_images=frames[1:])
    code, _, err = paint("photo.gif", "out.png")
    assert code == 0
    assert err.count(f"impasto: {files / 'photo.gif'} has 3 frames or pages; the first is taken.\n") == 1
    assert paint("photo.gif", "again.png", "--quiet") == (0, "", "")


def test_pixels_an_inch_come_back_or_are_what_is_asked_for(paint, files):
    Image.fromarray(colors()).save(files / "photo.jpg", dpi=(240, 240))
    paint("photo.jpg", "out.jpg")
    paint("photo.jpg", "asked.jpg", "--dpi", "600")
    assert (Picture.open(files / "out.jpg").dpi, Picture.open(files / "asked.jpg").dpi) == (240, 600)


@pytest.mark.parametrize(
    ("arguments", "size", "dpi"),
    [
        (("--print", "2x3cm", "--dpi", "100"), (104, 78), 100),  # 4:3 on 1:1.5: the short side decides
        (("--print", "30x20mm", "--dpi", "100"), (105, 79), 100),
        (("--print", "4 x 1in", "--dpi", "60"), (80, 60), 60),
        (("--print", "0.32x0.4in"), (120, 90), 300),
    ],
)
def test_a_size_on_paper_is_a_size_in_pixels(paint, files, arguments, size, dpi):
    options = ("--iterations", "0", "--first-size", "0")
    assert paint("content.png", "out.png", *arguments, "--quiet", options=options) == (0, "", "")
    opened = Picture.open(files / "out.png")
    assert abs(opened.width - size[0]) <= 1
    assert abs(opened.height - size[1]) <= 1
    assert opened.dpi == dpi
    settings = note(files / "out.png")["settings"]
    assert (settings["size"], settings["dpi"]) == (opened.width, dpi)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--print", "large"), "print cannot be large; it takes two sides and a unit, such as 30x40cm, 8x10in, 200x300mm."),
        (("--print", "30x40"), "print cannot be 30x40; it takes"),
        (("--print=-3x4cm",), "print cannot be -3x4cm; it takes"),
        (("--print", "0x40cm"), "print cannot be 0x40cm; it takes"),
        (("--print", "1x1mm"), "its long side has 12 pixels"),
        (("--print", "9000x9000cm"), "its long side has 1062992 pixels"),
        (("--print", "30x40cm", "--size", "512"), "print and size both say how large the picture is; give one of them."),
        (("--dpi", "-1"), "dpi cannot be -1; it takes a number, at least 0 and at most 4800."),
        (("--bits", "12"), "bits cannot be 12; it takes auto, 8 or 16."),
        (("--profile", "adobe"), "profile cannot be adobe; it takes content or srgb."),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_asked_for_is_refused_in_a_sentence(paint, files, arguments, sentence):
    code, out, err = paint("content.png", "out.png", *arguments, options=("--iterations", "0"))
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert not (files / "out.png").exists()


def test_a_heic_photograph_without_the_extra_ends_with_a_sentence(paint, files, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (files / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    code, out, err = paint("photo.heic", "out.png")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert 'pip install "impasto[heif]"' in err


def test_a_texture_takes_the_file_of_its_sample(command, files, tiny_network):
    Image.fromarray(colors()).save(files / "sample.png", icc_profile=icc("p3"), dpi=(240, 240))
    quick = ("--size", "64", "--first-size", "0", "--iterations", "1", "--dtype", "float32")
    assert command("texture", files / "sample.png", "-o", files / "out.png", *quick)[0] == 0
    opened = Picture.open(files / "out.png")
    assert (opened.profile, opened.dpi) == (icc("p3"), 240)


def test_measures_are_those_of_the_run_in_any_profile(transfer, weights):
    from impasto.reports import metrics

    content = Picture(torch.from_numpy(colors(96, 128)).permute(2, 0, 1), profile=icc("p3"))
    style = Picture(torch.from_numpy(colors(96, 128)).permute(2, 0, 1).flip(2))
    run = transfer(size=128, iterations=3).start(content, style)
    for _ in run:
        pass
    measures = metrics.measure(content, style, run.result().picture, run.settings, weights=weights)
    best = min(run.history, key=lambda progress: progress.loss)
    assert measures.loss == pytest.approx(best.terms["content"] + best.terms["style"], rel=0.02)
