"""The network in torch's graph: as a function of the image that `loss.backward()` differentiates."""

import gc
import weakref
from dataclasses import replace

import pytest
import torch
from torch import nn

import vgg_by_autograd
from impasto import VGG19, Picture
from impasto.errors import InputError, WeightsError
from impasto.layers import LAYERS
from impasto.network.weights import CAFFE, TORCHVISION

DOUBLE = torch.float64
LAYERS_OF_BOTH_LOSSES = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]


def image(height=40, width=36, seed=0, batch=()):
    return torch.rand(*batch, 3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def network(weights):
    return VGG19(weights).to("cpu", DOUBLE)


def loss_of(features):
    return sum((maps.square() - maps).mean() for maps in features.values())


@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
def test_finite_differences_agree_with_the_gradient(weights, pooling, padding):
    network = VGG19(weights, pooling, padding=padding).to("cpu", DOUBLE)
    point = image(10, 9).requires_grad_()

    def features(x):
        return tuple(network(x, ["conv1_2", "pool1", "conv2_1", "conv3_1"]).values())

    torch.manual_seed(0)  # of the directions along which the fast check compares the derivatives
    for _ in range(3):
        torch.autograd.gradcheck(features, (point,), eps=1e-7, atol=1e-4, rtol=1e-4, fast_mode=True)


class PlainVGG(nn.Module):
    """VGG-19 as any tutorial writes it: a stack of modules, counted in order."""

    def __init__(self, weights):
        super().__init__()
        self.names, modules = [], []
        for name, layer in LAYERS.items():
            if layer.is_pool:
                modules.append(nn.MaxPool2d(2))
            else:
                weight, bias = (each.double() for each in weights.tensors[name])
                convolution = nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1, dtype=DOUBLE)
                convolution.weight.data, convolution.bias.data = weight, bias
                modules.append(nn.Sequential(convolution, nn.ReLU()))
            self.names.append(name)
        self.layers = nn.ModuleList(modules)

    def forward(self, image, names):
        mean = torch.tensor([123.68, 116.779, 103.939], dtype=DOUBLE)[:, None, None]
        signal, features = (image * 255 - mean)[None], {}
        for name, layer in zip(self.names, self.layers, strict=True):
            signal = features[name] = layer(signal)
        return {name: features[name] for name in names}


def test_features_and_gradient_are_those_of_a_plain_module(weights, network):
    assert weights.convention == CAFFE
    ours, theirs = image().requires_grad_(), image().requires_grad_()
    features, expected = network(ours[None], LAYERS_OF_BOTH_LOSSES), PlainVGG(weights)(theirs, LAYERS_OF_BOTH_LOSSES)
    for name in LAYERS_OF_BOTH_LOSSES:
        torch.testing.assert_close(features[name], expected[name], rtol=1e-9, atol=1e-9)
    loss_of(features).backward()
    loss_of(expected).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("convention", [CAFFE, TORCHVISION])
def test_the_scale_of_the_input_is_in_the_gradient(weights, convention):
    network = VGG19(replace(weights, convention=convention)).to("cpu", DOUBLE)
    ours, theirs = image().requires_grad_(), image().requires_grad_()
    loss_of(network(ours, ["conv3_1"])).backward()
    loss_of({"conv3_1": vgg_by_autograd.features(network, theirs)["conv3_1"]}).backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-9, atol=1e-12)


def test_the_loop_of_the_textbook_lowers_a_loss(network):
    target = {name: each.detach() for name, each in network(image(seed=1), LAYERS_OF_BOTH_LOSSES).items()}
    canvas = image().requires_grad_()
    optimizer, losses = torch.optim.Adam([canvas], lr=0.02), []
    for _ in range(8):
        optimizer.zero_grad()
        features = network(canvas, LAYERS_OF_BOTH_LOSSES)
        loss = sum((features[name] - target[name]).square().mean() for name in features)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses == sorted(losses, reverse=True)


def test_of_a_batch_each_image_has_its_own_features_and_gradient(network):
    together = image(batch=(2,)).requires_grad_()
    features = network(together, LAYERS_OF_BOTH_LOSSES)
    assert features["conv4_2"].shape == (2, 32, 5, 4)
    loss_of({name: each[1] for name, each in features.items()}).backward()
    alone = together.detach()[1].clone().requires_grad_()
    loss_of(network(alone, LAYERS_OF_BOTH_LOSSES)).backward()
    torch.testing.assert_close(together.grad[1], alone.grad)
    assert not together.grad[0].any()


def test_one_name_returns_the_features_themselves(network):
    features = network(image(), ["conv4_2"])
    assert list(features) == ["conv4_2"]
    assert torch.equal(network(image(), "conv4_2"), features["conv4_2"])
    assert torch.equal(network.forward(image(), "conv4_2"), features["conv4_2"])


def test_layers_without_a_loss_are_left_out_of_the_gradient(network):
    point = image().requires_grad_()
    features = network(point, ["conv1_1", "conv5_4"])
    features["conv1_1"].sum().backward()
    alone = image().requires_grad_()
    network(alone, "conv1_1").sum().backward()
    assert torch.equal(point.grad, alone.grad)


def test_two_backward_passes_through_one_forward_pass_add_up(network):
    point = image().requires_grad_()
    features = network(point, ["conv2_1", "conv4_1"])
    features["conv2_1"].sum().backward(retain_graph=True)
    features["conv4_1"].sum().backward()
    at_once = image().requires_grad_()
    sum(each.sum() for each in network(at_once, ["conv2_1", "conv4_1"]).values()).backward()
    torch.testing.assert_close(point.grad, at_once.grad)


