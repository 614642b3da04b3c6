from itertools import pairwise

import numpy as np
import pytest
import torch

from films import moving, smooth
from impasto import Picture
from impasto.film.motion import MOTION_BYTES, REMEMBERED_FRAMES, Motion, _MovedFrame, _PaintedFrame
from impasto.film.optical_flow import compute_flow


def test_a_painted_frame_moves_with_the_film():
    before, now = moving(2, step=3)
    painted = [Picture.of(smooth(64, 99, seed=5)[:, 3 * n : 3 * n + 96].copy()) for n in (0, 1)]
    start = Motion().follow(painted[0], Picture.of(before), Picture.of(now))
    inside = start.alpha > 0
    assert inside[:, :90].float().mean() > 0.95
    assert not inside[:, 94:].any(), "what came into sight cannot be followed"
    difference = (start.pixels - painted[1].pixels).abs().mean(0)
    assert float(difference[inside].mean()) < 2 / 255
    assert float((painted[0].pixels - painted[1].pixels).abs().mean()) > 4 / 255


def test_the_film_may_have_another_size_than_the_painted_frames():
    before, now = moving(2, width=192, height=128, step=6)
    painted = Picture.of(smooth(64, 96, seed=5))
    start = Motion().follow(painted, Picture.of(before), Picture.of(now))
    assert (start.width, start.height) == (96, 64)
    rest = (start.pixels[:, :, :-6] - painted.pixels[:, :, 3:-3]).abs().mean(0)[4:-4, 4:-4]
    assert float(rest.mean()) < 2 / 255


def test_what_was_hidden_behind_something_is_not_followed():
    background, patch = smooth(192, 256, cells=16), smooth(72, 72, seed=3)
    frames = []
    for x in (90, 100):
        frame = background.copy()
        frame[60:132, x : x + 72] = 255 - patch
        frames.append(Picture.of(frame))
    start = Motion().follow(frames[0], *frames)
    assert float((start.alpha[64:128, 90:100] > 0).float().mean()) < 0.3, "the patch hid it"
    assert float((start.alpha[64:128, 110:166] > 0).float().mean()) > 0.9, "the patch itself"
    assert float((start.alpha[:, 190:] > 0).float().mean()) > 0.95
    visible = (start.pixels - frames[1].pixels).abs().mean(0)[start.alpha > 0]
    assert float(visible.mean()) < 3 / 255


def passing(steps: int) -> list[Picture]:
    """Return frames in which a patch passes in front of a background, from left to right, 16 pixels a frame."""
    background, patch = smooth(96, 192, cells=12), 255 - smooth(40, 40, seed=3)
    frames = [background.copy() for _ in range(steps)]
    for number, frame in enumerate(frames):
        frame[28:68, 20 + 16 * number : 60 + 16 * number] = patch
    return [Picture.of(frame) for frame in frames]


def test_what_is_seen_again_is_as_it_was_painted_before():
    frames, motion = passing(6), Motion()
    painted = [Picture(frame.pixels.mul(0.5).add(0.05 * number)) for number, frame in enumerate(frames)]
    for number in range(5):
        start = motion.follow(painted[number], frames[number], frames[number + 1])
    uncovered = (slice(34, 62), slice(86, 94))  # hidden in the fourth and fifth frame, not in those before
    assert float((start.alpha[uncovered] > 0.9).float().mean()) > 0.8, "held as firmly as before"
    shift = start.pixels[:, *uncovered] - frames[5].pixels[:, *uncovered].mul(0.5)
    assert float(shift.median()) == pytest.approx(0.05 * 1, abs=0.01), "of the nearest frame that shows it"
    newest = (slice(None), slice(4, 24), slice(150, 186))
    shift = start.pixels[newest] - frames[5].pixels[newest].mul(0.5)
    assert float(shift.median()) == pytest.approx(0.05 * 4, abs=0.01), "what was never hidden follows the last frame"


def moved_frame(is_trusted, value=1.0, flow=None):
    """Return a moved painting of one gray that is trusted in some pixels."""
    gray = np.full((*is_trusted.shape, 3), value, np.float32)
    flow = np.zeros_like(gray[..., :2]) if flow is None else flow
    return _MovedFrame(flow, is_trusted, gray[..., 0], gray, gray[..., 0])


def test_single_pixels_of_an_earlier_frame_are_left_out():
    is_trusted = np.zeros((64, 96), bool)
    is_trusted[10:20, 10:20] = is_trusted[40, 40] = is_trusted[50, 30:90] = True
    completed = moved_frame(np.zeros_like(is_trusted), value=0.0).completed_by(moved_frame(is_trusted))
    assert completed.is_trusted.sum() == 100, "the square, and neither the pixel nor the line"
    assert all(
        np.array_equal(values == 1, completed.is_trusted) for values in (completed.pixels[..., 0], completed.ages)
    )


def test_what_is_followed_ends_softly():
    frames = passing(2)
    alpha = Motion().follow(frames[0], *frames).alpha
    assert float(alpha.min()) == 0, "what the patch hid"
    assert max(float(alpha.diff(dim=dim).abs().max()) for dim in (0, 1)) < 0.6


def test_single_pixels_that_differ_are_held_as_those_around_them():
    before = Picture.of(smooth(96, 128))
    now = Picture(before.pixels.clone())
    points = now.pixels[:, 10:90:16, 10:120:16]
    points -= (points - 0.5).sign() * 60 / 255
    assert float(Motion().follow(before, before, now).alpha[4:-4, 4:-4].min()) > 0.95


