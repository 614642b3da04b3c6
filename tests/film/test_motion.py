import numpy as np
import pytest

from films import moving, smooth
from impasto import Picture
from impasto.film.motion import followed


def test_a_painted_frame_moves_with_the_film():
    before, now = moving(2, step=3)
    painted = [Picture.of(smooth(64, 99, seed=5)[:, 3 * n : 3 * n + 96].copy()) for n in (0, 1)]
    found = followed(painted[0], Picture.of(before), Picture.of(now))
    inside = found.alpha > 0
    assert inside[:, :90].float().mean() > 0.95
    assert not inside[:, 94:].any(), "what came into sight cannot be followed"
    difference = (found.pixels - painted[1].pixels).abs().mean(0)
    assert float(difference[inside].mean()) < 2 / 255
    assert float((painted[0].pixels - painted[1].pixels).abs().mean()) > 4 / 255


def test_the_film_may_have_another_size_than_the_painted_frames():
    before, now = moving(2, width=192, height=128, step=6)
    painted = Picture.of(smooth(64, 96, seed=5))
    found = followed(painted, Picture.of(before), Picture.of(now))
    assert (found.width, found.height) == (96, 64)
    rest = (found.pixels[:, :, :-6] - painted.pixels[:, :, 3:-3]).abs().mean(0)[4:-4, 4:-4]
    assert float(rest.mean()) < 2 / 255


def test_what_was_hidden_behind_something_is_not_followed():
    background, patch = smooth(192, 256, cells=16), smooth(72, 72, seed=3)
    frames = []
    for x in (90, 100):
        frame = background.copy()
        frame[60:132, x : x + 72] = 255 - patch
        frames.append(Picture.of(frame))
    found = followed(frames[0], *frames)
    assert float((found.alpha[64:128, 90:100] > 0).float().mean()) < 0.3, "the patch hid it"
    assert float((found.alpha[64:128, 110:166] > 0).float().mean()) > 0.9, "the patch itself"
    assert float((found.alpha[:, 190:] > 0).float().mean()) > 0.95
    visible = (found.pixels - frames[1].pixels).abs().mean(0)[found.alpha > 0]
    assert float(visible.mean()) < 3 / 255


def test_nothing_is_followed_after_a_cut():
    before, now = (Picture.of(smooth(64, 96, seed=seed, cells=16)) for seed in (0, 1))
    assert followed(before, before, now) is None
    assert followed(before, before, before) is not None


@pytest.mark.parametrize("gain", [0.5, 1.6])
def test_a_frame_of_another_brightness_is_not_followed(gain):
    before = Picture.of(smooth(64, 96))
    now = Picture(before.pixels.mul(gain).clamp(0, 1))
    found = followed(before, before, now)
    bright = (before.pixels - now.pixels).abs().mean(0) > 30 / 255
    assert found is None or not np.any((found.alpha > 0).numpy() & bright.numpy())
