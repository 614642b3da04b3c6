import json
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch

import reference
from impasto import VGG19, Picture, Runtime, Settings, StyleTransfer
from impasto.errors import InputError, PictureError
from impasto.images.masks import Mask
from impasto.planning.tiles import Tiling
from impasto.reports.metrics import STYLE_LAYERS, border_energy, measure, structural_distance, style_distances
from impasto.transfer.styles import Style
from pictures import profile

CPU, DOUBLE = torch.device("cpu"), torch.float64
EXACT = Runtime(device="cpu", dtype="float64", threads=1)
GENERATOR = torch.Generator().manual_seed(0)


def noise(*shape):
    return torch.rand(*shape, generator=GENERATOR)


@pytest.fixture
def measure_pictures(picture, weights):
    """Measure pictures of 64 × 48 on the tiny network: a content, a style and a result, seeded apart."""

    def make(content=None, style=None, result=None, runtime=EXACT, **changes):
        pictures = [image or picture(seed=seed) for seed, image in enumerate((content, style, result))]
        return measure(*pictures, Settings(**changes), runtime, weights=weights)

    return make


@pytest.fixture
def network(weights):
    return VGG19(weights, padding="replicate").to(CPU, DOUBLE)


def test_the_losses_are_the_papers_up_to_the_notebooks_convention(measure_pictures, picture, weights):
    metrics = measure_pictures(padding="zeros", content_weight=2, style_weight=30)
    filters = {name: (weight.numpy(), bias.numpy()) for name, (weight, bias) in weights.tensors.items()}
    p, a, x = (
        reference.features(weights.convention.apply(picture(seed=seed).pixels.double()).numpy(), filters)
        for seed in range(3)
    )
    content = 2 * reference.content_loss(x["conv4_2"], p["conv4_2"]) / (0.5 * x["conv4_2"].size)
    style = 0.0
    for name in ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"):
        style += 30 * reference.style_loss(x[name], reference.gram(a[name])) * 4 / len(x[name]) ** 2
    assert metrics.content == pytest.approx(content, rel=1e-9)
    assert metrics.style == pytest.approx(style, rel=1e-9)
    assert metrics.loss == pytest.approx(content + style, rel=1e-9)


def test_float32_is_near_float64_and_nothing_is_left_to_a_timing(measure_pictures, monkeypatch):
    monkeypatch.setattr("impasto.machine.autotune._time", lambda *_: pytest.fail("timed"))
    single, double = measure_pictures(runtime=Runtime(device="cpu", threads=1)), measure_pictures()
    assert single.loss != double.loss
    for single_value, double_value in zip(flat(single), flat(double), strict=True):
        assert single_value == pytest.approx(double_value, rel=1e-4)


def flat(metrics):
    values = metrics.as_dict()
    return [*values.pop("wasserstein").values(), *values.values()]


def test_a_term_without_a_weight_is_0(measure_pictures):
    assert measure_pictures(content_weight=0).content == 0
    metrics = measure_pictures(style_weight=0)
    assert (metrics.style, metrics.loss) == (0, metrics.content)


def test_the_losses_are_those_of_a_run_at_its_last_stage(picture, weights, monkeypatch):
    monkeypatch.setattr("impasto.planning.plan._MIN_FIRST_SIDE", 64)
    content, style = picture(128, 128), picture(100, 80, seed=1)
    settings = Settings(size=128, first_size=64, iterations=1, normalize=True, style_scale=1.5, tolerance=0)
    run = StyleTransfer(settings, Runtime(device="cpu", dtype="float32", threads=1), weights=weights).start(
        content, style
    )
    *_, last = run  # one evaluation of the content at each of two stages
    metrics = measure(content, style, content, settings, Runtime(device="cpu", threads=1), weights=weights)
    assert (last.stage, last.width) == (2, 128)
    assert metrics.style == pytest.approx(last.terms["style"], rel=1e-3)
    assert metrics.style != pytest.approx(
        measure(content, style, content, settings.replace(normalize=False), EXACT, weights=weights).style, rel=0.1
    )