def test_the_flow_of_what_moves_ends_at_its_edges():
    frames, patch = [smooth(192, 320) for _ in range(2)], 255 - smooth(80, 80, seed=3)
    for frame, x in zip(frames, (120, 126), strict=True):
        frame[56:136, x : x + 80] = patch
    around = np.zeros((192, 320), bool)
    around[48:144, 112:214] = True
    around[54:138, 118:208] = False
    lengths = np.linalg.norm(compute_flow(frames[1], frames[0]), axis=-1)
    assert lengths[around].mean() < 0.5
    assert lengths[66:126, 136:196].mean() == pytest.approx(6, abs=0.2)


def test_a_still_camera_is_followed_to_its_edges():
    generator = torch.Generator().manual_seed(0)
    still = Picture.of(smooth(96, 128)).pixels
    frames = [Picture((still + torch.randn(still.shape, generator=generator) / 64).clamp(0, 1)) for _ in range(3)]
    motion = Motion()
    for before, now in pairwise(frames):
        assert float(motion.follow(before, before, now).alpha.min()) > 0.9


def test_strokes_where_nothing_is_followed_move_as_what_is_around():
    painting = Picture.of(smooth(96, 128, cells=48))
    is_trusted, flow = np.ones((96, 128), bool), np.zeros((96, 128, 2), np.float32)
    is_trusted[40:56, 50:70] = False
    flow[..., 0] = 3.0
    still = _PaintedFrame(np.zeros((96, 128, 3), np.uint8), painting, np.zeros((96, 128), np.float32))
    goal = still.strokes(moved_frame(is_trusted, flow=flow.copy()))
    flow[40:56, 50:70] = np.random.default_rng(0).normal(0, 9, (16, 20, 2))
    assert np.abs(goal).mean() > 5 / 255
    assert np.abs(still.strokes(moved_frame(is_trusted, flow=flow)) - goal).max() < 8 / 255


def test_what_came_into_sight_is_held_after_some_frames():
    frames = [Picture.of(frame) for frame in moving(6, step=3)]
    motion, held = Motion(), []
    for before, now in pairwise(frames):
        start = motion.follow(before, before, now)
        held.append(float(start.alpha[:, -6:-4].mean()))  # it came into sight with the frame before
        assert float(start.alpha[:, 4:70].mean()) > 0.95
    assert held[0] > 0.6, "all of the first frame is held, but for a margin"
    assert all(0.13 < each < 0.3 for each in held[1:])
    edge = [float(start.alpha[:, 96 - 3 * age - 2].mean()) for age in (2, 3, 4)]
    assert edge == pytest.approx([0.5, 0.75, 1], abs=0.15)
    assert motion.follow(frames[0], frames[0], Picture.of(255 - moving(1, seed=9)[0])) is None
    assert float(motion.follow(*frames[:1], *frames[:2]).alpha[:, -6:-4].mean()) > 0.6, "after a cut, too"


def test_a_frame_depends_on_no_more_frames_than_are_remembered():
    frames = [Picture.of(frame) for frame in moving(REMEMBERED_FRAMES + 8, width=64, height=40, step=1)]
    starts = []
    for first in (0, 6):
        motion = Motion()
        for before, now in pairwise(frames[first:]):
            start = motion.follow(before, before, now)
        starts.append(start)
    assert torch.equal(starts[0].pixels, starts[1].pixels)
    assert torch.equal(starts[0].alpha, starts[1].alpha)


def test_a_motion_takes_the_memory_that_is_counted():
    frames, motion = [Picture.of(frame) for frame in moving(12, step=1)], Motion()
    for before, now in pairwise(frames):
        motion.follow(before, before, now)
    sizes = [each.levels.nbytes + each.painting.samples.nbytes + each.ages.nbytes for each in motion._frames]
    assert sum(sizes) == MOTION_BYTES * 64 * 96


def test_what_came_into_sight_starts_in_the_colors_of_the_painting():
    before, now = moving(2, width=192, height=128, step=8)
    painted = Picture(Picture.of(before).pixels.mul(-0.5).add(0.9))  # another contrast, and its negative
    start = Motion().follow(painted, Picture.of(before), Picture.of(now))
    new = start.pixels[:, :, -7:]
    assert (new.mean((1, 2)) - painted.pixels.mean((1, 2))).abs().max() < 0.15
    assert float(new.std()) < 0.7 * float(Picture.of(now).pixels[:, :, -7:].std())


def test_what_comes_in_at_an_edge_starts_as_it_is_and_without_a_seam():
    wide = moving(1, width=208, height=128)[0]
    before, now = (Picture.of(wide[:, 8 * n : 8 * n + 192].copy()) for n in (0, 1))
    painted = Picture(before.pixels.mul(0.5).add(0.3))
    start, goal = Motion().follow(painted, before, now), now.pixels.mul(0.5).add(0.3)
    difference = (start.pixels - goal).abs().mean((0, 1))  # by column
    assert float(difference[-8:].mean()) < 1.5 / 255, "no strokes of the old edge are drawn out"
    assert float(difference[-16:-8].mean()) < 1.5 / 255
    assert float(start.alpha[:, -9].mean()) < 0.2, "the margin is free"
    assert float(start.alpha[:, -20].mean()) > 0.9


def test_nothing_is_followed_after_a_cut():
    before, now = (Picture.of(smooth(64, 96, seed=seed, cells=16)) for seed in (0, 1))
    assert Motion().follow(before, before, now) is None
    assert Motion().follow(before, before, before) is not None


@pytest.mark.parametrize("gain", [0.5, 1.6])
def test_a_frame_of_another_brightness_is_not_followed(gain):
    before = Picture.of(smooth(64, 96))
    now = Picture(before.pixels.mul(gain).clamp(0, 1))
    start = Motion().follow(before, before, now)
    bright = (before.pixels - now.pixels).abs().mean(0) > 30 / 255
    assert start is None or not np.any((start.alpha > 0).numpy() & bright.numpy())
