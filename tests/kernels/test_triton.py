"""The Triton kernels against the same operators in plain PyTorch: on a GPU, or in Triton's interpreter."""

import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"
pytest.importorskip("triton")

from common import every_pair
from impasto.kernels.borders import border
from impasto.kernels.cuda import (
    history_operators,
    layer_operators,
    statistic_operators,
    triton_first_layer,
    triton_history,
    triton_linear,
    triton_pooling,
    triton_relu,
    triton_statistics,
)
from impasto.kernels.cuda.frame import NO_FRAME, Frame
from impasto.network.vgg import VGG19
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.optimizers import LBFGS
from impasto.planning.tiles import Cuts, Tiling
from impasto.settings import Settings
from tiny import tiny_weights

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
EACH_DTYPE = pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
SHAPES = {f"{c}x{h}x{w}": (c, h, w) for c, h, w in ((64, 8, 10), (4, 7, 9), (128, 5, 6))}
BORDERS = {
    "zeros": border("zeros"),
    "replicate": border("replicate"),
    "reflect": border("reflect"),
    "wrapped": border("replicate", (True, True)),
    "wrapped across": border("zeros", (False, True)),
    "cut": border("replicate", cuts=Cuts(True, False, False, True)),
}
POOLINGS = {"max": ("max", 1.0), "average": ("average", 2.0), "l2": ("l2", 0.78)}


@pytest.fixture(autouse=True)
def _plain_operators(monkeypatch):
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.uses_triton", lambda _: False)


def random(*shape, seed=0, dtype=torch.float32, device=DEVICE):
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(device, dtype)
    return numbers.contiguous(memory_format=torch.channels_last) if len(shape) == 4 else numbers


def assert_near(result, expected, dtype=torch.float32):
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    tolerance = 2e-5 if dtype == torch.float32 else 1.6e-2
    torch.testing.assert_close(result.float(), expected.float(), rtol=tolerance, atol=tolerance)


@every_pair(dtype=DTYPES, shape=SHAPES, around=BORDERS)
def test_bias_relu_and_frame(dtype, shape, around):
    channels, height, width = shape
    raw, bias = random(1, channels, height, width, dtype=dtype), random(channels, seed=1, dtype=dtype)
    frame = Frame.of(around, height, width)
    result, bits = triton_relu.activate(raw, bias, frame)
    expected, expected_bits = layer_operators.activate(raw, bias, frame, True)
    assert_near(result, expected, dtype)
    assert torch.equal(bits, expected_bits)


