import pytest
import torch

from impasto import Mask, Picture, Runtime, Settings, StyleTransfer
from impasto.recipes import demo

pytestmark = pytest.mark.slow

GRAYS = (0, 64, 128, 192, 255)

TOLERANCE = 0.01
"""Of the painting's difference from the photograph. Half a gray level of rounding is 0.013 of a mean of 37 gray levels at
any one pixel; over a face the mean differed by less than 0.001 from the line (256 px, 100 evaluations)."""


def finish(run):
    for _ in run:
        pass
    return run.result().picture


def ellipse(height, width):
    """Return a mask of a face in the middle, with an edge of a fifth of its radius."""
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    distance = (((across - 0.51) / 0.23) ** 2 + ((down - 0.34) / 0.24) ** 2).sqrt()
    return ((1.1 - distance) / 0.2).clamp(0, 1)


def differences(transfer, photograph, painting, grays=GRAYS):
    """Return the mean |picture - photograph| in gray levels inside the mask, by the mask's gray."""
    soft, means = ellipse(photograph.height, photograph.width), {}
    for gray in grays:
        keep = Mask(soft * gray / 255) if gray else None
        picture = finish(transfer.start(photograph, painting, keep=keep))
        small = photograph.resized(picture.width, picture.height)
        inside = Mask(soft).white(picture.width, picture.height) == 1
        means[gray] = float((picture.pixels - small.pixels).abs()[:, inside].mean()) * 255
    return means


def assert_linear(by_gray):
    assert by_gray[0] > 10
    for gray, difference in by_gray.items():
        assert difference == pytest.approx(by_gray[0] * (1 - gray / 255), abs=TOLERANCE * by_gray[0])


def test_what_stays_of_the_photograph_is_linear_in_the_gray_of_the_mask(transfer, picture):
    maker = transfer(size=128, iterations=6, init="noise")
    assert_linear(differences(maker, picture(160, 160), picture(seed=1)))


@pytest.mark.slow
def test_a_face_at_half_gray_is_half_painted(codebook, picture):
    settings = Settings(size=64, iterations=6, tolerance=0)
    maker = StyleTransfer(settings, Runtime(dtype="float32"), weights=codebook)
    photograph = Picture.open(demo.photograph()).resized(64, 75)
    assert_linear(differences(maker, photograph, picture(seed=1), grays=(0, 128)))


def test_a_soft_edge_mixes_the_painting_with_the_photograph_and_nothing_else(transfer, picture):
    """Without a white part the painting is the one without a mask, so that no edge can have a halo."""
    photograph, maker = picture(160, 160), transfer(size=128, iterations=6)
    soft = ellipse(160, 160) * 0.99
    painted, mixed = (finish(maker.start(photograph, picture(seed=1), keep=keep)) for keep in (None, Mask(soft)))
    small, mask = photograph.resized(128, 128).pixels, Mask(soft).resized(128, 128)
    torch.testing.assert_close(mixed.pixels, painted.pixels.lerp(small, mask), atol=1.1 / 255, rtol=0)


def test_what_is_white_is_the_photograph_itself_whatever_the_run_starts_from(transfer, picture):
    photograph, keep = picture(160, 160), Mask(ellipse(160, 160))
    result = finish(transfer(size=160, iterations=4, init="noise").start(photograph, picture(seed=1), keep=keep))
    white = keep.white(160, 160) == 1
    assert white.any()
    assert (result.pixels - photograph.pixels).abs()[:, white].max() <= 0.51 / 255


def test_the_picture_is_nearer_to_the_photograph_in_the_focus(transfer, picture):
    photograph, painting = picture(160, 160), picture(seed=1)
    left = torch.zeros(160, 160)
    left[:, :80] = 1
    maker = transfer(size=128, iterations=30, focus_weight=1e4)
    plain, focused = (finish(maker.start(photograph, painting, focus=mask)) for mask in (None, Mask(left)))
    small = photograph.resized(128, 128).pixels
    halves = slice(0, 48), slice(80, 128)
    before, after = ([float((p.pixels - small)[..., half].abs().mean()) for half in halves] for p in (plain, focused))
    inside, outside = (one / other for one, other in zip(after, before, strict=True))
    assert inside < 0.9
    assert inside < 0.9 * outside


def test_a_run_with_a_focus_continues_from_its_checkpoint_and_another_focus_does_not(transfer, picture, tmp_path):
    photograph, painting = picture(160, 160), picture(seed=1)
    soft = ellipse(160, 160)
    maker, path = transfer(size=128, iterations=8, focus_weight=100), tmp_path / "run.checkpoint"
    whole = finish(maker.start(photograph, painting, focus=Mask(soft)))
    run = maker.start(photograph, painting, focus=Mask(soft), checkpoint=path)
    for _ in range(4):
        next(run)
    run.save_checkpoint()
    with pytest.raises(Exception, match="the input focus was .* and is none"):
        maker.start(photograph, painting, checkpoint=path)
    again = maker.start(photograph, painting, focus=Mask(soft), checkpoint=path)
    assert again.resumed == 4
    assert torch.equal(finish(again).samples, whole.samples)


def test_a_focus_of_another_shape_is_refused_by_name(transfer, picture):
    run = transfer().start(picture(), picture(seed=1), focus=torch.ones(10, 40))
    with pytest.raises(Exception, match="^focus is 40 × 10 pixels, which is not the shape of the picture"):
        next(run)


def test_a_focus_is_changed_in_the_middle_of_a_run_and_stays_if_nothing_is_said_of_it(transfer, picture):
    photograph, focus = picture(160, 160), Mask(ellipse(160, 160))
    run = transfer(size=128, iterations=3, focus_weight=100).start(photograph, picture(seed=1), focus=focus)
    finish(run)
    run.change(iterations=2)
    assert run._solver.scene.inputs.focus is focus
    run.change(focus=False)
    assert run._solver.scene.inputs.focus is None
    run.change(focus=ellipse(80, 80))
    assert finish(run).width == 128
    assert run._solver.scene.inputs.focus.weights.shape == (80, 80)
