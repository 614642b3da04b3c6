"""The schedule of a run without a budget of time: what is done, and the time that is left."""

import time

import pytest

from impasto.planning import division
from impasto.planning.plan import Plan, Size, Stage
from impasto.transfer.schedule import Schedule


class _Layout:
    work = 1.0


class _Run:
    """Evaluations on a clock of their own, which take as long as their pixels, and the schedule that times them."""

    def __init__(self, monkeypatch, *stages):
        self.seconds = 100.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.seconds)
        plan = Plan(tuple(Stage(Size(*size), (), evaluations, _Layout()) for size, evaluations in stages))
        self.schedule = Schedule(plan)

    def evaluate(self, number, evaluation, seconds, count=1):
        self.seconds += seconds
        moment = self.schedule.time_evaluations(self.schedule.plan.stages[number], count)[-1]
        return self.schedule.remaining(number, evaluation, moment)


@pytest.fixture
def run(monkeypatch):
    """Return a run of two stages in which nothing takes time but pixels."""
    monkeypatch.setattr(division, "OVERHEAD_PIXELS", 0)
    return _Run(monkeypatch, ((10, 10), 10), ((20, 20), 5))


def test_the_time_left_is_unknown_until_an_evaluation_is_timed_and_then_holds(run):
    left = [run.evaluate(0, 1, 9.0)[1]]  # the first evaluation also measures the targets
    left += [run.evaluate(0, number, 0.1)[1] for number in range(2, 11)]
    assert left[0] is None
    assert left[1] == pytest.approx(0.8 + 5 * 0.4)
    assert left[-1] == pytest.approx(5 * 0.4)


def test_a_slow_start_of_a_stage_does_not_count(run):
    for number in range(1, 6):
        run.evaluate(0, number, 0.1)
    assert run.evaluate(1, 1, 30.0)[1] == pytest.approx(4 * 0.4)


def test_the_fraction_goes_from_0_to_1_and_jumps_where_a_stage_ends_early(run):
    fractions = [run.evaluate(0, number, 1.0)[0] for number in (1, 2, 3)]
    fractions += [run.evaluate(1, number, 1.0)[0] for number in (1, 2, 3, 4, 5)]
    assert fractions == sorted(fractions)
    assert fractions[0] == pytest.approx(1 / 30)
    assert fractions[-1] == 1


def test_evaluations_that_end_together_are_timed_evenly(run):
    run.evaluate(0, 1, 0.1)
    run.seconds += 0.8
    assert run.schedule.time_evaluations(run.schedule.plan.stages[0], 4) == pytest.approx([0.3, 0.5, 0.7, 0.9])


def test_a_pause_takes_no_time(run):
    run.evaluate(0, 1, 0.1)
    run.seconds += 50
    run.schedule.stand_still(50)
    assert run.evaluate(0, 2, 0.1)[1] == pytest.approx(0.8 + 5 * 0.4)
    assert run.schedule.now == pytest.approx(0.2)