@every_pair(dtype=DTYPES, shape=SHAPES, around=BORDERS, pooling=POOLINGS)
def test_pooling_and_its_backward_pass(dtype, shape, around, pooling):
    (channels, height, width), (kind, scale) = shape, pooling
    raw, bias = random(1, channels, height, width, dtype=dtype), random(channels, seed=1, dtype=dtype)
    frame = Frame.of(around, height // 2, width // 2)
    result, choices = triton_pooling.pool(raw, bias, kind, scale, frame)
    expected, expected_choices = layer_operators.pool(raw, bias, kind, scale, frame, True)
    assert_near(result, expected, dtype)
    assert float((choices != expected_choices).float().mean()) < (
        0.03 if dtype == torch.bfloat16 else 1e-9
    )  # equal after rounding
    framed = random(*expected.shape, seed=2, dtype=dtype)
    back = triton_pooling.unpool(framed, frame, expected_choices, raw, bias, kind, scale, height, width)
    assert_near(
        back, layer_operators.unpool(framed, frame, expected_choices, raw, bias, kind, scale, height, width), dtype
    )


@every_pair(
    dtype=DTYPES,
    shape=SHAPES,
    around=BORDERS,
    case=["features", "bits", "content", "content without clearing", "no gradient"],
)
def test_the_backward_pass_of_a_frame_and_a_relu(dtype, shape, around, case):
    channels, height, width = shape
    frame = Frame.of(around, height, width)
    framed = random(1, channels, *frame.size(height, width), dtype=dtype)
    features, bits = layer_operators.activate(
        random(1, channels, height, width, seed=1, dtype=dtype), random(channels, seed=2, dtype=dtype), NO_FRAME, True
    )
    factor, content = torch.tensor(0.3, device=DEVICE), random(channels, height, width, seed=3, dtype=dtype)
    content = content.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    arguments = {
        "features": (framed, frame, features, None, None, None),
        "bits": (framed, frame, None, bits, None, None),
        "content": (framed, frame, features, None, factor, content),
        "content without clearing": (framed, frame, features, None, factor, content),
        "no gradient": (None, frame, features, None, factor, content),
    }[case]
    clears = case != "content without clearing"
    result = triton_relu.relu_backward(*arguments, clears=clears, shape=features.shape, template=framed)
    assert_near(result, layer_operators.relu_backward(*arguments, clears, features.shape, framed), dtype)


@every_pair(
    dtype=DTYPES,
    shape=SHAPES,
    around=BORDERS,
    case=["gradient", "no gradient", "offset without clearing", "weights", "weights in a box"],
)
def test_the_backward_pass_of_a_gram_matrix(dtype, shape, around, case):
    channels, height, width = shape
    frame = Frame.of(around, height, width)
    framed_gradient = random(1, channels, *frame.size(height, width), dtype=dtype)
    framed, _ = layer_operators.activate(
        random(1, channels, height, width, seed=1, dtype=dtype), random(channels, seed=2, dtype=dtype), frame, False
    )
    features = frame.interior(framed)
    moments = random(channels, channels + 1, seed=3) / channels
    matrix, offset = moments[:, :channels], moments[:, channels]
    matrix = (matrix + matrix.T) / 2
    weights = random(height, width, seed=4).abs()
    arguments = {
        "gradient": (framed_gradient, frame, features, matrix, None, None, None),
        "no gradient": (None, frame, features, matrix, None, None, None),
        "offset without clearing": (framed_gradient, frame, features, matrix, offset, None, None),
        "weights": (framed_gradient, frame, features, matrix, offset, weights, None),
        "weights in a box": (
            framed_gradient,
            frame,
            features,
            matrix,
            offset,
            weights[1:-1, 2:],
            [1, height - 1, 2, width],
        ),
    }[case]
    clears = case != "offset without clearing"
    assert_near(triton_linear.linear(*arguments, clears=clears), layer_operators.linear(*arguments, clears), dtype)


@every_pair(dtype=DTYPES, around=BORDERS, channels=[64, 4])
def test_the_first_layer_and_its_backward_pass(dtype, around, channels):
    image = random(3, 9, 11).abs()
    scale, shift = (255.0, 254.0, 253.0), (-123.0, -116.0, -103.0)
    weight, bias = random(channels, 3, 3, 3, dtype=dtype).contiguous() / 100, random(channels, dtype=dtype)
    input_frame, height, width = Frame.of(around, 9, 11), *(side - 2 for side in Frame.of(around, 9, 11).size(9, 11))
    frame = Frame.of(around, height, width)
    larger = random(3, 20, 30, seed=6)
    larger[:, 5:14, 7:18] = image
    assert torch.equal(
        triton_first_layer.first_forward(larger[:, 5:14, 7:18], input_frame, scale, shift, weight, bias, frame),
        triton_first_layer.first_forward(image, input_frame, scale, shift, weight, bias, frame),
    )
    result = triton_first_layer.first_forward(image, input_frame, scale, shift, weight, bias, frame)
    expected = layer_operators.first_forward(image, input_frame, scale, shift, weight.float(), bias.float(), frame).to(
        dtype
    )
    assert_near(result, expected, dtype)
    cotangent = random(1, channels, height, width, seed=1, dtype=dtype)
    back = triton_first_layer.first_backward(cotangent, weight, scale, torch.float32)
    expected_gradient = layer_operators.first_backward(cotangent.float(), weight.float(), scale, torch.float32)
    tolerance = (1e-3 if dtype == torch.float32 else 1e-2) * float(expected_gradient.abs().max())
    torch.testing.assert_close(back, expected_gradient, rtol=0, atol=tolerance)


@every_pair(dtype=DTYPES, shape=[(64, 8, 10), (4, 47, 39), (160, 9, 7)], is_wide=[False, True])
def test_moments(dtype, shape, is_wide, monkeypatch):
    monkeypatch.setattr(triton_statistics, "has_wide_products", lambda: is_wide)
    channels, height, width = shape
    frame = Frame.of(border("replicate"), height, width)
    framed, _ = layer_operators.activate(
        random(1, channels, height, width, dtype=dtype), random(channels, seed=1, dtype=dtype), frame, False
    )
    features = frame.interior(framed)[0]
    weights = random(height, width, seed=2).abs().to(dtype).float()
    for position_weights in (None, weights):
        result = triton_statistics.moments(features, position_weights).sum(0)
        expected = statistic_operators.moments(features.float(), position_weights).sum(0)
        assert float((result - expected).norm() / expected.norm()) < (1e-5 if dtype == torch.float32 else 3e-3)


@pytest.mark.parametrize("channels", [4, 64])
def test_the_distance_of_a_gram_matrix_and_its_slope(channels):
    total, target = random(channels, channels + 1), random(channels, channels + 1, seed=1)
    mass = torch.tensor(7.0, device=DEVICE)
    value, slope = triton_statistics.gram_distance(total, mass, target, 3.0, torch.float32)
    expected, derivative = statistic_operators.gram_distance(total, mass, target, 3.0, torch.float32)
    torch.testing.assert_close(value.sum(), expected.sum(), rtol=1e-5, atol=0)
    torch.testing.assert_close(slope, derivative, rtol=1e-5, atol=1e-9)


@EACH_DTYPE
@pytest.mark.parametrize(("channels", "height", "width"), [(64, 8, 10), (4, 47, 39), (512, 3, 17)])
def test_the_distance_from_the_content(dtype, channels, height, width):
    frame = Frame.of(border("replicate"), height, width)
    features = frame.interior(frame.pad(random(1, channels, height, width, dtype=dtype)))[0]
    content = random(1, channels, height, width, seed=1, dtype=dtype)[0]
    result = triton_statistics.square_distance(features, content).sum()
    torch.testing.assert_close(result, statistic_operators.square_distance(features, content).sum(), rtol=1e-5, atol=0)


@pytest.mark.parametrize("is_view", [False, True])
def test_gray_levels_out_of_range(is_view):
    gray, gradient = 128 + 100 * random(3, 6, 1300), random(3, 6, 1300, seed=1)
    if is_view:
        gray, gradient = gray[:, 1:5, 5:], gradient[:, 1:5, 5:]
    torch.testing.assert_close(
        triton_statistics.excess(gray).sum(), statistic_operators.excess(gray).sum(), rtol=1e-5, atol=0
    )
    factor, expected = torch.tensor(0.3, device=DEVICE), gradient.clone()
    statistic_operators.add_excess(gray, factor, expected)
    triton_statistics.add_excess(gray, factor, gradient)
    torch.testing.assert_close(gradient, expected)


def objective_with_regions(padding, side, pooling, content_layer):
    """Return an objective with two regions, tiles and every kind of cotangent, and its content image."""
    settings = Settings(
        padding=padding,
        pooling=pooling,
        content_layers=content_layer,
        style_loss="gram,moments:2",
        style_layers="conv1_1,conv2_1,pool2",
    )
    network = VGG19(tiny_weights(), pooling, padding=padding).to(torch.device(DEVICE), torch.float32)
    content, first, second = (random(3, height, 14, seed=seed).sigmoid() for height, seed in ((20, 0), (8, 1), (10, 2)))
    area = torch.zeros(20, 14, device=DEVICE)
    area[:, 7:] = 1
    regions = [Region([StyleImage(first)], area), Region([StyleImage(second)], 1 - area)]
    return Objective.build(settings, network, content, regions, tiling=Tiling(side)), content


@pytest.mark.slow
@pytest.mark.parametrize(
    ("padding", "side", "pooling", "content_layer"),
    [("replicate", 0, "max", "conv4_2"), ("zeros", 16, "average", "conv2_2"), ("reflect", 16, "l2", "conv2_2")],
)
def test_an_evaluation_by_kernels_finds_what_plain_operators_find(padding, side, pooling, content_layer, monkeypatch):
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)
    evaluations = []
    for by_kernels in (True, False):
        monkeypatch.setattr("impasto.kernels.cuda.dispatch.uses_triton", lambda _, by_kernels=by_kernels: by_kernels)
        objective, content = objective_with_regions(padding, side, pooling, content_layer)
        evaluations.append(objective.evaluate(content * 1.3 - 0.1))
    by_kernel, expected = evaluations
    for term, value in expected.terms.items():
        torch.testing.assert_close(by_kernel.terms[term], value, rtol=1e-3, atol=0)
    difference = float((by_kernel.gradient - expected.gradient).norm())
    assert difference < 2e-3 * float(expected.gradient.norm())


