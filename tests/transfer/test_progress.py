"""The clock of a run: what is done, and the time that is left."""

import pytest

from impasto.planning.plan import Plan, Size, Stage
from impasto.transfer.progress import UNTIMED_EVALUATIONS, Clock


class _Layout:
    work = 1.0


def clock(*stages):
    return Clock(Plan(tuple(Stage(Size(*size), (), evaluations, _Layout()) for size, evaluations in stages)))


def test_the_time_left_is_unknown_until_evaluations_are_timed_and_then_holds():
    watch = clock(((10, 10), 10), ((20, 20), 5))
    seconds = 9.0  # the first evaluation also compiles
    left = [watch.left(0, 1, seconds)[1]]
    for number in range(2, 11):
        seconds += 0.1
        left.append(watch.left(0, number, seconds)[1])
    assert left[:UNTIMED_EVALUATIONS] == [None] * UNTIMED_EVALUATIONS
    assert left[UNTIMED_EVALUATIONS] == pytest.approx(0.7 + 5 * 0.4)
    assert left[-1] == pytest.approx(5 * 0.4)


def test_a_slow_start_of_a_stage_does_not_count():
    watch = clock(((10, 10), 5), ((20, 20), 9))
    for number in range(1, 6):
        watch.left(0, number, number * 0.1)
    assert watch.left(1, 1, 30.5)[1] == pytest.approx(8 * 0.4)


def test_the_fraction_goes_from_0_to_1_and_jumps_where_a_stage_ends_early():
    watch = clock(((10, 10), 10), ((20, 20), 5))
    fractions = [watch.left(0, number, number)[0] for number in (1, 2, 3)]
    fractions += [watch.left(1, number, 3 + number)[0] for number in (1, 2, 3, 4, 5)]
    assert fractions == sorted(fractions)
    assert fractions[0] == pytest.approx(1 / 30)
    assert fractions[-1] == 1
