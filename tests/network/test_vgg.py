import numpy as np
import pytest
import torch

import reference
import vgg_by_autograd
from common import every_pair
from impasto.errors import WeightsError
from impasto.kernels.cpu.winograd import winograd_choices
from impasto.layers import CONVOLUTIONS, LAYERS
from impasto.network.vgg import VGG19
from impasto.planning import tiles
from tiny import tiny_weights

CPU, DOUBLE = torch.device("cpu"), torch.float64
EVERY_LAYER = list(LAYERS)


def image(height=40, width=36, seed=0):
    return torch.rand(3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def in_numpy(network):
    return {name: (weight.numpy(), bias.numpy()) for name, (weight, bias) in network.weights.tensors.items()}


@pytest.mark.parametrize(("pooling", "rescale"), [("max", 1.0), ("average", 2.0), ("l2", 0.78)])
@pytest.mark.parametrize("rescaled", [True, False])
def test_every_layer_equals_the_reference(weights, pooling, rescale, rescaled):
    network = VGG19(weights, pooling, rescaled).to(CPU, DOUBLE)
    features = network.forward(image(), EVERY_LAYER)
    signal = weights.convention.apply(image()).numpy()
    expected = reference.features(signal, in_numpy(network), pooling, rescale if rescaled else 1.0)
    for name in EVERY_LAYER:
        np.testing.assert_allclose(features[name].numpy(), expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_network_stops_after_the_deepest_layer_that_is_asked_for(weights):
    shallow = type(weights)(**{**vars(weights), "tensors": {"conv1_1": weights.tensors["conv1_1"]}})
    assert list(VGG19(shallow).forward(image().float(), ["conv1_1"])) == ["conv1_1"]
    with pytest.raises(WeightsError, match="have no conv1_2; ask for layers before it"):
        VGG19(shallow).forward(image().float(), ["conv1_2"])


def test_features_have_the_strides_of_the_table(weights):
    features = VGG19(weights).forward(image(64, 96).float(), EVERY_LAYER)
    for name, layer in LAYERS.items():
        assert features[name].shape == (layer.channels // 16, 64 // layer.stride, 96 // layer.stride)


BOTH_WAYS_OF_A_BORDER = {"borders apart": 0, "borders in a copy": 1 << 21}


@pytest.fixture(params=BOTH_WAYS_OF_A_BORDER.values(), ids=BOTH_WAYS_OF_A_BORDER)
def small_units(request):
    return request.param


@pytest.fixture(autouse=True)
def _way_of_a_border(small_units, monkeypatch):
    monkeypatch.setattr("impasto.kernels.cpu.convolution._SMALL_UNITS", small_units)


def random_weights(features, layers):
    """Return random weights of some layers' units."""
    generator = torch.Generator().manual_seed(1)
    return {name: torch.rand(features[name].shape, dtype=DOUBLE, generator=generator) - 0.3 for name in layers}


def pulled_back(network, point, layers, wraps=(False, False)):
    """Return the gradient of a random linear function of some features."""
    features = network.compute(point, layers, retain=True, wraps=wraps)
    weights = random_weights(features, layers)
    return network.pullback(
        features, {name: [lambda _, gradient, w=w: gradient.add_(w)] for name, w in weights.items()}
    )


def differentiated(network, point, layers, wraps=(False, False)):
    """Return the gradient of the same function by automatic differentiation."""
    leaf = point.clone().requires_grad_()
    features = vgg_by_autograd.features(network, leaf, wraps)
    sum((features[name] * weight).sum() for name, weight in random_weights(features, layers).items()).backward()
    return leaf.grad


def relative_error(actual, expected):
    return float((actual - expected).norm() / expected.norm())


@every_pair(
    pooling=["max", "average", "l2"],
    rescaled=[True, False],
    padding=["zeros", "replicate", "reflect", "replicate-first"],
    layers={
        "every layer": EVERY_LAYER,
        "the defaults": ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"],
        "down to pool4": ["conv1_2", "conv3_2", "pool4"],
        "conv1_1": ["conv1_1"],
        "pool1": ["pool1"],
        "conv5_4": ["conv5_4"],
    },
    small_units=BOTH_WAYS_OF_A_BORDER,
)
def test_the_pullback_equals_automatic_differentiation(weights, pooling, rescaled, padding, layers):
    network = VGG19(weights, pooling, rescaled, padding).to(CPU, DOUBLE)
    for size in ((40, 36), (67, 45)):
        arguments = network, image(*size), layers
        assert relative_error(pulled_back(*arguments), differentiated(*arguments)) < 1e-10


@every_pair(
    padding=["zeros", "replicate", "reflect", "replicate-first"],
    wraps={"down": (True, False), "across": (False, True), "both": (True, True)},
    small_units=BOTH_WAYS_OF_A_BORDER,
)
def test_an_axis_that_wraps_around_has_no_border(weights, padding, wraps):
    network = VGG19(weights, padding=padding).to(CPU, DOUBLE)
    point, layers = image(48, 64), ["conv1_2", "conv3_4", "conv5_1"]
    arguments = network, point, layers, wraps
    assert relative_error(pulled_back(*arguments), differentiated(*arguments)) < 1e-10
    axes = [axis for axis, wrap in zip((1, 2), wraps, strict=True) if wrap]
    rolled = network.compute(point.roll([16] * len(axes), axes), layers, wraps=wraps)
    for name, features in network.compute(point, layers, wraps=wraps).items():
        steps = [16 // LAYERS[name].stride] * len(axes)
        torch.testing.assert_close(rolled[name], features.roll(steps, axes))


@every_pair(
    pooling=["max", "average", "l2"],
    padding=["zeros", "replicate", "reflect"],
    wraps={"no seam": (False, False), "down": (True, False), "across": (False, True)},
    small_units=BOTH_WAYS_OF_A_BORDER,
)
def test_in_bands_it_is_the_same(weights, pooling, padding, wraps, monkeypatch):
    network = VGG19(weights, pooling, padding=padding).to(CPU, DOUBLE)
    point, layers = image(64 if wraps[0] else 71, 48), ["conv1_1", "conv2_1", "conv4_1"]
    full = network.forward(point, layers)
    monkeypatch.setattr("impasto.planning.tiles._MIN_BAND_ROWS", 8)
    monkeypatch.setattr("impasto.planning.tiles.BAND", 1)
    assert len(list(tiles.bands(71, 48))) == 9
    for name, features in network.compute(point, layers, wraps=(False, False)).items():
        torch.testing.assert_close(features, full[name])
    arguments = network, point, layers, wraps
    assert relative_error(pulled_back(*arguments), differentiated(*arguments)) < 1e-10


@every_pair(
    pooling=["max", "average", "l2"],
    padding=["zeros", "replicate", "reflect", "replicate-first"],
    at_once=[1, tiles.BAND],
    small_units=BOTH_WAYS_OF_A_BORDER,
)
def test_of_an_image_that_continues_the_features_are_those_of_the_whole(
    weights, pooling, padding, at_once, monkeypatch
):
    monkeypatch.setattr("impasto.planning.tiles._MIN_BAND_ROWS", 8)
    monkeypatch.setattr("impasto.planning.tiles.BAND", at_once)
    network = VGG19(weights, pooling, padding=padding).to(CPU, DOUBLE)
    point, layers = image(137, 150), ["conv1_1", "conv2_1", "conv3_1", "conv4_1"]
    full = network.forward(point, layers)
    image_tiles = tiles.Tiling(48).tiles(137, 150, layers)
    assert tiles.Cuts(*[True] * 4) in {tile.cuts for tile in image_tiles}
    for tile in image_tiles:
        features = network.compute(point[tile.extent()], layers, cuts=tile.cuts)
        for name, layer_features in features.items():
            torch.testing.assert_close(layer_features, full[name][tile.extent(name)])


def test_the_pullback_needs_no_cotangent_at_the_deepest_layers(weights):
    network = VGG19(weights).to(CPU, DOUBLE)
    features = network.compute(image(), EVERY_LAYER, retain=True)
    by_hand = network.pullback(features, {"conv2_1": [lambda _, gradient: gradient.add_(1.0)]})
    alone = network.compute(image(), ["conv2_1"], retain=True)
    torch.testing.assert_close(by_hand, network.pullback(alone, {"conv2_1": [lambda _, gradient: gradient.add_(1.0)]}))


def test_a_pullback_without_a_cotangent_is_refused(weights):
    with pytest.raises(ValueError, match="no cotangent"):
        VGG19(weights).pullback(VGG19(weights).compute(image().float(), ["conv1_1"], retain=True), {})


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
def test_packed_convolutions_equal_those_in_float64(weights, dtype, padding):
    network, layers = VGG19(weights, padding=padding), ["conv1_1", "conv4_1"]
    short = pulled_back(network.to(CPU, dtype), image().float(), layers)
    assert short.dtype == torch.float32
    expected = differentiated(network.to(CPU, DOUBLE), image(), layers)
    assert relative_error(short, expected) < (1e-5 if dtype == torch.float32 else 0.2)


@pytest.fixture(scope="module")
def wide():
    """A network of which the layers before conv4_1 are wide enough for Winograd's algorithm, an image, layers, the gradient."""
    network, layers = VGG19(tiny_weights(divisor=2), padding="replicate"), ["conv2_1", "conv4_1"]
    point = image(96, 104, seed=1).float()  # with another seed, float32 may take another of two equal maxima
    return network, point, layers, differentiated(network.to(CPU, DOUBLE), point.double(), layers)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "saving", "tolerance"),
    [(torch.float32, "lines", 1e-4), (torch.bfloat16, "lines", 0.2), (torch.float32, "tiles", 2e-3)],
)
def test_fewer_multiplications_make_the_same_features_and_gradient(wide, dtype, saving, tolerance, monkeypatch):
    if saving not in winograd_choices(CPU, dtype):
        pytest.skip("no numba, or another OpenMP than GNU's")
    network, point, layers, expected = wide
    monkeypatch.setattr("impasto.kernels.cpu.convolution._MIN_POSITIONS", 96 * 104 // 8**2)  # those of conv4_1
    fast = network.to(CPU, dtype, saving)
    plain = network.to(CPU, dtype).forward(point, layers)["conv4_1"]
    features = fast.forward(point, layers)["conv4_1"]
    assert 0 < relative_error(features.double(), plain.double()) < tolerance
    assert relative_error(pulled_back(fast, point, layers), expected) < tolerance


def test_l2_pooling_of_dark_features_has_a_finite_gradient(weights):
    zero = {name: (weight, bias - 1e6) for name, (weight, bias) in weights.tensors.items()}
    network = VGG19(type(weights)(**{**vars(weights), "tensors": zero}), "l2")
    features = network.compute(image().float(), ["pool1"], retain=True)
    gradient = network.pullback(features, {"pool1": [lambda _, gradient: gradient.add_(1.0)]})
    assert gradient.isfinite().all()


def test_padding_changes_the_border_and_nothing_far_from_it(weights):
    zeros, replicate = (
        VGG19(weights, padding=padding).forward(image().float(), ["conv1_2"])["conv1_2"]
        for padding in ("zeros", "replicate")
    )
    assert not torch.equal(zeros, replicate)
    torch.testing.assert_close(zeros[:, 2:-2, 2:-2], replicate[:, 2:-2, 2:-2])


def test_replicate_padding_of_a_flat_image_gives_flat_features(weights):
    flat = torch.full((3, 48, 48), 0.7)
    features = VGG19(weights, padding="replicate").forward(flat, ["conv5_1"])["conv5_1"]
    torch.testing.assert_close(features, features[:, :1, :1].expand_as(features), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
def test_normalized_filters_have_a_mean_activation_of_1(weights, pooling):
    images = [image(seed=2), image(48, 40, seed=3)]
    network = VGG19(weights, pooling).to(CPU, DOUBLE)
    normal = network.normalized(images, EVERY_LAYER)
    names = [layer.name for layer in CONVOLUTIONS]
    raw = [network.forward(one, names) for one in images]
    scaled = [normal.forward(one, names) for one in images]
    for name in names:
        raw_mean = sum(features[name].mean((1, 2)) for features in raw) / 2
        scaled_mean = sum(features[name].mean((1, 2)) for features in scaled) / 2
        alive = raw_mean > 1e-2 * raw_mean.mean()
        assert alive.any()
        torch.testing.assert_close(scaled_mean[alive], torch.ones_like(scaled_mean[alive]), rtol=1e-6, atol=0)
        # the same features, each channel times a constant
        torch.testing.assert_close(
            scaled[0][name] * raw_mean[:, None, None], raw[0][name] * scaled_mean[:, None, None], rtol=1e-6, atol=1e-6
        )


def test_bfloat16_features_are_near_float32s(weights):
    exact = VGG19(weights).forward(image().float(), ["conv3_1"])["conv3_1"]
    short = VGG19(weights).to(CPU, torch.bfloat16).forward(image().float(), ["conv3_1"])["conv3_1"]
    assert short.dtype == torch.bfloat16
    assert float((short.float() - exact).norm() / exact.norm()) < 0.02


def test_the_image_is_left_as_it_is(weights):
    point = image().float()
    network = VGG19(weights)
    features = network.compute(point, ["conv1_1"], retain=True)
    network.pullback(features, {"conv1_1": [lambda maps, gradient: gradient.add_(maps)]})
    assert torch.equal(point, image().float())


def test_a_network_is_made_ready_once_for_each_layer(weights, monkeypatch):
    network, prepared = VGG19(weights), []
    compute = VGG19.compute

    def spy(self, image, layers, **more):
        prepared.append(set(layers))
        return compute(self, image, layers, **more)

    monkeypatch.setattr(VGG19, "compute", spy)
    for layers in (["conv2_1", "conv3_1"], ["conv3_1"], ["conv4_1", "conv3_1"], ["conv2_1", "conv4_1"]):
        network.prepare(layers)
    assert prepared == [{"conv2_1", "conv3_1"}, {"conv4_1", "conv3_1"}]