def test_a_change_of_the_features_in_place_is_noticed(network):
    features = network(image().requires_grad_(), ["conv1_1", "conv2_1"])
    total = features["conv2_1"].sum()
    with torch.no_grad():
        features["conv1_1"].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


def test_what_a_graph_retains_goes_with_it(network):
    features = network(image().requires_grad_(), ["conv2_1"])
    node = weakref.ref(features["conv2_1"].grad_fn)
    gc.disable()
    try:
        del features
        assert node() is None, "nothing waits for the garbage collector"
    finally:
        gc.enable()


def test_without_a_gradient_nothing_is_retained(network):
    for point, mode in ((image(), torch.enable_grad()), (image().requires_grad_(), torch.no_grad())):
        with mode:
            assert not network(point, "conv1_1").requires_grad


def test_a_picture_goes_where_an_image_is_wanted(weights, picture, tmp_path):
    network, painting = VGG19(weights), picture()
    expected = network(painting.pixels, "conv2_1")
    assert torch.equal(network(painting, "conv2_1"), expected)
    painting.save(tmp_path / "painting.png")
    rounded = network(Picture.open(tmp_path / "painting.png"), "conv2_1")
    assert torch.equal(network(str(tmp_path / "painting.png"), "conv2_1"), rounded)
    half = Picture(torch.zeros(3, 32, 32), alpha=torch.full((32, 32), 0.5))
    assert torch.allclose(network(half, "conv1_1"), network(torch.full((3, 32, 32), 0.5), "conv1_1"))


@pytest.mark.parametrize(
    ("value", "layers", "words"),
    [
        (image(), "relu4_2", "there is no layer relu4_2; give conv4_2, which is that convolution after its ReLU."),
        (image(), ["conv4_2", "block5_conv2"], "no layer block5_conv2; give conv5_2"),
        (image(), "conv4-2", "there is no layer conv4-2; give conv4_2"),
        (image(), "pool6", "there is no layer pool6; pool5 is the nearest."),
        (image(), 21, "there is no layer 21; the layers are conv1_1 to conv5_4 and pool1 to pool5."),
        (image(), [], "no layer is named; name at least one, such as conv4_2."),
        (image(), None, "there is no layer None; the layers are"),
        (
            image() * 255,
            "conv1_1",
            "; the network takes RGB from 0 to 1 and subtracts the mean itself: give image / 255.",
        ),
        ((image() - 0.45) / 0.225, "conv1_1", "give it before it is normalized."),
        (image() * torch.nan, "conv1_1", "the image holds a value that is not a number"),
        ((image() * 255).byte(), "conv1_1", "the image holds torch.uint8; the network takes floats from 0 to 1"),
        (
            image().permute(1, 2, 0),
            "conv1_1",
            "(40, 36, 3); the network takes (3, H, W) or (B, 3, H, W): bring the chan",
        ),
        (image()[:1], "conv1_1", "the image has the shape (1, 40, 36); the network takes (3, H, W)"),
        (image()[0], "conv1_1", "the image has the shape (40, 36)"),
        (image(16, 40), "conv5_1", "the image is 40 × 16 pixels; conv5_1 needs at least 32 on each side."),
        (image().to("meta"), "conv1_1", "the image is on meta and the network on cpu; give image.to('cpu')."),
        (None, "conv1_1", "a picture cannot be made of NoneType; give a path"),
        ({"a": 1}, "conv1_1", "a picture cannot be made of dict"),
    ],
)
def test_what_the_network_cannot_take_is_named_in_a_sentence(network, value, layers, words):
    for call in (network, network.forward):
        with pytest.raises(InputError) as caught:
            call(value, layers)
        assert words.lower() in str(caught.value).lower()
        assert str(caught.value).endswith(".")


def test_an_image_that_is_being_painted_may_leave_the_range(network):
    assert network(torch.randn(3, 32, 32, dtype=DOUBLE).requires_grad_(), "conv1_1").requires_grad


def test_the_default_weights_are_the_original_ones(codebook, monkeypatch):
    for module in ("vgg", "weights"):
        monkeypatch.setattr(f"impasto.network.{module}.load_weights", lambda source="codebook": (codebook, source)[0])
    assert VGG19().weights is codebook
    assert VGG19("codebook").weights is codebook
    assert repr(VGG19()) == f"VGG19(max pooling, zeros padding, float32 on cpu, {codebook.source})"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"weights": 3}, WeightsError, "weights cannot be 3; give codebook, torchvision or the path of a .pth"),
        ({"weights": "missing.pth"}, WeightsError, "there is no weights file missing.pth"),
        ({"pooling": "mean"}, InputError, "pooling cannot be 'mean'; it takes max, average or l2."),
        (
            {"padding": None},
            InputError,
            "padding cannot be None; it takes zeros, replicate, reflect or replicate-first.",
        ),
    ],
)
def test_a_network_that_cannot_be_made_is_refused_in_a_sentence(weights, options, error, words):
    with pytest.raises(error) as caught:
        VGG19(**{"weights": weights, **options})
    assert words in str(caught.value)


def test_the_representation_of_weights_does_not_list_them(weights):
    assert repr(weights) == "Weights(16 convolutions, random, seed 0)"
