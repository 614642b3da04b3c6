import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import pairwise

import pytest
import torch

from common import note
from impasto import Mask, Picture, Result, Runtime, Settings, Style, StyleTransfer, stylize
from impasto.errors import InputError, PictureError, SpaceError
from impasto.images import resample
from impasto.machine.memory import budget
from impasto.objective.anchor import Anchor
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.plan import Plan
from impasto.planning.tiles import Tiling
from impasto.recipes import demo
from impasto.transfer.iteration import evaluations_at_once


def finish(run):
    for _ in run:
        pass
    return run.result()


def test_a_run_lowers_the_loss_stage_by_stage_and_ends_at_the_size(transfer, picture):
    run = transfer(size=128, first_size=64, iterations=12).start(picture(), picture(seed=1))
    result = finish(run)
    assert isinstance(result, Result)
    assert (result.picture.width, result.picture.height) == (128, 96)
    assert result.stopped == "finished"
    assert [(p.stage, p.width) for p in result.history] == [(1, 128)] * 12  # 64 is too small for a first stage here
    assert result.history[-1].loss < 0.5 * result.history[0].loss


def test_coarse_to_fine_has_fewer_evaluations_at_each_larger_stage(transfer, picture):
    run = transfer(size=256, first_size=128, iterations=8, stage_ratio=0.5).start(picture(320, 320), picture(seed=1))
    result = finish(run)
    assert [(p.stage, p.width, p.evaluation) for p in result.history] == [
        *((1, 128, n) for n in range(1, 9)),
        *((2, 256, n) for n in range(1, 5)),
    ]
    assert (result.picture.width, result.picture.height) == (256, 256)


@pytest.mark.parametrize("caching", ["all", "small", "none"])
def test_holes_are_given_back_before_each_evaluation_where_memory_is_short(transfer, picture, monkeypatch, caching):
    run = transfer(size=64, first_size=0, iterations=3).start(picture(), picture(seed=1))
    given_back = []
    monkeypatch.setattr(Plan, "caching", caching)
    monkeypatch.setattr("impasto.machine.allocator.release", lambda: given_back.append(run._state.evaluation))
    finish(run)
    assert given_back == ([3] if caching == "all" else [0, 1, 2, 3])  # 3: the run is over


def texture(height, width, seed):
    return Picture(torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed)))


@pytest.mark.slow
@pytest.mark.parametrize(("range_weight", "holds"), [(0.002, True), (0.0, False)])
def test_the_saved_file_has_the_loss_of_the_run_because_gray_levels_stay_in_range(
    transfer, tmp_path, range_weight, holds
):
    content, style = texture(96, 128, seed=0), texture(48, 64, seed=1)
    maker = transfer(iterations=30, size=128, range_weight=range_weight)
    run = maker.start(content, style)
    result = finish(run)
    result.picture.save(tmp_path / "out.png")
    saved = Picture.open(tmp_path / "out.png").pixels
    placed = style.resized(*run.plan.stages[0].styles[0]).pixels
    objective = Objective.build(result.settings, maker.network, content.pixels, [Region([StyleImage(placed)])])
    unclipped = (run._state.best * 255).round() / 255
    assert (objective.evaluate(saved).loss < 1.02 * objective.evaluate(unclipped).loss) == holds


def test_only_the_targets_pixels_change(transfer, picture):
    maker, content, style = transfer(), picture(), picture(seed=1)
    tensors = [content.pixels, style.pixels, *(t for pair in maker.weights.tensors.values() for t in pair)]
    before = [tensor.clone() for tensor in tensors]
    finish(maker.start(content, style))
    assert all(torch.equal(one, two) for one, two in zip(before, tensors, strict=True))


@pytest.mark.parametrize("init", ["content", "noise", "blank", "style"])
def test_every_start_is_what_it_says(transfer, picture, init):
    content, style = picture(), picture(seed=1)
    start = transfer(init=init, iterations=0).start(content, style).preview().pixels
    expected = {
        "content": content.pixels,
        "blank": torch.full((3, 48, 64), 0.5),
        "style": style.pixels,
        "noise": torch.rand(3, 48, 64, generator=torch.Generator().manual_seed(0)),
    }
    torch.testing.assert_close(start, expected[init])


