import math

import pytest
import torch

from impasto.images import resample
from impasto.optimizers import LBFGS, Adam
from impasto.optimizers.lbfgs_history import CurvaturePairs, dot
from impasto.optimizers.preconditioner import divide_by_frequency_

DOUBLE = torch.float64


def divide_by_frequency(image, *arguments, **options):
    return divide_by_frequency_(image.clone(), *arguments, **options)


SHAPE = (3, 12, 16)
GRAY = 1 / 255
ONE = torch.ones((), dtype=DOUBLE)


def rand(*shape, seed=0):
    return torch.rand(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


class Bowl:
    """A quadratic with curvatures from 1 to 1000, and its minimum at `best`."""

    def __init__(self, scale=1.0):
        self.best = rand(*SHAPE, seed=1)
        self.curvature = scale * 10 ** (3 * rand(*SHAPE, seed=2))

    def __call__(self, x):
        away = x - self.best
        return (self.curvature * away**2).sum() / 2, self.curvature * away


def minimize(optimizer, problem, start, evaluations):
    image, state, losses = start, optimizer.init(start), []
    for _ in range(evaluations):
        loss, gradient = problem(image)
        losses.append(float(loss))
        image, state = optimizer.step(image, loss, gradient, state)
    return image, state, losses


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_lbfgs_finds_the_minimum_of_a_quadratic(power):
    bowl = Bowl()
    _, _, losses = minimize(LBFGS(preconditioner=power, history=30), bowl, torch.zeros(SHAPE, dtype=DOUBLE), 200)
    assert min(losses) < 1e-6 * losses[0]


def test_lbfgs_does_not_care_for_the_scale_of_the_loss():
    start = torch.zeros(SHAPE, dtype=DOUBLE)
    _, _, plain = minimize(LBFGS(), Bowl(), start, 30)
    _, _, tiny = minimize(LBFGS(), Bowl(1e-12), start, 30)
    assert [loss * 1e12 for loss in tiny] == pytest.approx(plain, rel=1e-6)


def test_adam_finds_the_minimum_of_a_quadratic_to_a_step():
    image, _, losses = minimize(Adam(1.0), Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 600)
    assert losses[-1] < 1e-3 * losses[0]
    assert float((image - Bowl().best).abs().max()) < 4 * GRAY


def test_the_first_steps_are_as_long_as_promised():
    start = rand(*SHAPE)
    gradient = torch.randn(SHAPE, dtype=DOUBLE, generator=torch.Generator().manual_seed(5)) * 1e9
    next_image, _ = LBFGS(first_step=0.5 * GRAY).step(start, ONE, gradient, LBFGS().init(start))
    assert float((next_image - start).abs().mean()) == pytest.approx(0.5 * GRAY)
    next_image, _ = Adam(2.0).step(start, ONE, gradient, Adam().init(start))
    torch.testing.assert_close((next_image - start).abs(), torch.full(SHAPE, 2 * GRAY, dtype=DOUBLE))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_lbfgs_leaves_a_bad_point_and_halves_its_step(bad):
    bowl, start = Bowl(), torch.zeros(SHAPE, dtype=DOUBLE)
    optimizer = LBFGS(preconditioner=0)
    good, state, _ = minimize(optimizer, bowl, start, 5)
    loss, gradient = bowl(good)
    trial, state = optimizer.step(good, loss, gradient, state)
    broken = torch.full(SHAPE, bad, dtype=DOUBLE)
    again, state = optimizer.step(trial, ONE * bad, broken, state)
    back = again - state.pairs.step(DOUBLE).view(SHAPE)
    torch.testing.assert_close(back, good, rtol=1e-12, atol=1e-12)
    assert float((again - good).abs().mean()) <= float((trial - good).abs().mean()) / 2 * (1 + 1e-9)
    _, _, losses = minimize(optimizer, bowl, again, 60)
    assert min(losses) < float(loss)


@pytest.mark.parametrize(
    ("slope", "best"),
    [(-1.0, 0.5), (-3.0, 0.25), (-1e30, 0.1), (0.5, 2.0), (1.0, 2.5), (2.0, 2.5), (float("nan"), 1.0)],
)
def test_the_fraction_of_a_step_follows_the_length_at_which_the_slope_was_0(slope, best):
    optimizer, start = LBFGS(preconditioner=0), torch.zeros(SHAPE, dtype=DOUBLE)
    image, state, _ = minimize(optimizer, Bowl(), start, 2)
    _, next_state = optimizer.step(image, ONE, slope * state.last.gradient.view(SHAPE), state)
    assert float(next_state.step_fraction / state.step_fraction) == pytest.approx(best**0.1)


def test_the_history_is_as_long_as_asked_for():
    _, state, _ = minimize(LBFGS(history=7), Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 20)
    assert len(state.pairs) == 6  # and that of the step which was begun


def test_pairs_without_curvature_are_not_remembered():
    def concave(x):
        return -(x**2).sum() / 2, -x

    _, state, _ = minimize(LBFGS(divergence_factor=1e9), concave, rand(*SHAPE), 3)
    assert len(state.pairs) == 0


def remember(pairs, step, change, gradient):
    pairs.begin(step)
    return pairs.remember(pairs.step(gradient.dtype), change, gradient)


def two_loops(pairs, gradient):
    """Return H g by Nocedal and Wright's algorithm 7.4, H₀ being 5 times the mean of |s| / |y|."""
    direction, factors = gradient.clone(), []
    for step, change in reversed(pairs):
        factors.append(step.dot(direction) / step.dot(change))
        direction -= factors[-1] * change
    direction *= 5 * math.prod(float(step.norm() / change.norm()) for step, change in pairs) ** (1 / len(pairs))
    for (step, change), factor in zip(pairs, reversed(factors), strict=True):
        direction += step * (factor - change.dot(direction) / step.dot(change))
    return direction


@pytest.mark.parametrize("count", [1, 3, 5, 13])
def test_the_compact_form_equals_the_two_loop_recursion(count):
    steps, curvature = rand(count, 200) - 0.5, 10 ** (2 * rand(200, seed=3))
    pairs_ = [(step, step * curvature + 0.01 * step.roll(1)) for step in steps]
    pairs = CurvaturePairs.empty(5, steps[0], DOUBLE)
    gradient, along = rand(200, seed=4) - 0.5, None
    for step, change in pairs_:
        along = remember(pairs, step, change, gradient)
    for products in (None, along):
        direction = pairs.direction(gradient, products)
        torch.testing.assert_close(direction, two_loops(pairs_[-5:], gradient), rtol=1e-9, atol=1e-12)


def test_a_history_of_one_pair_remembers_the_newest():
    pairs, steps = CurvaturePairs.empty(1, rand(20), DOUBLE), rand(2, 20) + 0.1
    for step in steps:
        remember(pairs, step, 2 * step, step)
        assert len(pairs) == 1
        torch.testing.assert_close(pairs.direction(step), two_loops([(step, 2 * step)], step))


def test_without_pairs_the_direction_is_the_gradient():
    gradient = rand(20)
    assert torch.equal(CurvaturePairs.empty(4, gradient, DOUBLE).direction(gradient), gradient)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_pair_that_is_not_finite_is_not_remembered(bad):
    good, pairs = rand(20) + 0.1, CurvaturePairs.empty(4, rand(20), DOUBLE)
    remember(pairs, good, 2 * good, good)
    direction_before = pairs.direction(good)
    for step, change in ((good * bad, good), (good, good * bad)):
        remember(pairs, step, change, step)
    assert len(pairs) == 1
    assert torch.equal(pairs.direction(good), direction_before)


def test_pairs_in_bfloat16_give_nearly_the_same_direction():
    steps = (rand(6, 70_000) - 0.5).float()
    exact, short = CurvaturePairs.empty(6, steps[0], torch.float32), CurvaturePairs.empty(6, steps[0], torch.bfloat16)
    curvature = (10 ** rand(70_000, seed=3)).float()
    for step in steps:
        remember(exact, step, step * curvature, step)
        remember(short, step, step * curvature, step)
    gradient = rand(70_000, seed=4).float() - 0.5
    expected, rounded = exact.direction(gradient), short.direction(gradient)
    assert short.steps.dtype == torch.bfloat16
    assert rounded.dtype == torch.float32
    assert 0 < float((rounded - expected).norm() / expected.norm()) < 0.01


@pytest.mark.parametrize("optimizer", [LBFGS(), Adam()], ids=["lbfgs", "adam"])
def test_a_state_can_be_resampled_and_continues(optimizer):
    _, state, _ = minimize(optimizer, Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 10)
    larger = optimizer.resampled(state, lambda tensor: resample(tensor, 24, 32))

    def wide(x):  # as steep as the bowl, a quarter a pixel
        return 30 * ((x - 0.5) ** 2).sum() / 4, 60 * (x - 0.5) / 4

    image, losses = torch.zeros(3, 24, 32, dtype=DOUBLE), []
    for _ in range(100):
        loss, gradient = wide(image)
        losses.append(float(loss))
        image, larger = optimizer.step(image, loss, gradient, larger)
    assert min(losses) < 0.5 * losses[0]


def test_a_state_before_its_first_step_can_be_resampled():
    state = LBFGS().resampled(LBFGS().init(torch.zeros(SHAPE)), lambda tensor: resample(tensor, 24, 32))
    next_image, _ = LBFGS().step(torch.zeros(3, 24, 32), ONE.float(), torch.ones(3, 24, 32), state)
    assert next_image.shape == (3, 24, 32)


def test_resampled_pairs_keep_their_curvature_by_the_mean_over_pixels():
    def flat(x):  # a mean over pixels, with smooth differences, so that size alone changes
        return (x**2).mean(), 2 * x / x.numel()

    smooth = resample(rand(3, 3, 4), 12, 16)
    _, state, _ = minimize(LBFGS(history=3, preconditioner=0), flat, smooth, 2)
    pairs = LBFGS(history=3).resampled(state, lambda tensor: resample(tensor, 24, 32)).pairs
    step, change = pairs.steps[0], pairs.changes[0]
    torch.testing.assert_close(change, 2 * step / step.numel(), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(pairs.products[0, 0], step.dot(change))


def test_the_filter_is_symmetric_positive_and_keeps_the_mean():
    a, b = rand(*SHAPE) - 0.5, rand(*SHAPE, seed=9) - 0.5
    torch.testing.assert_close((divide_by_frequency(a, 1.0) * b).sum(), (a * divide_by_frequency(b, 1.0)).sum())
    assert float((divide_by_frequency(a, 1.0) * a).sum()) > 0
    torch.testing.assert_close(divide_by_frequency(a, 1.0).mean((1, 2)), a.mean((1, 2)))
    assert torch.equal(divide_by_frequency(a, 0), a)


@pytest.mark.parametrize("frequency", [1, 3])
def test_the_filter_divides_a_wave_by_its_frequency(frequency):
    wave = torch.cos(2 * torch.pi * frequency * torch.arange(16, dtype=DOUBLE) / 16).expand(1, 16, 16)
    torch.testing.assert_close(divide_by_frequency(wave, 0.5), wave / frequency**0.5)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_the_unit_filter_keeps_the_deviation_of_noise(power):
    noise = torch.randn(3, 96, 128, dtype=DOUBLE, generator=torch.Generator().manual_seed(0))
    assert float(divide_by_frequency(noise, power, unit=True).std()) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("power", [0.0, 0.5])
def test_adam_finds_the_minimum_in_other_variables_too(power):
    _, _, losses = minimize(Adam(1.0, power), Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 600)
    assert losses[-1] < 1e-2 * losses[0]


def test_inner_products_of_long_vectors_keep_their_digits():
    vector = torch.rand(30_000_000, generator=torch.Generator().manual_seed(0))
    assert float(dot(vector, vector)) == pytest.approx(float(vector.square().sum(dtype=DOUBLE)), rel=3e-4)
