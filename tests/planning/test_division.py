"""The time of a run, divided among stages."""

from itertools import pairwise

import pytest

from footprints import make_plan
from impasto import Settings
from impasto.planning.division import (
    GRACE_SECONDS,
    MAX_EARLY_EVALUATIONS,
    MIN_EVALUATIONS,
    MIN_FINAL_EVALUATIONS,
    MIN_PREVIEW_EVALUATIONS,
    OVERHEAD_PIXELS,
    Timings,
    divide_time,
    first_stage,
)
from impasto.planning.plan import Size

SECONDS_PER_PIXEL = 2.5e-6


def candidates(size=1024):
    plan = make_plan(Settings(size=size), Size(1024, 768), [Size(800, 600)], is_timed=True)
    return plan.candidates


def division(seconds, elapsed=0.0, current=None, done=0, size=1024):
    timings, stages = Timings(seconds_per_pixel=SECONDS_PER_PIXEL), candidates(size)
    first = first_stage(stages, timings, seconds - elapsed)
    times = {"seconds": seconds, "elapsed": elapsed}
    return divide_time(
        stages,
        first if current is None else current,
        done,
        timings,
        **times,
        first_size=256,
        is_first=current in {None, first},
    )


def duration(stage):
    return SECONDS_PER_PIXEL * (stage.work + OVERHEAD_PIXELS) * stage.evaluations


def test_the_candidates_grow_by_the_root_of_two_from_a_quarter_of_the_first_size_to_the_asked_one():
    sides = [max(stage.size) for stage in candidates()]
    assert sides[0] == 64
    assert sides[-1] == 1024
    assert all(1.3 < larger / smaller < 1.6 for smaller, larger in pairwise(sides))


@pytest.mark.parametrize("seconds", [1, 3, 10, 30, 60, 200, 1000])
def test_the_evaluations_fit_into_the_time_and_leave_little_of_it(seconds):
    stages = division(seconds)
    total = sum(map(duration, stages)) + sum(duration(stage._replace(evaluations=1)) for stage in stages)
    assert seconds - duration(stages[-1]._replace(evaluations=2)) <= total <= seconds + 1e-9


def test_more_time_leads_to_a_larger_picture_up_to_the_asked_size_and_then_to_more_evaluations():
    final = [division(seconds)[-1] for seconds in (1, 3, 10, 30, 100, 300)]
    sides = [max(stage.size) for stage in final]
    assert sides == sorted(sides)
    assert sides[0] <= 128
    assert sides[-1] == 1024
    assert all(stage.evaluations >= MIN_FINAL_EVALUATIONS for stage in final[1:])
    assert final[-1].evaluations > 2 * final[-2].evaluations


def test_stages_about_double_and_the_last_has_most_of_the_time():
    for seconds in (3, 10, 30, 100):
        stages = division(seconds)
        sides = [max(stage.size) for stage in stages]
        assert all(1.2 <= larger / smaller <= 2.9 for smaller, larger in pairwise(sides))
        assert duration(stages[-1]) > 0.7 * seconds
        assert max(stages[0].size) < 256
        assert stages[0].evaluations <= MAX_EARLY_EVALUATIONS


def test_a_run_whose_time_is_over_has_a_few_evaluations_if_it_begins_and_no_more_if_it_is_under_way():
    (begins,) = division(-1)
    assert begins.evaluations == MIN_EVALUATIONS
    assert max(begins.size) == 64
    (ends,) = division(10, elapsed=9.99, current=4, done=33)
    assert ends.evaluations == 33
    (is_late,) = division(10, elapsed=12, current=4, done=0)
    assert is_late.evaluations == 1


def test_a_run_that_begins_late_is_later_by_no_more_than_the_grace_where_evaluations_are_slow():
    stages, timings = candidates(), Timings(seconds_per_pixel=6 * SECONDS_PER_PIXEL)
    for seconds in (-2.0, 0.0, 0.2, 0.5):
        (stage,) = divide_time(stages, 0, 0, timings, seconds=seconds, elapsed=0.0, first_size=256, is_first=True)
        duration = (stage.evaluations + 1) * timings.predict(stages[0])
        assert stage.evaluations == 1 or duration <= max(seconds, 0) + GRACE_SECONDS


def test_a_short_budget_begins_at_half_the_usual_size_and_becomes_larger_with_a_few_evaluations():
    assert max(division(10)[0].size) == 128
    stages = division(12 * duration(candidates()[2]._replace(evaluations=1)))
    assert max(stages[0].size) == 64
    assert len(stages) == 2
    assert MIN_PREVIEW_EVALUATIONS <= stages[1].evaluations < MIN_FINAL_EVALUATIONS


def test_evaluations_that_turn_out_slower_lead_to_fewer():
    stage = candidates()[2]
    timings = Timings(seconds_per_pixel=SECONDS_PER_PIXEL).add(stage, 9.0)  # the first also measures the targets
    assert timings.predict(stage) == pytest.approx(SECONDS_PER_PIXEL * (stage.work + OVERHEAD_PIXELS))
    for _ in range(4):
        timings = timings.add(stage, 0.5)
    assert timings.predict(stage) == 0.5
    larger = candidates()[4]
    assert timings.add(larger, 9.0).predict(larger) == pytest.approx(
        0.5 * (larger.work + OVERHEAD_PIXELS) / (stage.work + OVERHEAD_PIXELS)
    )
