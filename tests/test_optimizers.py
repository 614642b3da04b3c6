import pytest
import torch

from impasto.images import resample
from impasto.optimizers import LBFGS, Adam, precondition

DOUBLE = torch.float64
SHAPE = (3, 12, 16)
GRAY = 1 / 255


def rand(*shape, seed=0):
    return torch.rand(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


class Bowl:
    """A quadratic with curvatures from 1 to 1000, and its minimum at `best`."""

    def __init__(self, scale=1.0):
        self.best = rand(*SHAPE, seed=1)
        self.curvature = scale * 10 ** (3 * rand(*SHAPE, seed=2))

    def __call__(self, x):
        away = x - self.best
        return float((self.curvature * away**2).sum() / 2), self.curvature * away


def minimize(optimizer, problem, start, evaluations):
    image, state, losses = start, optimizer.init(start), []
    for _ in range(evaluations):
        loss, gradient = problem(image)
        losses.append(loss)
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
    moved, _ = LBFGS(first_step=0.5 * GRAY).step(start, 1.0, gradient, LBFGS().init(start))
    assert float((moved - start).abs().mean()) == pytest.approx(0.5 * GRAY)
    moved, _ = Adam(2.0).step(start, 1.0, gradient, Adam().init(start))
    torch.testing.assert_close((moved - start).abs(), torch.full(SHAPE, 2 * GRAY, dtype=DOUBLE))


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_lbfgs_leaves_a_bad_point_and_halves_its_step(bad):
    bowl, start = Bowl(), torch.zeros(SHAPE, dtype=DOUBLE)
    optimizer = LBFGS(preconditioner=0)
    good, state, _ = minimize(optimizer, bowl, start, 5)
    loss, gradient = bowl(good)
    trial, state = optimizer.step(good, loss, gradient, state)
    broken = torch.full(SHAPE, bad, dtype=DOUBLE)
    again, state = optimizer.step(trial, bad, broken, state)
    assert torch.equal(state.image, good)
    assert float((again - good).abs().mean()) <= float((trial - good).abs().mean()) / 2 * (1 + 1e-9)
    _, _, losses = minimize(optimizer, bowl, again, 60)
    assert min(losses) < loss


def test_the_history_is_as_long_as_asked_for():
    _, state, _ = minimize(LBFGS(history=7), Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 20)
    assert len(state.pairs) == 7


def test_pairs_without_curvature_are_not_kept():
    def concave(x):
        return float(-(x**2).sum() / 2), -x

    _, state, _ = minimize(LBFGS(tolerated=1e9), concave, rand(*SHAPE), 3)
    assert state.pairs == ()


@pytest.mark.parametrize("optimizer", [LBFGS(), Adam()], ids=["lbfgs", "adam"])
def test_a_state_can_be_resampled_and_goes_on(optimizer):
    _, state, _ = minimize(optimizer, Bowl(), torch.zeros(SHAPE, dtype=DOUBLE), 10)
    larger = state.resampled(lambda tensor: resample(tensor, 24, 32))

    def wide(x):  # as steep as the bowl, a quarter a pixel
        return float(30 * ((x - 0.5) ** 2).sum() / 4), 60 * (x - 0.5) / 4

    image, losses = torch.zeros(3, 24, 32, dtype=DOUBLE), []
    for _ in range(100):
        loss, gradient = wide(image)
        losses.append(loss)
        image, larger = optimizer.step(image, loss, gradient, larger)
    assert min(losses) < 0.5 * losses[0]


def test_resampled_pairs_keep_their_curvature_by_the_mean_over_pixels():
    def flat(x):  # a mean over pixels, with smooth differences, so that size alone changes
        return float((x**2).mean()), 2 * x / x.numel()

    smooth = resample(rand(3, 3, 4), 12, 16)
    _, state, _ = minimize(LBFGS(history=3), flat, smooth, 2)
    pair = state.resampled(lambda tensor: resample(tensor, 24, 32)).pairs[0]
    torch.testing.assert_close(pair.change, 2 * pair.step / pair.step.numel(), rtol=1e-6, atol=1e-12)


def test_the_preconditioner_is_symmetric_positive_and_keeps_the_mean():
    a, b = rand(*SHAPE) - 0.5, rand(*SHAPE, seed=9) - 0.5
    torch.testing.assert_close((precondition(a, 1.0) * b).sum(), (a * precondition(b, 1.0)).sum())
    assert float((precondition(a, 1.0) * a).sum()) > 0
    torch.testing.assert_close(precondition(a, 1.0).mean((1, 2)), a.mean((1, 2)))
    assert precondition(a, 0) is a


@pytest.mark.parametrize("frequency", [1, 3])
def test_the_preconditioner_divides_a_wave_by_its_frequency(frequency):
    wave = torch.cos(2 * torch.pi * frequency * torch.arange(16, dtype=DOUBLE) / 16).expand(1, 16, 16)
    torch.testing.assert_close(precondition(wave, 0.5), wave / frequency**0.5)