@pytest.mark.slow
def test_steps_by_kernels_are_those_of_plain_operators(monkeypatch):
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)
    results = []
    for by_kernels in (True, False):
        monkeypatch.setattr("impasto.kernels.cuda.dispatch.uses_triton", lambda _, by_kernels=by_kernels: by_kernels)
        optimizer, point, losses = LBFGS(history=3), random(3, 9, 7), []
        state = optimizer.init(point)
        for _ in range(8):
            loss = (point.sin() * torch.arange(7, device=DEVICE)).square().sum()
            losses.append(float(loss))
            gradient = 2 * point.sin() * point.cos() * torch.arange(7, device=DEVICE) ** 2
            point, state = optimizer.step(point, loss, gradient, state)
        results.append(losses)
    by_kernel, expected = results
    assert by_kernel == pytest.approx(expected, rel=1e-3)
    assert by_kernel[-1] < by_kernel[0]


LIMITS = (1e-8, 5.0, 1.5, 8 / 255, 0.1, 0.1, 2.5, 0.02, 1.0)


def history(pairs, length, dtype, missing):
    """Return the tensors of L-BFGS's history with curved pairs, empty rows and a step that was started."""
    steps = random(pairs, length, dtype=dtype)
    changes = (steps.float() * (1.5 + random(length, seed=1).sin()) + 0.1 * random(pairs, length, seed=2)).to(dtype)
    ages = (torch.randperm(pairs, generator=torch.Generator().manual_seed(3)) + 1).to(DEVICE)
    ages[:missing] = 0
    started_row = int(ages.argmin())
    ages[started_row] = -1
    is_pair = (ages > 0)[:, None]
    s, y = (torch.where(is_pair, matrix.double(), 0) for matrix in (steps, changes))
    small = [s @ y.T, y @ y.T, s.square().sum(1), ages]
    return steps, changes, small, started_row


