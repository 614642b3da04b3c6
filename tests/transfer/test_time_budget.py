"""A budget of time, on a clock that only the work of evaluations moves."""

import json
import math
import time
from itertools import islice

import pytest
import torch

from impasto import Job, Runtime, Session, Settings, StyleTransfer
from impasto.errors import SettingsError
from impasto.objective.objective import Objective
from impasto.planning import division

pytestmark = pytest.mark.slow

SETTINGS = Settings(size=128, first_size=128, tolerance=0)
MIN_FINAL_EVALUATIONS, MIN_EVALUATIONS = 6, 2


class Watch:
    """A clock for the time module."""

    seconds = 100.0
    pace = 1e-5
    """Seconds per pixel of an evaluation, and of what does not grow with it."""

    def __call__(self):
        return self.seconds


@pytest.fixture
def watch(monkeypatch):
    """Stop the clock, but for evaluations."""
    watch, evaluate = Watch(), Objective.evaluate

    def timed(self, image):
        watch.seconds += watch.pace * (image[0].numel() + division.OVERHEAD_PIXELS)
        return evaluate(self, image)

    monkeypatch.setattr(division, "MIN_FINAL_EVALUATIONS", MIN_FINAL_EVALUATIONS)
    monkeypatch.setattr(division, "MIN_EVALUATIONS", MIN_EVALUATIONS)
    monkeypatch.setattr(division, "OVERHEAD_PIXELS", 10_000)
    monkeypatch.setattr(Objective, "evaluate", timed)
    monkeypatch.setattr(time, "perf_counter", watch)
    return watch


@pytest.fixture
def start(weights, picture, tmp_path):
    """Start a run with so many seconds on the tiny network."""

    def make(seconds, checkpoint=None, began=None, **changes):
        runtime = Runtime(seconds=seconds, device="cpu", dtype="float32", winograd="off")
        transfer = StyleTransfer(SETTINGS.replace(**changes), runtime, weights=weights)
        path = None if checkpoint is None else tmp_path / checkpoint
        return transfer.start(picture(128, 128, seed=1), picture(seed=2), checkpoint=path, began=began)

    return make


def finish(run):
    for _ in run:
        pass
    return run


@pytest.mark.parametrize("seconds", [1.2, 2.5, 4, 6])
def test_the_picture_is_there_when_the_time_is_over(start, watch, seconds):
    began = watch()
    run = finish(start(seconds))
    assert seconds - 0.4 < watch() - began <= seconds
    assert run.stopped == "finished"
    assert run.preview().width == run.plan.stages[-1].size.width


def test_more_time_paints_a_larger_picture_and_then_more_evaluations(start, watch):
    runs = [finish(start(seconds)) for seconds in (0.5, 2, 4, 6)]
    widths = [run.preview().width for run in runs]
    assert widths[0] < widths[1] < widths[2] == widths[3] == 128
    at_last_size = [sum(report.width == 128 for report in run.history) for run in runs]
    assert at_last_size[3] > 1.3 * at_last_size[2]
    assert [bool(run.shortfall) for run in runs] == [True, True, False, False]
    assert runs[0].shortfall == (
        f"128 × 128 pixels take longer than 0.5 seconds here, so the picture has {runs[0].plan.stages[-1].size}."
    )


def test_a_machine_that_becomes_slower_in_the_middle_is_in_time_too(start, watch):
    began = watch()
    run = start(4)
    for _ in islice(run, 4):
        pass
    watch.pace *= 3
    finish(run)
    assert 3.5 < watch() - began < 4 + watch.pace * 2 * 128 * 128


def test_the_time_before_the_run_counts_and_a_few_evaluations_are_always_made(start, watch):
    late = finish(start(4, began=watch() - 3))
    assert len(late.history) < 0.5 * len(finish(start(4)).history)
    assert 0.6 < late.history[0].fraction < 0.9
    too_late = finish(start(4, began=watch() - 5))
    assert len(too_late.history) == MIN_EVALUATIONS


def test_reports_go_by_time(start, watch):
    run = start(4)
    for report in run:
        assert report.fraction == pytest.approx(report.seconds / 4)
        assert report.seconds_left == pytest.approx(4 - report.seconds)
    assert report.fraction > 0.9


def test_what_was_painted_can_be_painted_again_without_a_budget(start, watch):
    for seconds in (2, 4):
        run = finish(start(seconds))
        again = finish(start(0, **run.painted_settings.model_dump()))
        assert torch.equal(again.preview().samples, run.preview().samples)
        assert json.loads(run.preview().note)["settings"] == json.loads(run.painted_settings.model_dump_json())
        assert run.result().settings == run.painted_settings
        assert run.painted_settings.size == run.preview().width


def test_a_run_that_continues_has_the_rest_of_its_time(start, watch):
    whole = finish(start(4))
    run = start(4, "a.checkpoint")
    for _ in islice(run, len(whole.history) // 2):
        pass
    run.save_checkpoint()
    watch.seconds += 1000
    began = watch()
    again = finish(start(4, "a.checkpoint"))
    assert again.resumed == len(whole.history) // 2
    assert watch() - began == pytest.approx(4 - run.history[-1].seconds, abs=0.3)
    assert len(again.history) == pytest.approx(len(whole.history), abs=2)
    assert again.painted_settings.stages.keys() == whole.painted_settings.stages.keys()


def test_a_change_begins_the_time_again(start, watch):
    run = start(4)
    for _ in islice(run, 8):
        pass
    began = watch()
    run.change(content_weight=1)
    finish(run)
    assert 3.5 < watch() - began <= 4
    assert sum(run.painted_settings.stages.values()) == len(run.history) - 8
    began = watch()
    run.change(content_weight=2)
    assert run.stopped == "unfinished"
    finish(run)
    assert 3.5 < watch() - began <= 4


def test_seconds_in_which_a_run_stands_still_do_not_count(start, watch):
    began = watch()
    run = start(4)
    next(run)
    watch.seconds += 50
    run.wait(50)
    finish(run)
    assert 53.5 < watch() - began <= 54


def test_the_time_to_save_the_picture_is_left(start, watch):
    began = watch()
    run = start(4)
    next(run)
    run.finishes_in(1 * math.prod(run.plan.stages[0].size) / (128 * 128))  # a second for the whole picture
    finish(run)
    assert 2.5 < watch() - began <= 3


def test_a_forecast_measures_which_stages_there_is_time_for(start, watch):
    run = start(4)
    watch.pace = 1e-4
    assert run.forecast() == pytest.approx(4)
    assert [stage.evaluations for stage in run.plan.stages] == [1]
    with pytest.raises(SettingsError, match="seconds cannot be -1"):
        Runtime(seconds=-1)


def test_a_job_with_a_budget_and_a_change_is_painted_again_from_its_note(watch, tiny_network, files):
    job = Job(
        content=files / "content.png",
        styles=({"picture": files / "style.jpg"},),
        settings=SETTINGS,
        runtime=Runtime(seconds=2, dtype="float32", winograd="off"),
        output=files / "painted.png",
    )
    session = Session(job)
    for event in session:
        if event.kind == "progress" and len(session.run.history) == 5:
            session.change(job.replace(settings=job.settings.replace(content_weight=1)))
    note = json.loads(session.preview().note)
    again = Session(Job(**note["job"], runtime=Runtime(dtype="float32", winograd="off")))
    list(again)
    assert len(again.run.history) == len(session.run.history)
    assert torch.equal(again.preview().samples, session.preview().samples)
