import pytest
import torch

import reference
from impasto.errors import InputError
from impasto.losses import TotalVariation
from impasto.objective import Objective
from impasto.settings import Settings
from impasto.tiles import Tiling
from impasto.vgg import VGG19

CPU, DOUBLE = torch.device("cpu"), torch.float64
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


def image(height=40, width=36, seed=0):
    return torch.rand(3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network(weights):
    return VGG19(weights).to(CPU, DOUBLE)


def build(network, *styles, **changes):
    return Objective.build(Settings(**changes), network, image(seed=1), styles or [(image(44, 50, seed=2), 1.0)])


def test_the_objective_is_that_of_the_authors_notebook(network):
    found = build(network, content_weight=1, range_weight=0).evaluate(image())
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
    assert float(found.terms["content"]) == pytest.approx(content, rel=1e-9)
    assert float(found.terms["style"]) == pytest.approx(style, rel=1e-9)
    assert float(found.loss) == pytest.approx(content + style, rel=1e-9)


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
    same = Objective.build(Settings(), network, style, [(style, 1.0)])
    assert float(same.evaluate(style).loss) == pytest.approx(0, abs=1e-12)


def test_a_layers_weight_scales_its_part(network):
    one = build(network, style_layers="conv3_1", content_weight=0, range_weight=0).evaluate(image())
    two = build(network, style_layers="conv3_1:2", content_weight=0, range_weight=0).evaluate(image())
    assert float(two.loss) == pytest.approx(2 * float(one.loss), rel=1e-12)
    torch.testing.assert_close(two.gradient, 2 * one.gradient)


def test_two_styles_blend_by_weight_and_one_style_twice_is_that_style(network):
    first, second = image(44, 50, seed=2), image(40, 40, seed=4)
    single = build(network, (first, 1.0)).evaluate(image())
    twice = build(network, (first, 3.0), (first, 5.0)).evaluate(image())
    assert float(twice.loss) == pytest.approx(float(single.loss), rel=1e-9)
    blended = build(network, (first, 1.0), (second, 3.0))
    grams = {name: Objective.build(Settings(), network, first, [(second, 1.0)]) for name in ("second",)}
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
    """Evaluate an image whole and in tiles, on the same content and style."""
    content, styles = image(height, width, seed=1), [(image(70, 150, seed=2), 1.0), (image(64, 64, seed=4), 0.5)]
    point = image(height, width) * 1.4 - 0.2
    return [
        Objective.build(Settings(**changes), network, content, styles, tiling=some).evaluate(point)
        for some in (Tiling(), tiling)
    ]


@pytest.mark.parametrize("tiling", [Tiling(64), Tiling(64, 3), Tiling(96, 100), Tiling(96, 1, False), Tiling(128, 0)])
@pytest.mark.parametrize("size", [(210, 173), (64, 330), (129, 128)])
@pytest.mark.parametrize(
    "changes",
    [
        {"tv_weight": 3.0, "range_weight": 10.0},
        {"content_layers": "conv1_1,conv3_2", "style_layers": "conv1_2,pool2:3"},
        {"style_layers": "pool5", "content_weight": 0.0},
        {"style_layers": "conv1_1", "content_weight": 0.0, "tv_weight": 1.0},
        {"style_loss": "gram,moments,covariance,wasserstein"},
    ],
)
def test_tiles_change_nothing(network, tiling, size, changes):
    whole, parts = tiled(network, tiling, *size, **changes)
    assert float(parts.loss) == pytest.approx(float(whole.loss), rel=1e-10)
    assert parts.terms.keys() == whole.terms.keys()
    assert float((parts.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-10


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
def test_tiles_change_nothing_for_any_pooling_and_padding(weights, pooling, padding):
    network = VGG19(weights, pooling, padding=padding).to(CPU, DOUBLE)
    whole, parts = tiled(network, Tiling(64, 2), 215, 170)
    assert float(parts.loss) == pytest.approx(float(whole.loss), rel=1e-10)
    assert float((parts.gradient - whole.gradient).norm() / whole.gradient.norm()) < 1e-10


class Largest(TotalVariation):
    """A loss that looks at the whole image at once."""

    additive = False


@pytest.mark.parametrize("tiling", [Tiling(64), Tiling(shares=2)])
def test_a_loss_that_cannot_be_summed_is_refused_by_name_where_there_are_parts(network, tiling):
    whole = Objective(network, [Largest(1.0)], lambda _: {})
    assert float(whole.evaluate(image()).loss) > 0
    with pytest.raises(InputError, match="^Largest cannot be summed over parts of an image"):
        Objective(network, [Largest(1.0)], lambda _: {}, tiling)
