"""What holds for every loss, built in or from outside: its sums add up, and its derivatives are right."""

import importlib.util
import os

import pytest
import torch

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"

from impasto.layers import IMAGE
from impasto.losses import (
    DISTANCES,
    ContentLoss,
    NinePointTotalVariationLoss,
    RangeLoss,
    StyleLoss,
    TotalVariationLoss,
    Units,
    moments,
)
from impasto.losses.autograd import DifferentiatedLoss
from own_losses import Absolute, Brightness, MeanHistogram, Smoothness

DOUBLE = torch.float64


def rand(*shape, seed=0):
    return torch.rand(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def channels(loss):
    return 3 if loss.layer == IMAGE else 8


def style_loss(*kinds):
    def make(dtype):
        target = moments(Units(rand(8, 6, 5, seed=9).to(dtype))).mean
        return StyleLoss("conv1_1", [(DISTANCES[kind](target), 3.0 + number) for number, kind in enumerate(kinds)])

    return make


def differentiated(loss, weight, scale=1.0):
    target = scale * rand(channels(loss), seed=9) if loss.target_image != "none" else torch.empty(0)
    return lambda dtype: DifferentiatedLoss(loss, weight, target.to(dtype))


MAKERS = {
    "content": lambda _: ContentLoss("conv4_2", 2.0),
    **{kind: style_loss(kind) for kind in DISTANCES},
    "gram and moments": style_loss("gram", "moments"),
    "mean-squares": lambda _: TotalVariationLoss(0.5, "mean-squares"),
    "mean-absolute": lambda _: TotalVariationLoss(0.5, "mean-absolute"),
    "half-squares": lambda _: TotalVariationLoss(0.5, "half-squares"),
    "absolute": lambda _: TotalVariationLoss(0.5, "absolute"),
    "nine-point": lambda _: NinePointTotalVariationLoss(0.5),
    "range": lambda _: RangeLoss(4.0),
    "by hand from outside": lambda _: Smoothness(2.0),
    "autograd": differentiated(Absolute(), 3.0),
    "autograd with a target": differentiated(MeanHistogram(), 30.0),
    "autograd of the pixels": differentiated(Brightness(), 2.0, 255.0),
}
"""Functions that make a loss whose target has the precision of the sums."""

EVERY = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
OF_FEATURES = {name: make for name, make in MAKERS.items() if make(DOUBLE).layer != IMAGE}
NEEDS_TRITON = pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="Triton is not installed")
MASKED = pytest.mark.parametrize("masked", [False, True])
SIZE = (9, 11)


def units(loss, masked=False, dtype=DOUBLE):
    """Return random units as the network lays them out, or pixels of which some are out of range."""
    features, content = (rand(channels(loss), *SIZE, seed=seed) * 2 for seed in (0, 1))
    if loss.layer == IMAGE:
        features = (features * 200 - 70).to(dtype)
    else:
        features, content = (
            each.to(dtype)[None].contiguous(memory_format=torch.channels_last)[0] for each in (features, content)
        )
    mask = rand(*SIZE, seed=2).to(torch.promote_types(dtype, torch.float32)) if masked else None
    return Units(features, mask, content if loss.needs_content else None)


def part(all_units, weights):
    return all_units._replace(weights=weights if all_units.weights is None else all_units.weights * weights)


def gradient(loss, all_units):
    """Return the derivative of the value by the features."""
    accumulated = torch.zeros_like(all_units.features)
    loss.cotangent(loss.value_and_slope(loss.measure(all_units), all_units.features.dtype)[1], all_units)(
        all_units.features, accumulated
    )
    return accumulated


def value(loss, features, all_units):
    return float(loss.value(loss.measure(all_units._replace(features=features))))


def near(actual, expected, tolerance):
    assert float((actual.to(expected.dtype) - expected).norm() / expected.norm()) < tolerance