def test_a_run_can_start_from_a_picture(transfer, picture):
    run = transfer(iterations=0).start(picture(), picture(seed=1), initial=picture(32, 32, seed=7))
    torch.testing.assert_close(run.preview().pixels, picture(32, 32, seed=7).resized(64, 48).pixels)


def test_the_seed_decides_the_noise_and_runs_repeat_to_the_bit(transfer, picture):
    def paint(seed):
        return finish(transfer(init="noise", seed=seed, iterations=5).start(picture(), picture(seed=1))).picture.pixels

    assert torch.equal(paint(3), paint(3))
    assert not torch.equal(paint(3), paint(4))


def test_no_evaluations_give_the_content_back_at_the_final_size(transfer, picture):
    result = finish(transfer(iterations=0, size=256, first_size=64).start(picture(256, 256), picture(seed=1)))
    assert (result.picture.width, result.history, result.stopped) == (256, (), "finished")


def test_a_plateau_ends_a_stage(transfer, picture):
    result = finish(transfer(tolerance=0.9, iterations=100).start(picture(), picture(seed=1)))
    assert result.stopped == "converged"
    assert 20 < len(result.history) < 60


def test_progress_is_plain_numbers(transfer, picture):
    run = transfer().start(picture(), picture(seed=1))
    progress = next(run)
    assert pickle.loads(pickle.dumps(progress)) == progress
    assert len({progress, pickle.loads(pickle.dumps(progress)), next(run)}) == 2  # it is hashable
    record = json.loads(json.dumps(progress.as_dict()))
    assert record == asdict(progress)
    assert progress.loss == pytest.approx(sum(progress.terms.values()))
    assert list(progress.terms) == ["content", "style", "range"]
    assert progress.seconds > 0
    assert progress.seconds_left is None
    assert 0 < progress.fraction < 1


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Let several evaluations come between two reports."""
    cuda = torch.device("cuda")
    monkeypatch.setattr("impasto.transfer.run.evaluations_at_once", lambda _, pixels: evaluations_at_once(cuda, pixels))


@pytest.fixture(scope="module")
def alone():
    """The finished run with a report after each evaluation, once it has been painted."""
    return []


@pytest.mark.slow
@pytest.mark.parametrize(("report_at", "reports"), [(0, [16, 20]), (10, [10, 20]), (18, [16, 18, 20])])
def test_on_a_gpu_a_report_comes_after_several_evaluations(transfer, picture, as_on_a_gpu, alone, report_at, reports):
    run = transfer(iterations=20).start(picture(), picture(seed=1))
    run.report_at = report_at
    counts = [(progress.evaluation, len(run.history)) for progress in run]
    assert counts == [(count, count) for count in reports]
    assert [progress.evaluation for progress in run.history] == list(range(1, 21))
    seconds = [progress.seconds for progress in run.history]
    assert all(one < other for one, other in pairwise(seconds))
    if not alone:
        alone.append(transfer(iterations=20).start(picture(), picture(seed=1)))
        alone[0]._evaluations_to_report = lambda: 1
        list(alone[0])
    assert [progress.loss for progress in run.history] == [progress.loss for progress in alone[0].history]
    assert torch.equal(run.preview().pixels, alone[0].preview().pixels)


def test_on_a_gpu_large_images_are_reported_sooner(transfer, picture, as_on_a_gpu, monkeypatch):
    monkeypatch.setattr("impasto.transfer.iteration.MAX_PIXELS_PER_REPORT", 3 * 64 * 48)
    assert [len(run.history) for run in [transfer().start(picture(), picture(seed=1))] for _ in run] == [3, 6, 9, 10]


def test_a_run_without_a_finite_loss_is_rescued_as_often_where_reports_are_rare(
    transfer, picture, no_finite_loss, as_on_a_gpu
):
    result = finish(transfer(iterations=40).start(picture(), picture(seed=1)))
    assert result.stopped == "diverged"
    assert len(result.history) == 12  # three evaluations before each of three rescues, and three more
    assert sum("half the step" in progress.remark for progress in result.history) == 3


def test_a_run_can_be_paused_looked_at_and_left(transfer, picture):
    run = transfer(iterations=10).start(picture(), picture(seed=1))
    for progress in run:
        if progress.evaluation == 4:
            break
    assert run.result().stopped == "unfinished"
    assert len(run.result().history) == 4
    assert not torch.equal(run.preview().pixels, picture().pixels)
    assert list(run)[-1].evaluation == 10
    assert run.result().stopped == "finished"


def test_a_run_without_a_finite_loss_ends_as_diverged_with_its_start(transfer, picture, no_finite_loss):
    result = finish(transfer().start(picture(), picture(seed=1)))
    assert (result.stopped, len(result.history)) == ("diverged", 10)
    torch.testing.assert_close(result.picture.pixels, picture().pixels)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adam", "learning_rate": 4},
        {"pooling": "average"},
        {"pooling": "l2", "pooling_rescale": False},
        {"padding": "reflect"},
        {"normalize": True, "style_weight": 1e6},
        {"tv_weight": 1.0},
        {"content_weight": 0.0, "init": "noise"},
        {"style_weight": 0.0, "init": "blank"},
    ],
)
def test_every_way_of_painting_lowers_its_loss(transfer, picture, changes):
    result = finish(transfer(iterations=12, **changes).start(picture(), picture(seed=1)))
    assert min(p.loss for p in result.history) < 0.7 * result.history[0].loss


def test_the_state_is_carried_to_the_next_stage(transfer, picture):
    run = transfer(size=256, first_size=128, iterations=20).start(picture(320, 320), picture(seed=1))
    for progress in run:
        if progress.stage == 2:
            break
    assert len(run._state.optimizer.pairs) > 5
    assert run._state.optimizer.pairs.steps.shape[1] == 3 * 256 * 256


def test_a_saved_picture_holds_its_settings(transfer, picture, tmp_path):
    run = transfer(style_weight=77).start(picture(), picture(seed=1))
    next(run)
    run.save(tmp_path / "half.png")
    assert Settings(**note(tmp_path / "half.png")["settings"]) == run.settings


def test_a_result_shows_itself_in_a_notebook(transfer, picture):
    result = finish(transfer(iterations=1).start(picture(), picture(seed=1)))
    assert result._repr_png_().startswith(b"\x89PNG")


def test_stylize_takes_paths_and_changes(files, weights, monkeypatch):
    monkeypatch.setattr("impasto.transfer.style_transfer.load_weights", lambda _: weights)
    result = stylize(files / "content.png", str(files / "style.jpg"), size=48, iterations=2)
    assert (result.picture.width, result.settings.size) == (48, 48)
    result.picture.save(files / "out.png")
    assert note(files / "out.png")["settings"]["size"] == 48


def test_styles_blend(transfer, picture):
    one, two = picture(seed=1), picture(seed=2)
    first = finish(transfer().start(picture(), one)).picture.pixels
    same = finish(transfer().start(picture(), [Style(one), Style(two, weight=0.0)])).picture.pixels
    both = finish(transfer().start(picture(), [one, two])).picture.pixels
    torch.testing.assert_close(first, same)
    assert not torch.allclose(first, both)


def test_what_cannot_be_painted_is_refused_before_the_work(transfer, picture):
    with pytest.raises(InputError, match="no style image"):
        transfer().start(picture(), [])
    with pytest.raises(InputError, match="no style image with a weight"):
        transfer().start(picture(), Style(picture(), weight=0))
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(InputError, match=f"weight cannot be {weight}"):
            Style(picture(), weight=weight)
    with pytest.raises(PictureError, match="content is 1 × 1 pixels"):
        transfer().start(Picture(torch.zeros(3, 1, 1)), picture())


def test_a_device_that_is_not_there_is_refused(weights):
    from impasto import Runtime

    with pytest.raises(InputError, match="no device cuda:7"):
        StyleTransfer(runtime=Runtime(device="cuda:7"), weights=weights)


def test_enlarging_is_in_float(transfer, picture):
    run = transfer(size=256, first_size=128, iterations=1, init="blank").start(picture(320, 320), picture(seed=1))
    next(run)
    small = run._state.best
    larger = run._solver.enlarged(run._state, run.plan, 1)
    torch.testing.assert_close(larger.best, resample(small, 256, 256))


def test_a_larger_stage_brings_back_the_contents_finer_detail(transfer, picture):
    content = texture(256, 256, seed=3)
    run = transfer(size=256, first_size=128, iterations=0).start(content, picture(seed=1))
    torch.testing.assert_close(finish(run).picture.pixels, content.pixels, rtol=0, atol=1e-5)


def colorful(seed=0, size=96):
    noise = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return Picture(torch.nn.functional.interpolate(noise[None], (size, size), mode="bicubic").clamp(0.02, 0.98)[0])


def chroma(pixels):
    return pixels - torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), pixels)


def test_of_a_photograph_in_its_own_colors_only_the_luminance_is_painted(transfer):
    content = colorful()
    maker = transfer(size=96, color="content-luminance", content_weight=0, iterations=40)
    result = finish(maker.start(content, colorful(seed=1))).picture.pixels
    torch.testing.assert_close(chroma(result), chroma(content.pixels), rtol=0, atol=1 / 255)
    assert (result - content.pixels).abs().max() > 0.03


def color_difference(run):
    """Return the difference of the mean colors of a picture and of its photograph, in the worst channel."""
    content = run._solver.scene.inputs.content.pixels
    return float((finish(run).picture.pixels.mean((1, 2)) - content.mean((1, 2))).abs().max())


@pytest.fixture
def of_other_colors():
    """A photograph and a painting of which the mean colors differ."""
    return colorful(), Picture(colorful(seed=1).pixels * torch.tensor([0.2, 0.5, 1.0])[:, None, None])


@pytest.mark.slow
@pytest.mark.parametrize("matching", ["chol", "pca", "sym", "histogram"])
def test_a_style_is_brought_to_the_photographs_colors_and_so_is_the_picture(transfer, of_other_colors, matching):
    run = transfer(color="content-match", color_match=matching).start(*of_other_colors)
    assert color_difference(run) < 0.02


def test_otherwise_the_picture_leaves_the_photographs_colors(transfer, of_other_colors):
    assert color_difference(transfer().start(*of_other_colors)) > 0.05


def test_what_is_kept_stays_as_the_photograph_is_at_every_stage(transfer, picture):
    weights = torch.zeros(48, 64)
    weights[:24, :32] = 1
    content = picture(256, 192)
    run = transfer(size=256, first_size=170, iterations=6).start(content, picture(seed=1), keep=Mask(weights))
    assert len(run.plan.stages) == 2
    result = finish(run).picture.pixels
    torch.testing.assert_close(result[:, :90, :120], content.pixels[:, :90, :120], rtol=0, atol=1e-6)
    assert (result[:, 100:, 130:] - content.pixels[:, 100:, 130:]).abs().max() > 0.02


def test_each_region_takes_its_own_style(transfer, picture):
    left = torch.zeros(48, 64)
    left[:, :32] = 1
    dark, bright = Picture(torch.full((3, 64, 64), 0.1)), Picture(torch.full((3, 64, 64), 0.9))
    styles = [Style(dark, region=Mask(left, "left.png")), Style(bright, scale=0.8)]
    maker = transfer(content_weight=0, iterations=40)
    result = finish(maker.start(picture(), styles)).picture.pixels
    assert result[:, :, :24].mean() + 0.3 < result[:, :, 40:].mean()


@pytest.mark.slow
def test_tiles_paint_the_same_regions_in_the_same_picture(transfer, picture, monkeypatch):

    mask = Mask(torch.rand(6, 8, generator=torch.Generator().manual_seed(0)), "cloud.png")
    styles = [Style(picture(90, 90, seed=1), region=mask), Style(picture(80, 70, seed=2), weight=2.0)]
    maker = transfer(size=192, iterations=8, color="content-luminance", seamless="x")
    whole = finish(maker.start(picture(192, 144), styles, keep=Mask(mask.weights.square()))).picture.pixels
    monkeypatch.setattr("impasto.planning.memory._TILE_SIDES", (96,))
    run = maker.start(picture(192, 144), styles, keep=Mask(mask.weights.square()))
    assert run.plan.stages[0].layout.tiles > 1
    parts = finish(run).picture.pixels
    assert ((whole - parts).abs() * 255 <= 1).float().mean() > 0.999


@pytest.mark.slow
def test_opposite_edges_of_a_seamless_texture_meet(transfer, picture):
    blank = Picture(torch.full((3, 1, 1), 0.5).expand(3, 128, 128))
    maker = transfer(size=128, content_weight=0, init="noise", seamless="both", iterations=60)
    pixels = finish(maker.start(blank, picture(128, 128, seed=1))).picture.pixels
    across = (pixels[:, :, 0] - pixels[:, :, -1]).abs().mean() / pixels.diff(dim=2).abs().mean()
    down = (pixels[:, 0] - pixels[:, -1]).abs().mean() / pixels.diff(dim=1).abs().mean()
    assert max(across, down) < 1.2


def test_a_layer_is_inverted_without_a_style(transfer, picture):
    maker = transfer(style_weight=0, content_layers="conv1_1", init="noise", iterations=60)
    result = finish(maker.start(picture()))
    assert result.history[-1].loss < 0.02 * result.history[0].loss
    with pytest.raises(InputError, match="init cannot be style"):
        transfer(style_weight=0, init="style").start(picture())


@pytest.mark.parametrize("option", ["auto", "lines"])
def test_what_does_not_fit_is_planned_with_smaller_filters(weights, picture, monkeypatch, option):
    def cramped(machine, runtime):
        asked.append(machine.winograd)
        free = budget(machine, runtime)
        return free if machine.winograd == "off" else free._replace(limit=free.baseline)

    transfer = StyleTransfer(
        Settings(size=64, first_size=0, iterations=1), Runtime(device="cpu", winograd=option), weights=weights
    )
    asked, machine = [], transfer.machine._replace(winograd="lines")
    monkeypatch.setattr(transfer, "machine", machine)
    before = transfer.network
    monkeypatch.setattr("impasto.machine.memory.budget", cramped)
    if option == "lines":
        with pytest.raises(SpaceError):
            transfer.plan(picture(), [picture()])
        return
    run = transfer.start(picture(), picture(seed=1))
    assert asked == ["lines", "off"]
    assert run._solver.network.winograd == run._solver.machine.winograd == "off"
    assert (transfer.machine, transfer.network.winograd) == (machine, "lines")  # which are the caller's
    assert before.winograd == "lines"
    assert next(run).loss > 0


def test_of_a_photograph_by_the_real_network_tiles_make_the_same_picture(picture, codebook):
    settings = Settings(size=64, first_size=0, iterations=3, tolerance=0, color="content-luminance")
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float64"), weights=codebook)
    photograph = Picture.open(demo.photograph()).resized(32, 64)
    down, across = torch.meshgrid(torch.linspace(0, 2, 64), torch.linspace(0, 1, 32), indexing="ij")
    hill, sun = down > 1.3 + 0.1 * torch.sin(7 * across), (down - 0.6).square() + (across - 0.4).square() < 0.1
    areas = [hill, sun & ~hill, ~(hill | sun)]
    styles = [Style(picture(seed=n), region=Mask(area.float())) for n, area in enumerate(areas)]
    pictures = []
    for tiling in (Tiling(), Tiling(32, 2)):
        run = transfer.start(photograph, styles)
        (stage,) = run.plan.stages
        run._schedule.plan = run.plan._replace(stages=(stage._replace(layout=stage.layout._replace(tiling=tiling)),))
        pictures.append(finish(run).picture.pixels)
    assert float((pictures[0] - photograph.pixels).abs().mean()) > 5 / 255
    torch.testing.assert_close(pictures[1], pictures[0], rtol=0, atol=1e-6)


def test_a_stage_ends_when_the_picture_hardly_changes(transfer, picture, monkeypatch):
    monkeypatch.setattr("impasto.transfer.descent.PLATEAU_WINDOW", 4)
    run = transfer(iterations=24).start(picture(), picture(seed=1))
    previews = [run.preview().pixels for report in run if report.evaluation % 4 == 0]
    changes = [255 * float((one - other).abs().mean()) for one, other in pairwise(previews)]
    least = changes.index(min(changes[:4]))  # of those between 4 and 8, 8 and 12, …
    ended = transfer(iterations=24, min_change=1.01 * changes[least]).start(picture(), picture(seed=1))
    result = finish(ended)
    assert result.stopped == "converged"
    assert len(result.history) == 4 * (least + 2)
    assert torch.equal(result.picture.pixels, previews[least + 1])


def test_the_picture_moves_less_from_where_it_starts_with_less_strength(transfer, picture):
    start = picture(64, 48, seed=7)

    def moved(strength):
        run = transfer(strength=strength, iterations=15).start(picture(), picture(seed=1), initial=start)
        result = finish(run)
        assert ("distance from the start" in result.history[-1].terms) == (strength < 1)
        return float((result.picture.pixels - start.pixels).square().mean().sqrt())

    free, half, little = map(moved, (1.0, 0.5, 0.05))
    assert 0.2 * free < half < 0.9 * free
    assert little < 0.5 * half


def test_the_picture_is_free_where_what_it_starts_from_is_transparent(transfer, picture):
    start = picture(64, 48, seed=7)
    alpha = torch.ones(48, 64)
    alpha[:, 32:] = 0
    run = transfer(strength=0.05, iterations=15).start(picture(), picture(seed=1), initial=replace(start, alpha=alpha))
    assert torch.equal(run.preview().pixels[:, :, :24], start.pixels[:, :, :24])
    moved = (finish(run).picture.pixels - start.pixels).square().mean((0, 1)).sqrt()
    assert moved[:24].mean() < 0.3 * moved[40:].mean()


@pytest.mark.parametrize("has_weights", [False, True])
def test_the_pull_to_the_start_has_the_gradient_of_its_value(picture, has_weights):
    image, start = (picture(12, 9, seed=seed).pixels.double().requires_grad_() for seed in (1, 2))
    weights = picture(12, 9, seed=3).pixels[0].double() if has_weights else None
    anchor = Anchor(start.detach(), 0.5, weights).with_weight(1e6)
    (expected,) = torch.autograd.grad(anchor.value(image), image)
    gradient = torch.zeros_like(expected)
    anchor.add_gradient(image.detach(), gradient)
    torch.testing.assert_close(gradient, expected)
    assert Anchor(start, 0.25).with_weight(1.0).weight == pytest.approx(5 * Anchor(start, 0.5).with_weight(1.0).weight)


def test_noise_is_nothing_to_stay_close_to(transfer, picture):
    with pytest.raises(InputError, match=r"strength cannot be 0\.5 where painting starts from noise"):
        transfer(strength=0.5, init="noise").start(picture(), picture(seed=1))


def test_a_picture_to_start_from_gets_back_its_detail_at_larger_sizes(transfer, picture):
    detailed = texture(256, 256, seed=3)
    run = transfer(size=256, first_size=128, iterations=0).start(picture(), picture(seed=1), initial=detailed)
    assert len(run.plan.stages) == 2
    pixels = finish(run).picture.pixels
    torch.testing.assert_close(pixels, detailed.resized(256, 192).pixels, rtol=0, atol=0.01)


@pytest.mark.parametrize("color", ["style", "content-luminance", "content-match"])
def test_a_small_preview_from_another_thread_has_the_colors_of_the_picture(transfer, picture, color):
    run = transfer(size=128, color=color, iterations=12).start(picture(), picture(seed=1))
    next(run)
    with ThreadPoolExecutor(1) as thread:
        previews = [thread.submit(run.preview, long_side=32) for _ in run]
        small = [each.result() for each in previews][-1]
    assert (small.width, small.height) == (32, 24)
    expected = run.preview().resized(32, 24).pixels
    assert (run.preview(long_side=32).pixels - expected).abs().mean() < 0.02
    assert run.preview(long_side=1000).width == 128
    with pytest.raises(InputError, match="a preview cannot have a long side of 0"):
        run.preview(long_side=0)


def test_runs_share_a_painting_at_its_last_size(transfer, picture, monkeypatch):
    resized, painting, photograph = [], picture(90, 70, seed=1), picture(80, 60)
    original = Picture.resized

    def spy(self, *size):
        resized.append(self)
        return original(self, *size)

    def painted(paints):
        return finish(paints.start(photograph, painting)).picture.samples

    monkeypatch.setattr(Picture, "resized", spy)
    paints = transfer()
    first = painted(paints)
    assert torch.equal(painted(paints), first)
    assert resized.count(painting) == 1
    larger = StyleTransfer(
        paints.settings.replace(size=80), paints.runtime, weights=paints.weights, cache=paints._cache
    )
    assert torch.equal(painted(larger), painted(transfer(size=80)))