def half(width, height, soft=0.0):
    """A mask of the left half, and of as much of the right."""
    weights = torch.full((height, width), soft)
    weights[:, : width // 2] = 1
    return Mask(weights, "left")


RUNS = {
    "plain": {},
    "luminance": {"color": "content-luminance"},
    "colors matched": {"color": "content-match"},
    "colors matched by histogram": {"color": "content-match", "color_match": "histogram"},
    "half stays": {"keep": half(128, 96)},
    "a focus": {"focus": half(128, 96, soft=0.4)},
    "a region": {"region": half(128, 96), "mask_spread": "all", "mask_grow": 1},
    "a mask and a scale": {"mask": half(100, 80), "scale": 0.7},
    "normalized": {"normalize": True},
    "in sRGB": {"profile": "srgb"},
}


@pytest.mark.parametrize("name", RUNS)
def test_the_loss_is_the_one_that_the_run_minimized(picture, weights, name):
    """One evaluation of a picture whose colors are already as the run leaves them, so that saving changes nothing."""
    changes = dict(RUNS[name])
    stays = {word: changes.pop(word) for word in ("keep", "focus") if word in changes}
    scale = changes.pop("scale", 1.0)
    masks = {word: changes.pop(word) for word in ("mask", "region") if word in changes}
    profile_ = profile("p3") if name == "in sRGB" else None
    content = replace(Picture(0.5 + 0.2 * (picture(128, 96).pixels - 0.5)), profile=profile_)
    initial = replace(content, samples=content.samples.flip(2))
    if name == "luminance":
        initial = Picture(initial.pixels.mean(0, keepdim=True).expand(3, -1, -1))
    style = Style(picture(100, 80, seed=1), scale=scale, **masks)
    settings = Settings(**{"size": 128, "first_size": 0, "iterations": 1, "tolerance": 0, **changes})
    runtime = Runtime(device="cpu", dtype="float32", winograd="off", threads=1)
    run = StyleTransfer(settings, runtime, weights=weights).start(content, [style], initial=initial, **stays)
    *_, last = run
    metrics = measure(content, style, run.result().picture, settings, runtime, **stays, weights=weights)
    tolerance = 0.02 if name == "in sRGB" else 1e-3  # converting a profile rounds
    assert metrics.style == pytest.approx(last.terms["style"], rel=tolerance)
    assert metrics.content == pytest.approx(last.terms["content"], rel=tolerance, abs=1e-6)
    plain = measure(content, style.picture, run.result().picture, Settings(), runtime, weights=weights)
    assert (metrics.loss == plain.loss) == (name in {"plain", "in sRGB"})  # the result says its profile


def test_a_style_without_a_weight_is_refused(picture, weights):
    with pytest.raises(InputError, match="the style has a weight of 0"):
        measure(picture(), Style(picture(seed=1), weight=0), picture(seed=2), runtime=EXACT, weights=weights)


def test_a_result_is_measured_at_its_own_size_whatever_the_settings_say(measure_pictures, picture):
    content, result = picture(128, 96), picture(seed=2)
    metrics = measure_pictures(content=content, result=result, size=512)
    assert metrics == measure_pictures(content=content.resized(64, 48), result=result)
    assert metrics != measure_pictures(content=content, result=result.resized(128, 96))


def test_what_the_settings_say_of_the_network_changes_the_losses_only(measure_pictures):
    plain, other = (
        measure_pictures(),
        measure_pictures(pooling="average", padding="zeros", style_layers="conv2_1", content_weight=1),
    )
    assert other.style != plain.style
    assert other.content != plain.content
    for name in ("wasserstein", "cfsd", "border", "content_border"):
        assert getattr(other, name) == getattr(plain, name)


def gaussian(maps):
    vectors = maps.flatten(1).numpy()
    return vectors.mean(1), np.cov(vectors, bias=True) + 1e-4 * np.eye(len(vectors))


def test_style_distances_are_wasserstein_2_between_gaussians(network):
    image, style = noise(3, 48, 64).double(), noise(3, 60, 72).double() ** 2
    distances = style_distances(network, image, style)
    assert tuple(distances) == STYLE_LAYERS
    ours, theirs = network.forward(image, STYLE_LAYERS), network.forward(style, STYLE_LAYERS)
    for name in STYLE_LAYERS:
        (mean, covariance), (target_mean, target_covariance) = gaussian(ours[name]), gaussian(theirs[name])
        roots = np.sqrt(np.linalg.eigvals(covariance @ target_covariance).real.clip(0)).sum()  # tr (K K*)^½
        squared = ((mean - target_mean) ** 2).sum() + np.trace(covariance) + np.trace(target_covariance) - 2 * roots
        assert distances[name] == pytest.approx(squared / len(mean), rel=1e-6)


def test_tiles_do_not_change_style_distances(network):
    image, style = noise(3, 48, 200).double(), noise(3, 130, 40).double()
    tiled = style_distances(network, image, style, Tiling(64))
    assert tiled == pytest.approx(style_distances(network, image, style), rel=1e-6)


def test_style_distances_grow_with_what_is_laid_over_the_style(measure_pictures, picture):
    style, grain = picture(seed=1), noise(3, 48, 64) - 0.5
    results = [Picture(style.pixels + fraction * grain) for fraction in (0.0, 0.1, 0.4)]
    same, near, far = (measure_pictures(style=style, result=result).wasserstein for result in results)
    for name in STYLE_LAYERS:
        assert same[name] < 1e-3 * far[name]
        assert near[name] < far[name]


def similarities(maps):
    """The softmax of each row of cosines, written out."""
    units = maps.flatten(1).numpy()
    lengths = np.sqrt((units**2).sum(0))
    cosines = units.T @ units / np.outer(lengths, lengths)
    return np.exp(cosines) / np.exp(cosines).sum(1, keepdims=True)


def test_structural_distance_is_the_mean_divergence_of_rows_of_similarities():
    content, result = noise(6, 5, 7).double(), noise(6, 5, 7).double() ** 3
    p, q = similarities(content), similarities(result)
    expected = np.mean([(row * np.log(row / other)).sum() for row, other in zip(p, q, strict=True)])
    assert structural_distance(content, result) == pytest.approx(expected, rel=1e-9)
    assert structural_distance(result, content) != pytest.approx(expected, rel=1e-3)


def test_structural_distance_of_more_positions_than_are_held_at_a_time():
    content, result = noise(4, 25, 24).double(), noise(4, 25, 24).double() ** 3
    p, q = similarities(content), similarities(result)
    assert structural_distance(content, result) == pytest.approx((p * np.log(p / q)).sum() / 600, rel=1e-9)


def test_structural_distance_sees_places_and_neither_scale_nor_dead_units():
    content, result = noise(6, 8, 8), noise(6, 8, 8)
    plain = structural_distance(content, result)
    assert structural_distance(content, result * 60) == pytest.approx(plain, rel=1e-6)
    assert structural_distance(content, content.flip(0)) == pytest.approx(0, abs=1e-12)  # other features, same places
    assert structural_distance(content, content.flip(1)) > 1e-3
    content[:, 2, 3] = 0
    assert 0 < structural_distance(content, result) < 1


def test_cfsd_rises_as_the_content_fades(measure_pictures, picture):
    content, other = picture(seed=0), picture(seed=2)
    blends = [Picture(content.pixels.lerp(other.pixels, fraction)) for fraction in (0.0, 0.3, 1.0)]
    same, near, far = (measure_pictures(result=blend).cfsd for blend in blends)
    assert same == 0
    assert 0 < near < far


@pytest.mark.slow
def test_structure_is_compared_in_256_pixels_squared_at_most(measure_pictures, network):
    content, result = Picture(noise(3, 256, 768)), Picture(noise(3, 256, 768))
    distance = measure_pictures(content=content, result=result).cfsd
    content_features, result_features = (
        network.forward(large.resized(443, 148).pixels.double(), ["conv3_1"])["conv3_1"] for large in (content, result)
    )
    assert content_features[0].numel() <= 64**2
    assert distance == pytest.approx(structural_distance(content_features, result_features), rel=1e-9)


def test_a_ramp_has_the_same_energy_at_its_border_as_inside():
    ramp = torch.arange(100.0)[None, None].expand(3, 80, 100) / 100
    assert border_energy(ramp) == pytest.approx(1, rel=1e-5)
    assert border_energy(ramp.mT) == pytest.approx(1, rel=1e-5)
    assert border_energy(torch.full((3, 80, 100), 0.5)) == 1


def test_border_energy_compares_differences_within_the_inside_with_all_others():
    height, width = 70, 90
    pixels = noise(3, height, width)
    pixels[:, 16:-16, 16:-16] *= 0.5
    inside = np.zeros((height, width), dtype=bool)
    inside[16:-16, 16:-16] = True
    outer = inner = 0.0
    for axis in (0, 1):
        steps = abs(np.diff(pixels.double().numpy(), axis=axis + 1)).mean(0)
        nearer, further = (np.take(inside, range(k, inside.shape[axis] - 1 + k), axis) for k in (0, 1))
        outer += steps[~(nearer & further)].mean()
        inner += steps[nearer & further].mean()
    assert border_energy(pixels) == pytest.approx(outer / inner, rel=1e-6)
    assert border_energy(pixels) > 1.5


def test_border_energy_is_the_same_however_a_picture_is_turned():
    pixels = noise(3, 70, 90)
    plain = border_energy(pixels)
    for turned in (pixels.flip(1), pixels.flip(2), pixels.mT):
        assert border_energy(turned) == pytest.approx(plain, rel=1e-9)


def test_a_small_picture_has_a_border_of_a_quarter_of_its_short_side():
    pixels = torch.zeros(1, 32, 40)
    pixels[:, 8:24, 8:32] = noise(1, 16, 24)
    assert border_energy(pixels) < 0.2
    pixels[:, :7] = noise(1, 7, 40)
    assert border_energy(pixels) > 0.2


def test_a_picture_is_compared_with_the_contents_border_at_its_own_size(measure_pictures, picture):
    content = Picture(noise(3, 96, 128))
    result = picture(seed=2)
    metrics = measure_pictures(content=content, result=result)
    assert metrics.content_border == border_energy(content.resized(64, 48).pixels)
    assert metrics.border == border_energy(result.pixels)
    assert metrics.border != pytest.approx(metrics.content_border, rel=1e-2)


def test_a_picture_is_at_no_distance_from_itself_with_the_real_network(picture, codebook):
    same, other = picture(), picture(seed=1)
    metrics = measure(same, same, same, runtime=Runtime(device="cpu", threads=1), weights=codebook)
    far = measure(other, other, same, runtime=Runtime(device="cpu", threads=1), weights=codebook)
    assert (metrics.loss, metrics.content, metrics.style, metrics.cfsd) == (0, 0, 0, 0)
    assert metrics.border == metrics.content_border
    for name in STYLE_LAYERS:
        assert 0 <= metrics.wasserstein[name] < 1e-4 * far.wasserstein[name]
    assert min(far.content, far.style, far.cfsd) > 0


def test_metrics_are_plain_numbers_and_frozen(measure_pictures):
    metrics = measure_pictures()
    assert all(type(number) is float for number in flat(metrics))
    assert json.loads(json.dumps(metrics.as_dict(), allow_nan=False)) == metrics.as_dict()
    with pytest.raises(FrozenInstanceError):
        metrics.loss = 0.0


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"result": (31, 40)}, "the result is 31 × 40 pixels; a picture needs at least 32"),
        ({"content": (64, 20)}, "the content is 64 × 20 pixels; a picture needs at least 32"),
        ({"style": (20, 64)}, "the style is 20 × 64 pixels; a picture needs at least 32"),
        ({"style": (32, 600)}, "the style is 32 × 600 pixels, too thin"),
        ({"result": (48, 64)}, "the result is 48 × 64 pixels and the content 64 × 48, which is another shape"),
        ({"result": (64, 51)}, "another shape"),
    ],
)
def test_pictures_that_cannot_be_compared_are_refused(measure_pictures, picture, sizes, message):
    pictures = {name: picture(*size) for name, size in sizes.items()}
    with pytest.raises(InputError, match=message):
        measure_pictures(**pictures)


def test_a_result_whose_sides_were_rounded_is_measured(measure_pictures, picture):
    assert measure_pictures(content=picture(130, 96), result=picture(64, 48, seed=2)).loss > 0
    assert measure_pictures(content=picture(64, 48), result=picture(64, 49, seed=2)).loss > 0


def test_a_picture_too_large_for_the_memory_is_refused(measure_pictures):
    with pytest.raises(PictureError, match="does not fit into 0.1 GB"):
        measure_pictures(runtime=EXACT.replace(memory="100MB"))


def test_a_picture_is_measured_by_the_paths_of_files(picture, weights, tmp_path):
    pictures = [picture(64, 48, seed=seed) for seed in range(3)]
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for each, path in zip(pictures, paths, strict=True):
        each.save(path)
    runtime = Runtime(device="cpu", threads=1)
    metrics = measure(paths[0], str(paths[1]), paths[2], runtime=runtime, weights=weights, keep=paths[0])
    content, style, result = map(Picture.open, paths)
    expected = measure(content, [Style(style)], result, runtime=runtime, weights=weights, keep=Mask.open(paths[0]))
    assert metrics == expected
