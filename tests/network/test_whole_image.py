"""The way of a GPU, on a processor: operators in plain PyTorch, in double precision."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import vgg_by_autograd
from common import every_pair
from footprints import budget_of, cheapest_layout
from impasto import StyleTransfer
from impasto.kernels.precision import exact_dtype
from impasto.layers import LAYERS
from impasto.network.vgg import VGG19
from impasto.network.whole_image import FusedNetwork
from impasto.objective.objective import KeptContent, Objective
from impasto.objective.targets import Region, StyleImage
from impasto.optimizers import LBFGS
from impasto.planning.tiles import Cuts, Tiling
from impasto.settings import Runtime, Settings
from impasto.transfer.iteration import Point, iteration
from tiny import tiny_weights

CPU, DOUBLE = torch.device("cpu"), torch.float64
DEFAULT = ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv4_2", "conv5_1"]
MOST_OPERATORS = 250
NO_LAUNCH = {"empty", "empty_like", "empty_strided", "new_empty", "_unsafe_view", "promote_types"}


@pytest.fixture
def fused(monkeypatch):
    """Go the way of a GPU from now on."""

    def start():
        monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)

    return start


def image(height=40, width=36, seed=0):
    return torch.rand(3, height, width, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def pulled_back(network, point, layers, wraps=(False, False)):
    """Return the gradient of a random linear function of some features, by hand and by automatic differentiation."""
    features = network.compute(point, layers, retain=True, wraps=wraps)
    assert features.forward_steps
    generator = torch.Generator().manual_seed(1)
    random = {name: torch.rand(features[name].shape, dtype=DOUBLE, generator=generator) - 0.3 for name in layers}
    weights = {name: values.to(features[name]) for name, values in random.items()}
    by_hand = network.pullback(
        features, {name: [lambda _, gradient, w=w: gradient.add_(w)] for name, w in weights.items()}
    )
    leaf = point.clone().requires_grad_()
    expected = vgg_by_autograd.features(network, leaf, wraps)
    sum((expected[name] * weight).sum() for name, weight in weights.items()).backward()
    return by_hand, leaf.grad


@every_pair(
    pooling=["max", "average", "l2"],
    padding=["zeros", "replicate", "reflect", "replicate-first"],
    layers={
        "every layer": list(LAYERS),
        "the defaults": DEFAULT,
        "down to pool4": ["conv1_2", "conv3_2", "pool4"],
        "conv1_1": ["conv1_1"],
        "pool1": ["pool1"],
        "conv5_4": ["conv5_4"],
    },
)
def test_the_pullback_equals_automatic_differentiation(weights, pooling, padding, layers, fused):
    fused()
    network = VGG19(weights, pooling, padding=padding).to(CPU, DOUBLE)
    for size, wraps in (((40, 36), (False, False)), ((67, 45), (False, False)), ((48, 64), (True, False))):
        by_hand, expected = pulled_back(network, image(*size), layers, wraps)
        assert float((by_hand - expected).norm() / expected.norm()) < 1e-10


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("pooling", ["max", "average", "l2"])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize(
    ("dtype", "most"), [(DOUBLE, 1e-10), (torch.float32, 1e-4), (torch.bfloat16, 0.15)], ids=["64", "32", "16"]
)
def test_a_gpu_computes_the_same_gradient(pooling, padding, dtype, most):
    network = VGG19(tiny_weights(1), pooling, padding=padding)
    point = image(80, 96)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        on_gpu = network.to(torch.device("cuda"), dtype)
        by_hand, _ = pulled_back(on_gpu, point.cuda().to(torch.promote_types(dtype, torch.float32)), DEFAULT)
    exact = network.to(torch.device("cuda"), DOUBLE)
    _, expected = pulled_back(exact, point.cuda(), DEFAULT)
    assert float((by_hand - expected).norm() / expected.norm()) < most


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_run_on_a_gpu_falls_as_far_as_on_a_processor(picture):
    losses = {}
    for device in ("cpu", "cuda"):
        settings = Settings(size=192, first_size=96, iterations=30, tolerance=0)
        transfer = StyleTransfer(settings, Runtime(device=device, dtype="float32"), weights=tiny_weights(1))
        run = transfer.start(picture(192, 160), picture(seed=1))
        list(run)
        losses[device] = [progress.loss for progress in run.history]
        assert len(run.history) == run.plan.evaluations
    assert losses["cuda"][:3] == pytest.approx(losses["cpu"][:3], rel=1e-2)
    assert losses["cuda"][-1] == pytest.approx(losses["cpu"][-1], rel=0.1)


@pytest.mark.parametrize("padding", ["zeros", "replicate", "reflect"])
def test_of_an_image_that_continues_the_features_are_those_of_the_whole(weights, padding, fused):
    fused()
    network = VGG19(weights, padding=padding).to(CPU, DOUBLE)
    point, layers = image(137, 150), ["conv1_1", "conv2_1", "conv3_1", "conv4_1"]
    full = network.forward(point, layers)
    image_tiles = Tiling(48).tiles(137, 150, layers)
    assert Cuts(*[True] * 4) in {tile.cuts for tile in image_tiles}
    for tile in image_tiles:
        for name, features in network.compute(point[tile.extent()], layers, cuts=tile.cuts).items():
            torch.testing.assert_close(features, full[name][tile.extent(name)])


def test_the_pullback_needs_no_cotangent_at_the_deepest_layers(weights, fused):
    fused()
    network = VGG19(weights).to(CPU, DOUBLE)
    add = {"conv2_1": [lambda _, gradient: gradient.add_(1.0)]}
    by_hand = network.pullback(network.compute(image(), list(LAYERS), retain=True), add)
    torch.testing.assert_close(by_hand, network.pullback(network.compute(image(), ["conv2_1"], retain=True), add))
    with pytest.raises(ValueError, match="no cotangent"):
        network.pullback(network.compute(image(), ["conv1_1"], retain=True), {})


def test_an_image_whose_units_32_bits_cannot_count_is_refused(weights):
    large = torch.empty(1, device="meta").expand(3, 30000, 30000)
    with pytest.raises(ValueError, match="30000 × 30000 pixels is too large"):
        FusedNetwork(weights, VGG19(weights)._pool, "zeros").forward(
            large, DEFAULT, wraps=(False, False), cuts=Cuts(), retain=False
        )


def half(height, width):
    area = torch.zeros(height, width, dtype=DOUBLE)
    area[:, : width // 2] = 1
    area[:, width // 2] = 0.5
    return area


VARIANTS = {
    "defaults": {},
    "all distances": {"style_loss": {"gram": 1.0, "moments": 2.0, "covariance": 0.5, "wasserstein": 3.0}},
    "content where style is": {"content_layers": "conv4_1,conv4_2:0.5", "style_layers": "conv2_1,conv4_1"},
    "variation": {"tv_weight": 3.0, "tv_variation": "nine-point"},
    "zeros, average": {"padding": "zeros", "pooling": "average"},
    "seamless": {"seamless": "both"},
    "no content": {"content_weight": 0.0},
    "no style": {"style_weight": 0.0},
    "pooling layers": {"style_layers": "conv1_2,pool1,pool3"},
}


@every_pair(changes=VARIANTS, regions=[1, 2], side={"whole": 0, "tiles": 48})
def test_an_evaluation_finds_what_it_finds_on_a_processor(weights, changes, regions, side, fused):
    settings = Settings(**changes)
    network = VGG19(weights, settings.pooling, padding=settings.padding).to(CPU, DOUBLE)
    content, styles = image(80, 112), [StyleImage(image(48, 64, seed=seed)) for seed in (1, 2)]
    areas = [half(80, 112), 1 - half(80, 112)] if regions == 2 else [None]
    listed = [Region([style], area) for style, area in zip(styles, areas, strict=False)]
    kept = KeptContent(half(80, 112) / 2, content)
    tiling = Tiling(side, retained_tiles=1, wraps=settings.wraps)

    def evaluated():
        objective = Objective.build(settings, network, content, listed, kept=kept, tiling=tiling)
        return objective.evaluate(image(80, 112, seed=3) * 1.2 - 0.1)

    expected = evaluated()
    fused()
    evaluation = evaluated()
    assert list(evaluation.terms) == list(expected.terms)
    for term, value in expected.terms.items():
        torch.testing.assert_close(evaluation.terms[term], value, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        evaluation.gradient, expected.gradient, rtol=1e-7, atol=1e-9 * float(expected.gradient.norm())
    )


def problem(side=64):
    network = VGG19(tiny_weights(), padding="replicate").to(CPU, DOUBLE)
    content, style = image(side, side), image(side, side, seed=1)
    return Objective.build(Settings(), network, content, [Region([StyleImage(style)])]), content


@pytest.mark.parametrize("changes", [{}, {"history": 3}, {"first_step": 2.0}, {"preconditioner": 0.0}], ids=str)
def test_steps_of_l_bfgs_are_those_on_a_processor(changes, fused):
    """Too long a first step makes the next point a bad one, which is left again."""

    def losses():
        (objective, point), optimizer = problem(), LBFGS(**{"history": 20, **changes})
        state, values = optimizer.init(point), []
        for _ in range(12):
            evaluation = objective.evaluate(point)
            values.append(float(evaluation.loss))
            point, state = optimizer.step(point, evaluation.loss, evaluation.gradient, state)
        return values

    expected = losses()
    assert "first_step" not in changes or expected[1] > 1.5 * expected[0]
    fused()
    assert losses() == pytest.approx(expected, rel=1e-6)


class Counted(TorchDispatchMode):
    """Count the operators that compute: each is a launch on a GPU."""

    count = 0

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        name = operator.name().split("::")[1].split(".")[0]
        self.count += not (operator.is_view or name in NO_LAUNCH)
        return operator(*args, **(kwargs or {}))


def test_an_evaluation_and_its_step_are_few_operators_whatever_the_size(fused):
    fused()
    counts = []
    for side in (64, 192):
        objective, content = problem(side)
        optimizer = LBFGS(history=4)
        iterate = iteration(objective, optimizer, torch.device("cpu")).iterate
        point = Point(content, optimizer.init(content), content, torch.tensor(float("inf"), dtype=DOUBLE))
        for _ in range(4):
            with Counted() as counted:
                point = iterate(point, lambda: None).point
        counts.append(counted.count)
    assert counts[0] == counts[1] < MOST_OPERATORS
    assert counts[0] > 100


def test_a_run_goes_the_way_of_a_gpu_from_stage_to_stage(weights, picture, fused):
    fused()
    settings = Settings(size=256, first_size=128, iterations=8, tolerance=0)
    run = StyleTransfer(settings, Runtime(device="cpu", dtype="float32"), weights=weights).start(
        picture(256, 256), picture(seed=1)
    )
    list(run)
    losses = [progress.loss for progress in run.history if progress.stage == 2]
    assert min(losses) < 0.8 * losses[0]


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}, {"normalize": True}], ids=str)
def test_a_run_needs_no_double_precision_which_an_apple_gpu_does_not_have(picture, fused, monkeypatch, changes):
    class NoFloat64(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), options=None):
            result = function(*arguments, **(options or {}))
            assert not (isinstance(result, torch.Tensor) and result.dtype == torch.float64), function
            return result

    fused()
    for module in ("network.vgg", "optimizers.lbfgs_history"):
        monkeypatch.setattr(f"impasto.{module}.exact_dtype", lambda _: exact_dtype(torch.device("mps")))
    settings = Settings(size=64, first_size=0, iterations=4, tolerance=0, **changes)
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float32"), weights=tiny_weights(1))
    with NoFloat64():
        run = transfer.start(picture(), picture(seed=1))
        assert len(list(run)) == 4


def test_a_gpu_takes_tiles_where_the_whole_does_not_fit_or_has_too_many_units():
    def laid_out(side, gigabytes):
        return cheapest_layout(
            Settings(), side, side, budget_of(gigabytes * 1e9, 0, 2, "bfloat16", fused=True), 100, fused=True
        )

    assert laid_out(4096, 1000).tiles == 1
    assert laid_out(4096, 12).tiles > 1
    assert laid_out(8192, 1000).tiles > 1
    assert laid_out(8192, 40).tiling.retained_tiles > 1
    assert laid_out(8192, 12) is None