def same(actual, expected):
    torch.testing.assert_close(actual.total, expected.total, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(actual.weight_sum, expected.weight_sum, rtol=1e-12, atol=0)


@EVERY
@MASKED
def test_statistics_add_up_over_any_split_of_the_units(make, masked):
    loss = make(DOUBLE)
    all_units, owner = units(loss, masked), (3 * rand(*SIZE, seed=3)).long()
    first, *others = [loss.measure(part(all_units, (owner == each).double())) for each in range(3)]
    same(sum(others, start=first), loss.measure(all_units))


@EVERY
def test_tiles_with_a_pixel_of_halo_add_up_to_the_image(make):
    loss = make(DOUBLE)
    all_units, statistics = units(loss), []
    for rows, own in ((slice(0, 5), slice(0, 4)), (slice(3, 9), slice(1, 6))):
        tile = all_units.rows(rows)
        owned = torch.zeros(tile.features.shape[1:], dtype=DOUBLE)
        owned[own] = 1
        statistics.append(loss.measure(part(tile, owned)))
    same(statistics[0] + statistics[1], loss.measure(all_units))


@EVERY
@MASKED
def test_the_gradient_agrees_with_finite_differences(make, masked):
    loss = make(DOUBLE)
    all_units, direction = units(loss, masked), rand(channels(loss), *SIZE, seed=4) - 0.5
    step = 1e-4 if loss.layer == IMAGE else 1e-6
    ahead, behind = (value(loss, all_units.features + sign * step * direction, all_units) for sign in (1, -1))
    assert float((gradient(loss, all_units) * direction).sum()) == pytest.approx(
        (ahead - behind) / (2 * step), rel=1e-5
    )


@EVERY
def test_a_gradient_is_added_to_what_is_there(make):
    loss = make(DOUBLE)
    all_units = units(loss)
    accumulated = torch.ones_like(all_units.features)
    loss.cotangent(loss.slope(loss.measure(all_units)), all_units)(all_units.features, accumulated)
    torch.testing.assert_close(accumulated, 1 + gradient(loss, all_units))


@EVERY
def test_an_empty_region_adds_nothing(make):
    loss = make(DOUBLE)
    all_units = units(loss)
    empty, slope = part(all_units, torch.zeros(SIZE, dtype=DOUBLE)), loss.slope(loss.measure(all_units))
    same(loss.measure(all_units) + loss.measure(empty), loss.measure(all_units))
    accumulated = torch.zeros_like(all_units.features)
    loss.cotangent(slope, empty)(all_units.features, accumulated)
    assert not accumulated.any()


@EVERY
@MASKED
def test_float32_units_are_summed_in_float32_and_give_nearly_the_same(make, masked):
    short, exact = (make(dtype) for dtype in (torch.float32, DOUBLE))
    all_units = units(short, masked, torch.float32)
    double = Units(*(None if each is None else each.double() for each in all_units))
    measured = short.measure(all_units)
    assert measured.total.dtype == measured.weight_sum.dtype == torch.float32
    assert float(short.value(measured)) == pytest.approx(float(exact.value(exact.measure(double))), rel=1e-3)
    near(gradient(short, all_units), gradient(exact, double), 1e-3)


@pytest.mark.parametrize("make", OF_FEATURES.values(), ids=OF_FEATURES)
@MASKED
def test_bfloat16_features_are_summed_in_float32_and_give_nearly_the_same(make, masked):
    short, exact = (make(dtype) for dtype in (torch.float32, DOUBLE))
    all_units = units(short, masked, torch.bfloat16)
    double = Units(*(None if each is None else each.double() for each in all_units))
    measured = short.measure(all_units)
    assert measured.total.dtype == measured.weight_sum.dtype == torch.float32
    torch.testing.assert_close(measured.total.double(), exact.measure(double).total, rtol=1e-5, atol=1e-5)
    short_gradient = gradient(short, all_units)
    assert short_gradient.dtype == torch.bfloat16
    near(short_gradient, gradient(exact, double), 0.02)


@pytest.mark.parametrize("by_kernels", [False, pytest.param(True, marks=NEEDS_TRITON)], ids=["operators", "kernels"])
@EVERY
@MASKED
def test_the_way_of_a_gpu_finds_the_same(make, masked, by_kernels, monkeypatch):
    loss = make(torch.float32)
    all_units = units(loss, masked, torch.float32)
    expected = loss.value(loss.measure(all_units)), gradient(loss, all_units)
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.is_fused", lambda _: True)
    monkeypatch.setattr("impasto.kernels.cuda.dispatch.uses_triton", lambda _: by_kernels)
    fused = loss.value_and_slope(loss.measure(all_units), torch.float32)[0].sum(), gradient(loss, all_units)
    torch.testing.assert_close(fused[0], expected[0], rtol=1e-4, atol=0)
    near(fused[1], expected[1], 1e-3)
