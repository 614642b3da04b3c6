"""What a run does when something goes wrong: losses that are of no use, and memory that does not suffice."""

import itertools
import math
from dataclasses import replace

import pytest
import torch

from impasto import Runtime, Settings, StyleTransfer
from impasto.errors import OutOfMemoryError
from impasto.objective.objective import Objective


@pytest.fixture
def start(weights, picture):
    """Start a run."""

    def make(content=None, runtime=None, **changes):
        settings = Settings(**{"size": 96, "first_size": 0, "iterations": 6, "tolerance": 0, **changes})
        transfer = StyleTransfer(settings, runtime or Runtime(device="cpu", dtype="float32"), weights=weights)
        return transfer.start(content or picture(100, 100), picture(seed=1))

    return make


def spoil(monkeypatch, change, when):
    """Change what the objective finds at some of its evaluations, counted from 0."""
    evaluate, count = Objective.evaluate, itertools.count()

    def spoiled(self, image):
        evaluation, number = evaluate(self, image), next(count)
        return change(evaluation) if when(number) else evaluation

    monkeypatch.setattr(Objective, "evaluate", spoiled)


def nan(evaluation):
    return replace(evaluation, loss=evaluation.loss * math.nan, gradient=evaluation.gradient * math.nan)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_goes_back_to_its_best_image_where_nothing_is_finite(start, monkeypatch, optimizer):
    spoil(monkeypatch, nan, lambda number: 8 <= number < 11)
    run = start(optimizer=optimizer, iterations=25)
    history = list(run)
    assert run.stopped == "finished"
    assert [progress.evaluation for progress in history if progress.remark] == [11]
    assert history[10].remark == (
        "the loss was not finite in 3 evaluations, so the best image is painted on with half the step (1 of 3)."
    )
    if optimizer == "lbfgs":  # Adam's first steps lead away from any good image
        assert history[-1].loss < min(progress.loss for progress in history[:8])
    assert bool(run.preview().pixels.isfinite().all())


def test_a_run_that_nothing_helps_ends_as_diverged_with_its_best_picture(start, monkeypatch):
    spoil(monkeypatch, nan, lambda number: number >= 5)
    run = start(iterations=100)
    history = list(run)
    assert run.stopped == "diverged"
    assert len(history) == 5 + 4 * 3
    assert [progress.remark[-9:] for progress in history if progress.remark] == [f"({n} of 3)." for n in (1, 2, 3)]
    assert bool(run.preview().pixels.isfinite().all())


def test_a_run_that_nothing_helps_continues_in_float32(start, monkeypatch):
    spoil(monkeypatch, nan, lambda number: number < 6)
    run = start(runtime=Runtime(device="cpu", dtype="bfloat16", winograd="lines", threads=1), iterations=20)
    history = list(run)
    assert "half the step and in float32 (2 of 3)" in history[5].remark
    assert (run._solver.machine.features, run._solver.machine.winograd) == (torch.float32, "off")
    assert history[-1].loss < history[6].loss


def test_a_loss_far_above_the_least_is_left(start, monkeypatch):
    spoil(
        monkeypatch, lambda evaluation: replace(evaluation, loss=evaluation.loss * 100), lambda number: 8 <= number < 11
    )
    history = list(start(optimizer="adam", iterations=20))
    assert "the loss rose to" in history[10].remark
    assert history[-1].loss < history[7].loss


def test_an_image_that_nothing_improves_is_the_end_and_no_failure(start, picture):
    run = start(style_weight=0, iterations=100, content=picture(64, 64), size=64)
    history = list(run)
    assert run.stopped == "converged"
    assert len(history) < 20
    assert history[-1].loss == 0


def test_a_run_with_too_little_memory_is_planned_anew_and_continues(start, monkeypatch):
    evaluate, count = Objective.evaluate, itertools.count()

    def short(self, image):
        if next(count) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return evaluate(self, image)

    monkeypatch.setattr(Objective, "evaluate", short)
    monkeypatch.setattr("impasto.transfer.run.SHORTAGE_FACTOR", 1.0)
    run = start(iterations=20)
    history = list(run)
    assert len(history) == 20
    assert history[4].remark.startswith("the memory did not suffice for ")
    assert history[-1].loss < history[3].loss


def test_a_run_for_which_no_plan_is_small_enough_ends_with_a_sentence(start, monkeypatch):
    def short(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Objective, "evaluate", short)
    run = start()
    with pytest.raises(OutOfMemoryError, match=r"the memory did not suffice, and no plan takes less than \d"):
        list(run)


def test_other_errors_are_not_taken_for_a_lack_of_memory(start, monkeypatch):
    def wrong(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Objective, "evaluate", wrong)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(start())