def scalars(*numbers):
    return [torch.tensor(number, device=DEVICE) for number in numbers]


HISTORIES = {
    f"{pairs} pairs of {length}, {missing} missing": (pairs, length, missing)
    for pairs, length, missing in ((5, 1000, 0), (7, 500, 4), (70, 96, 3), (1, 60, 0))
}


@every_pair(dtype=DTYPES, stored=HISTORIES, loss=[0.9, 2.0, float("nan")])
def test_a_step_of_l_bfgs(dtype, stored, loss):
    """Each operator gets the results of the plain operator before it."""
    pairs, length, missing = stored
    steps, changes, small, started_row = history(pairs, length, dtype, missing)
    last_gradient, image = random(length, seed=4), random(3, 1, length // 3 or 1, seed=8)
    gradient = last_gradient + steps[started_row].float() * 1.2 + 0.05 * random(length, seed=5)
    numbers = scalars(loss, 1.0, 0.01, 0.3, 0.02)
    results = []
    for module in (triton_history, history_operators):
        pair_rows, last_gradient_after = (steps.clone(), changes.clone()), last_gradient.clone()
        partial_sums = module.complete(*pair_rows, small[3], gradient, last_gradient_after, *numbers[:2], 1.5)
        results.append((partial_sums.sum(0), pair_rows[1], last_gradient_after))
    (sums, by_kernel, last_gradient_after), (expected, expected_changes, expected_gradient) = results
    assert_near(sums / expected.abs().max(), expected / expected.abs().max(), dtype)
    assert_near(by_kernel, expected_changes, dtype)  # the interpreter cuts off what bfloat16 does not hold
    assert_near(last_gradient_after, expected_gradient, dtype)
    result = triton_history.products(steps, expected_changes, small[3], expected_gradient).sum(0)
    products = history_operators.products(steps, expected_changes, small[3], expected_gradient).sum(0)
    assert_near(result / products.abs().amax(), products / products.abs().amax())
    results = []
    for module in (triton_history, history_operators):
        changed = [tensor.clone() for tensor in (*small, *numbers)]
        weights = module.solve(expected.double(), products.double(), *changed, LIMITS)
        results.append([*changed, *weights])
    for by_kernel, expected in zip(*results, strict=True):
        tolerance = 1e-7 * float(expected.abs().double().nan_to_num().max() + 1e-30)
        torch.testing.assert_close(by_kernel, expected, rtol=1e-5, atol=tolerance, equal_nan=True)
    *changed, of_steps, of_changes, scale, flags = results[1]
    arguments = (steps, expected_changes, expected_gradient, scale, of_steps, of_changes)
    direction = history_operators.combination(*arguments)
    by_kernel = triton_history.combination(*arguments)
    assert_near(by_kernel / direction.abs().amax(), direction / direction.abs().amax())
    move, size = image / 7, image.abs().sum()
    shard = direction[: image.numel() * 2 // 3]
    results = []
    for module in (triton_history, history_operators):
        pair_rows, last_image, ages, step_length = (
            steps[:, : len(shard)].contiguous(),
            image * 0.9,
            changed[3].clone(),
            torch.zeros_like(size),
        )
        next_image = module.advance(
            shard,
            move,
            size,
            image,
            last_image,
            pair_rows,
            ages,
            changed[7],
            changed[8],
            flags,
            step_length,
            1.0,
            0.002,
        )
        results.append((next_image, pair_rows, last_image, ages, step_length))
    for by_kernel, expected in zip(*results, strict=True):
        torch.testing.assert_close(
            by_kernel, expected, rtol=2e-2 if by_kernel.dtype == torch.bfloat16 else 1e-5, atol=1e-6
        )


def test_rows_with_a_weight_of_0_are_ignored_whatever_they_contain():
    steps, changes = random(3, 50), random(3, 50, seed=1)
    gradient, scale = random(50, seed=2), torch.tensor(0.5, device=DEVICE)
    weights = torch.tensor([0.0, 1.0, 2.0], device=DEVICE)
    expected = gradient / 2 + weights[1] * (steps[1] + changes[1]) + weights[2] * (steps[2] + changes[2])
    steps[0], changes[0] = float("nan"), float("inf")
    for module in (triton_history, history_operators):
        assert_near(module.combination(steps, changes, gradient, scale, weights, weights), expected)
