"""Losses from outside the package, in a run."""

from dataclasses import replace

import pytest
import torch

from impasto import Picture, Runtime, Settings, Style, StyleTransfer
from impasto.errors import CheckpointError, InputError, LossError
from impasto.images.masks import Mask
from impasto.losses.autograd import DifferentiatedLoss
from impasto.network.vgg import VGG19
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.tiles import Tiling
from own_losses import Absolute, Brightness, Largest, MeanHistogram, Smoothness

DOUBLE = torch.float64
LOSSES = (MeanHistogram(), MeanHistogram("conv1_2", 1e4), Absolute(), Brightness(), Smoothness(2.0))


@pytest.fixture
def started(weights, picture):
    """Start a run with extra losses at 64 pixels."""

    def start(*losses, styles=None, checkpoint=None, **changes):
        settings = Settings(**{"size": 64, "first_size": 0, "iterations": 5, "tolerance": 0, **changes})
        runtime = Runtime(device="cpu", dtype="float32", winograd="off")
        transfer = StyleTransfer(settings, runtime, weights=weights, extra_losses=losses)
        return transfer.start(picture(), picture(seed=1) if styles is None else styles, checkpoint=checkpoint)

    return start


def test_values_are_reported_after_the_built_in_terms_and_add_up(started):
    run = started(*LOSSES)
    history = list(run)
    names = ["content", "style", "range", "mean histogram", "absolute difference", "brightness", "smoothness"]
    assert list(history[0].terms) == names
    assert history[0].loss == pytest.approx(sum(history[0].terms.values()), rel=1e-5)
    assert history[-1].loss < history[0].loss


def test_a_loss_from_outside_changes_the_picture_as_its_weight_says(started):
    losses = [list(started(MeanHistogram(weight=weight), iterations=12))[-1].terms for weight in (1e-6, 1e9)]
    assert losses[1]["mean histogram"] / 1e9 < 0.5 * losses[0]["mean histogram"] / 1e-6


def test_the_built_in_losses_are_the_same_beside_it(started):
    plain, beside = next(started()), next(started(MeanHistogram(), Absolute()))
    for term, value in plain.terms.items():
        assert beside.terms[term] == pytest.approx(value, rel=1e-6)


def test_a_layer_deeper_than_all_others_is_planned_and_computed(started, picture):
    shallow = {"content_layers": "conv2_1", "style_layers": "conv1_1"}
    plain, deep = started(**shallow), started(MeanHistogram("conv5_1"), **shallow)
    layouts = [run.plan.stages[0].layout for run in (plain, deep)]
    assert layouts[1].bytes > layouts[0].bytes
    assert next(deep).terms["mean histogram"] > 0


def test_a_loss_that_needs_the_contents_features_is_planned_with_them(started):
    plain, beside = (started(*losses).plan.stages[0].layout for losses in ((), (Absolute("conv1_1"),)))
    assert beside.bytes - plain.bytes > 48 * 64 * 64 * 4


def image(height, width, seed=0):
    return torch.rand(3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def built(network, tiling, height=160, width=224, losses=LOSSES):
    area = image(1, 1, seed=7).mean() + image(height, width, seed=8)[0] / 2
    regions = [
        Region(
            [StyleImage(image(70, 150, seed=2)), StyleImage(image(64, 64, seed=4), 2.0, image(64, 64, seed=5)[0])], area
        ),
        Region([StyleImage(image(80, 60, seed=6))], 1 - area, "the rest"),
    ]
    content = image(height, width, seed=1)
    return Objective.build(Settings(), network, content, regions, tiling=tiling, extra_losses=losses)


@pytest.mark.parametrize("wraps", [(False, False), (True, True)])
@pytest.mark.parametrize("tiling", [Tiling(64), Tiling(96, 1, "computed")])
def test_tiles_change_nothing(weights, tiling, wraps):
    network, point = VGG19(weights).to(torch.device("cpu"), DOUBLE), image(160, 224) * 1.4 - 0.2
    losses = LOSSES if wraps == (False, False) else LOSSES[:-1]  # the last one does not know that edges meet
    undivided, divided = (
        built(network, each._replace(wraps=wraps), losses=losses).evaluate(point) for each in (Tiling(), tiling)
    )
    for term, value in undivided.terms.items():
        assert float(divided.terms[term]) == pytest.approx(float(value), rel=1e-9)
    assert float((divided.gradient - undivided.gradient).norm() / undivided.gradient.norm()) < 1e-9


@pytest.mark.parametrize("tiling", [Tiling(), Tiling(64)])
def test_the_way_of_a_gpu_finds_the_same(weights, tiling, monkeypatch):
    network, point = VGG19(weights).to(torch.device("cpu"), DOUBLE), image(96, 128) * 1.4 - 0.2
    expected = built(network, tiling, 96, 128).evaluate(point)
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)
    evaluation = built(network, tiling, 96, 128).evaluate(point)
    for term, value in expected.terms.items():
        assert float(evaluation.terms[term]) == pytest.approx(float(value), rel=1e-9)
    assert float((evaluation.gradient - expected.gradient).norm() / expected.gradient.norm()) < 1e-9


