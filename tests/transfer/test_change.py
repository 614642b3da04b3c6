"""A change in the middle of a run: it continues from the picture so far."""

from itertools import islice

import pytest
import torch

from impasto import InputError, Mask, Settings
from impasto.network.vgg import VGG19
from impasto.transfer.checkpoint import read_note
from impasto.transfer.style_transfer import StyleTransfer

SETTINGS = Settings(size=64, first_size=0, iterations=12, tolerance=0)


@pytest.fixture
def start(weights, picture, tmp_path):
    """Start a run on the tiny network, with a checkpoint if it has a name."""

    def make(checkpoint=None, **changes):
        transfer = StyleTransfer(SETTINGS.replace(**changes), weights=weights)
        path = None if checkpoint is None else tmp_path / checkpoint
        return transfer.start(picture(seed=1), picture(seed=2), checkpoint=path)

    return make


def evaluate(run, count):
    return [progress.loss for progress in islice(run, count)]


@pytest.mark.parametrize(
    "change",
    [
        {"content_weight": 1.0},
        {"style_layers": {"conv2_1": 1.0}},
        {"color": "content-luminance"},
        {"optimizer": "adam"},
        {"history": 3},
        {"pooling": "average"},
        {"padding": "zeros"},
        {"normalize": True},
        {"size": 96},
        {"style_scale": 0.5},
    ],
)
def test_the_loss_after_a_change_is_that_of_the_new_settings_for_the_picture_so_far(start, picture, weights, change):
    run = start()
    evaluate(run, 5)
    run.change(**change)
    canvas = run._state.best
    (first_loss,) = evaluate(run, 1)
    fresh = StyleTransfer(SETTINGS.replace(**change), weights=weights).start(picture(seed=1), picture(seed=2))
    stage = fresh.plan.stages[-1]
    objective = fresh._solver.scene.objective(stage, fresh._solver.network)
    assert first_loss == pytest.approx(float(objective.evaluate(canvas).loss), rel=1e-5)
    losses = evaluate(run, 100)
    assert len(losses) == 11
    assert min(losses) < first_loss
    assert run.stopped == "finished"
    assert max(run.preview().width, run.preview().height) == change.get("size", 64)


def test_other_pictures_and_masks_take_the_place_of_those_before(start, picture):
    run = start()
    evaluate(run, 3)
    half = torch.zeros(48, 64)
    half[:, :32] = 1
    photograph = picture(seed=7)
    run.change(content=photograph, styles=[picture(seed=8), picture(seed=9)], keep=Mask(half))
    evaluate(run, 100)
    left = (run.preview().pixels - photograph.pixels)[..., :32].abs().mean()
    right = (run.preview().pixels - photograph.pixels)[..., 32:].abs().mean()
    assert left < 0.01 < right
    run.change(keep=False)
    assert run.stopped == "unfinished"
    evaluate(run, 100)
    assert (run.preview().pixels - photograph.pixels)[..., :32].abs().mean() > 0.01


@pytest.mark.parametrize(
    ("change", "measured"),
    [
        ({"content_weight": 1.0}, 0),
        ({"style_weight": 10.0, "tv_weight": 1.0, "range_weight": 1.0}, 0),
        ({"optimizer": "adam"}, 0),
        ({"styles": 8}, 1),
        ({"content": 7}, 1),
        ({"style_scale": 0.75}, 1),
        ({"style_layers": {"conv2_1": 1.0}}, 1),
        ({"content_layers": {"conv3_2": 1.0}}, 1),
        ({"size": 96}, 2),
        ({"pooling": "average"}, 2),
    ],
)
def test_targets_that_did_not_change_are_not_measured_again(start, picture, monkeypatch, change, measured):
    run = start()
    evaluate(run, 5)
    files = {name: picture(seed=change[name]) for name in ("styles", "content") if name in change}
    run.change(**{**change, **files})
    passes, compute = [], VGG19.compute
    monkeypatch.setattr(
        VGG19, "compute", lambda self, *given, **more: passes.append(1) or compute(self, *given, **more)
    )
    evaluate(run, 1)
    assert len(passes) - 1 == measured  # the last pass is that of the evaluation


def test_targets_that_did_not_change_stay_after_the_end_and_are_not_those_of_other_pictures(start, picture):
    run = start()
    evaluate(run, 100)
    run.change(styles=[picture(seed=5)])
    run.change(styles=[picture(seed=2)])
    changed = evaluate(run, 1)
    alike = start()
    evaluate(alike, 100)
    alike._targets.clear()
    alike.change(styles=[picture(seed=2)])
    assert changed == evaluate(alike, 1)


def test_a_run_that_is_done_continues_at_a_larger_size_in_the_stages_that_are_larger(start):
    run = start(first_size=64, iterations=4)
    evaluate(run, 100)
    before = len(run.history)
    run.change(size=256)
    evaluate(run, 1)
    assert run.history[before].width == run.plan.stages[0].size.width == 171
    evaluate(run, 100)
    assert run.preview().width == 256


def test_a_change_that_cannot_be_leaves_the_run_as_it_was(start):
    run, alike = start(), start()
    evaluate(run, 4)
    white = Mask(torch.ones(48, 64))
    for bad in ({"content_weight": -1}, {"styles": []}, {"keep": torch.zeros(3)}, {"keep": white}, {"sise": 3}):
        with pytest.raises(InputError):
            run.change(**bad)
    assert evaluate(run, 100) == evaluate(alike, 12)[4:]


def test_the_same_changes_paint_the_same_bytes(start):
    def painted():
        run = start()
        evaluate(run, 4)
        run.change(content_weight=0.5)
        evaluate(run, 3)
        run.change(size=96, style_scale=2.0)
        evaluate(run, 100)
        return run.preview().png()

    assert painted() == painted()


def test_a_checkpoint_after_a_change_is_that_of_a_run_with_the_new_settings(start, tmp_path):
    run = start("a.checkpoint")
    run.note = {"mine": 1}
    evaluate(run, 4)
    run.change(content_weight=0.5)
    evaluate(run, 3)
    run.save_checkpoint()
    assert read_note(tmp_path / "a.checkpoint") == {"mine": 1}
    evaluate(run, 100)
    again = start("a.checkpoint", content_weight=0.5)
    assert again.resumed == 7
    evaluate(again, 100)
    assert torch.equal(again.preview().samples, run.preview().samples)
    with pytest.raises(InputError, match="content_weight was 0.5 and is 5"):
        start("a.checkpoint")


def test_a_run_continues_from_a_picture_that_was_changed_by_hand(start, picture):
    run = start(size=96)
    evaluate(run, 3)
    by_hand = picture(96, 72, seed=11)
    run.change(initial=by_hand)
    assert torch.equal(run._state.image, by_hand.pixels)
    smaller = picture(64, 48, seed=11)
    run.change(initial=smaller.pixels)
    assert run._state.image.shape == (3, 72, 96)
    larger = picture(128, 96, seed=11)
    run.change(initial=larger, content_weight=1)
    assert run._state.image.shape == (3, 72, 96)
    assert torch.allclose(run._state.image, larger.resized(96, 72).pixels)
    evaluate(run, 100)
    assert run.stopped == "finished"
