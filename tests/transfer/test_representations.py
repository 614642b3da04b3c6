"""What a notebook or a terminal shows of a run, its plan, its reports and its result."""

import io

import pytest
from PIL import Image

from impasto import Picture, Run, Runtime, Settings


def test_settings_show_what_differs_from_their_defaults_as_code_that_makes_them_again():
    changed = Settings(size=1024, style_layers="conv1_1:2,conv3_1", seamless="x", iterations=100)
    assert repr(changed).startswith(
        "Settings(size=1024, seamless='x', style_layers={'conv1_1': 2.0, 'conv3_1': 1.0})  #"
    )
    assert f"the other {len(Settings.model_fields) - 3} options have their defaults" in str(changed)
    assert eval(repr(changed), {"Settings": Settings}) == changed
    assert repr(Settings()) == f"Settings()  # all {len(Settings.model_fields)} options have their defaults"
    assert eval(repr(Runtime(threads=3)), {"Runtime": Runtime}) == Runtime(threads=3)


def test_a_run_shows_where_it_stands(transfer, picture):
    run = transfer(size=256, first_size=128, iterations=4).start(picture(256, 256), picture(72, 60, seed=1))
    assert repr(run) == "Run(256 × 256, none of 7 evaluations)"
    stages = "128 × 128 with 4 evaluations, then 256 × 256 with 3 evaluations"
    assert repr(run.plan) == f"Plan({stages}; {run.plan.bytes / 1e9:.2f} GB)"
    progress = next(run)
    content, style, pixels = (f"{progress.terms[term]:.4g}" for term in ("content", "style", "range"))
    assert repr(progress) == (
        f"Progress(stage 1 of 2, 128 × 128, evaluation 1 of 4, loss {progress.loss:.4g}: content {content}, style {style}, "
        f"range {pixels})"
    )
    assert repr(run) == f"Run(stage 1 of 2, 128 × 128, 1 of 7 evaluations, loss {progress.loss:.4g}, unfinished)"
    for _ in run:
        pass
    last = run.history[-1]
    assert repr(run) == f"Run(stage 2 of 2, 256 × 256, 7 of 7 evaluations, loss {last.loss:.4g}, finished)"
    result = run.result()
    text = f"Result(256 × 256, loss {last.loss:.4g}, 7 evaluations in {last.seconds:.1f} s, finished)"
    assert repr(result) == text
    assert Image.open(io.BytesIO(result._repr_png_())).size == (256, 256)


def test_a_result_without_evaluations_says_so(transfer, picture):
    result = transfer(iterations=0).start(picture(), picture(72, 60, seed=1)).result()
    assert repr(result) == "Result(64 × 48, no evaluations, unfinished)"


def test_the_settings_of_a_run_cannot_be_set_behind_its_back(transfer, picture):
    run = transfer().start(picture(), picture(72, 60, seed=1))
    with pytest.raises(AttributeError):
        run.settings = Settings()
    with pytest.raises(Exception, match="frozen"):
        run.settings.size = 32
    assert isinstance(run, Run)
    assert run.settings.size == 64


def layers_of(run):
    for progress in run:
        for term, value in progress.terms.items():
            assert sum(progress.layers[term].values()) == pytest.approx(value, rel=1e-5, abs=1e-12)
    return run.history[-1].layers


def test_a_report_has_the_loss_of_each_layer(transfer, picture):
    maker = transfer(iterations=3, tv_weight=0.1)
    losses = layers_of(maker.start(picture(), picture(72, 60, seed=1)))
    assert {term: list(layers) for term, layers in losses.items()} == {
        "content": ["conv4_2"],
        "style": ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"],
        "tv": ["image"],
        "range": ["image"],
    }


def test_the_losses_of_a_layer_in_several_regions_are_added_up(transfer, picture):
    from impasto import Mask, Style

    left = Mask((picture(seed=2).pixels[0] * 0 + 1).cumsum(1).le(32))
    styles = [Style(picture(72, 60, seed=1), region=left), Style(picture(72, 60, seed=3))]
    assert len(layers_of(transfer(iterations=2).start(picture(), styles))["style"]) > 3


def test_losses_by_layer_on_a_gpu_are_added_up_after_they_are_read(transfer, picture, monkeypatch):
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)
    losses = layers_of(transfer(iterations=2).start(picture(), picture(72, 60, seed=1)))
    assert len(losses["style"]) == 5


def test_reports_by_layer_are_in_the_checkpoint(transfer, picture, tmp_path):
    maker, content, style = transfer(iterations=4), picture(), picture(72, 60, seed=1)
    run = maker.start(content, style, checkpoint=tmp_path / "a.checkpoint")
    before = next(run)
    run.save_checkpoint()
    again = maker.start(content, style, checkpoint=tmp_path / "a.checkpoint")
    assert again.history[0].layers == before.layers
    assert isinstance(again.preview(), Picture)