def test_the_gradient_agrees_with_finite_differences(weights):
    objective = built(VGG19(weights).to(torch.device("cpu"), DOUBLE), Tiling(), 48, 64)
    point, direction = image(48, 64) * 1.4 - 0.2, image(48, 64, seed=3) - 0.5
    ahead, behind = (float(objective.evaluate(point + step * direction).loss) for step in (1e-6, -1e-6))
    slope = float((objective.evaluate(point).gradient * direction).sum())
    assert slope == pytest.approx((ahead - behind) / 2e-6, rel=1e-4)


def test_a_loss_that_aims_at_the_style_counts_in_each_region(weights):
    losses = built(VGG19(weights).to(torch.device("cpu"), DOUBLE), Tiling()).losses
    own = [loss for loss in losses if isinstance(loss, DifferentiatedLoss) and loss.layer == "conv3_1"]
    assert [loss.weight for loss in own] == [MeanHistogram().weight / 2] * 2
    assert own[0].mask_weights.shape == own[1].mask_weights.shape == (40, 56)
    assert not torch.equal(own[0].target, own[1].target)


def test_regions_and_masks_work_in_a_run(started, picture):
    left = torch.zeros(48, 64)
    left[:, :32] = 1
    styles = [Style(picture(seed=1), region=Mask(left, "the left")), Style(picture(seed=2))]
    assert list(started(*LOSSES, styles=styles))[-1].terms["mean histogram"] > 0


def test_bfloat16_features_are_measured_in_float32(weights, picture):
    transfer = StyleTransfer(
        Settings(size=64, first_size=0, iterations=3),
        Runtime(device="cpu", dtype="bfloat16", winograd="off"),
        weights=weights,
        extra_losses=[MeanHistogram(), Absolute()],
    )
    history = list(transfer.start(picture(), picture(seed=1)))
    assert all(progress.terms["mean histogram"] > 0 for progress in history)


def test_a_loss_that_cannot_be_summed_is_refused_by_name_before_a_run_in_tiles(started, monkeypatch, picture):
    assert list(started(Largest()))[-1].terms["largest"] > 0
    fit_plan = StyleTransfer._fit_plan

    def in_tiles(transfer, inputs):
        plan, machine = fit_plan(transfer, inputs)
        layout = plan.stages[0].layout._replace(tiling=Tiling(64))
        return plan._replace(stages=(plan.stages[0]._replace(layout=layout),)), machine

    monkeypatch.setattr(StyleTransfer, "_fit_plan", in_tiles)
    with pytest.raises(InputError, match="the loss largest cannot be summed over parts of an image"):
        started(Largest())


def test_what_cannot_work_is_refused_before_anything_is_computed(started):
    class Constant(MeanHistogram):
        def compare(self, statistic, target):
            return statistic.mean.detach().sum()

    with pytest.raises(LossError, match="Constant cannot be used: what compare returns does not depend"):
        started(Constant())
    with pytest.raises(InputError, match="the loss mean histogram aims at the style, but no style image"):
        started(MeanHistogram(), styles=(), style_weight=0)


def test_a_checkpoint_continues_with_the_same_losses_only(started, tmp_path):
    path = tmp_path / "run.checkpoint"
    run = started(MeanHistogram(), checkpoint=path)
    next(run)
    run.save_checkpoint()
    again = started(MeanHistogram(), checkpoint=path)
    assert again.resumed == 1
    assert [progress.loss for progress in again] == [progress.loss for progress in run]
    for others in (
        (),
        (MeanHistogram("conv4_1"),),
        (replace(MeanHistogram(), weight=2.0),),
        (MeanHistogram(), Brightness()),
    ):
        with pytest.raises(CheckpointError, match="another run: the input extra losses was"):
            started(*others, checkpoint=path)


def test_a_run_without_extra_losses_does_not_continue_with_one(started, tmp_path):
    path = tmp_path / "run.checkpoint"
    run = started(checkpoint=path)
    next(run)
    run.save_checkpoint()
    with pytest.raises(CheckpointError, match="another run: the input extra losses was"):
        started(Brightness(), checkpoint=path)


def test_a_picture_that_is_painted_for_its_brightness_has_it(started, weights, picture):
    transfer = StyleTransfer(
        Settings(
            size=64, first_size=0, iterations=40, init="blank", style_weight=0, content_weight=1e-12, range_weight=0
        ),
        Runtime(device="cpu", dtype="float32", winograd="off"),
        weights=weights,
        extra_losses=[Brightness(weight=1.0)],
    )
    dark = Picture(picture().pixels / 4)
    run = transfer.start(dark)
    for _ in run:
        pass
    colors = run.result().picture.pixels.mean((1, 2))
    torch.testing.assert_close(colors, dark.pixels.mean((1, 2)), atol=0.01, rtol=0)
