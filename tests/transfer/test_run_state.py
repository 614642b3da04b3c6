import itertools
import math
from dataclasses import replace
from functools import partial

import pytest
import torch

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.errors import CheckpointError, RunError, WriteError
from impasto.objective.objective import Objective
from impasto.optimizers.state import filled, named
from impasto.transfer import checkpoint


@pytest.fixture
def start(weights, picture, tmp_path):
    """Start a run with a checkpoint after every evaluation, or go on with it."""

    def make(content=None, style=None, every=1e-9, runtime=None, **changes):
        settings = Settings(**{"size": 192, "first_size": 128, "iterations": 6, "tolerance": 0, **changes})
        runtime = runtime or Runtime(device="cpu", dtype="float32", checkpoint_every=every)
        transfer = StyleTransfer(settings, runtime, weights=weights)
        return transfer.start(content or picture(200, 200), style or picture(seed=1), checkpoint=tmp_path / "kept")

    return make


@pytest.fixture(autouse=True)
def _at_every_evaluation(monkeypatch):
    monkeypatch.setattr("impasto.transfer.run_state.CHECKPOINT_TIME_FRACTION", math.inf)


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}, {"init": "noise", "normalize": True}], ids=str)
@pytest.mark.parametrize("after", [1, 2, 5, 6, 7, 9, 10])
def test_a_run_that_goes_on_ends_in_the_same_picture(start, tmp_path, changes, after):
    whole = start(**changes)
    expected = [progress.loss for progress in whole]
    whole.forget()
    first = start(**changes)
    for _ in itertools.islice(first, after):
        pass
    first.keep()
    second = start(**changes)
    assert second.resumed == after
    list(second)
    assert [progress.loss for progress in second.history] == expected
    assert torch.equal(second.preview().samples, whole.preview().samples)
    assert second.stopped == whole.stopped
    second.forget()
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_killed_goes_on_from_what_was_kept_last(start):
    whole = start()
    expected = [progress.loss for progress in whole]
    whole.forget()
    killed = start()
    for _ in itertools.islice(killed, 5):
        pass
    del killed  # as it does at each evaluation, it kept what was before the fifth
    again = start()
    assert again.resumed == 4
    list(again)
    assert [progress.loss for progress in again.history] == expected


def test_a_finished_run_only_has_to_be_saved_again(start):
    run = start()
    list(run)
    run.keep()
    again = start()
    assert list(again) == []
    assert torch.equal(again.preview().samples, run.preview().samples)


def test_precision_and_threads_are_those_of_the_kept_run(start, picture):
    pictures = {"content": picture(200, 200), "style": picture(seed=1)}
    start = partial(start, **pictures)
    run = start(runtime=Runtime(device="cpu", dtype="bfloat16", winograd="off", threads=1))
    next(run)
    run.keep()
    again = start(runtime=Runtime(device="cpu"))
    assert again._machine.features == torch.bfloat16
    assert torch.get_num_threads() == 1
    with pytest.raises(CheckpointError, match="dtype was bfloat16, not float32;"):
        start(runtime=Runtime(device="cpu", dtype="float32", winograd="off"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"style_weight": 7.0}, r"style_weight was 1000\.0, not 7\.0;"),
        ({"style_layers": "conv2_1"}, "style_layers was "),
        ({"content_weight": 7.0}, r"content_weight was 5\.0, not 7\.0;"),
        ({"content": Picture(torch.rand(3, 200, 200))}, "content is another one;"),
        ({"style": Picture(torch.rand(3, 64, 64))}, "style 1 is another one;"),
    ],
)
def test_another_run_is_refused_and_the_difference_named(start, tmp_path, changes, words):
    run = start()
    next(run)
    run.keep()
    before = (tmp_path / "kept").read_bytes()
    with pytest.raises(CheckpointError, match=f"kept is the checkpoint of another run: {words}"):
        start(**changes)
    assert (tmp_path / "kept").read_bytes() == before


@pytest.mark.parametrize("place", [0, 9, 40, 0.3, 0.9, -1])
def test_a_changed_byte_is_seen(start, tmp_path, place):
    run = start()
    next(run)
    run.keep()
    data = bytearray((tmp_path / "kept").read_bytes())
    data[place if isinstance(place, int) else int(place * len(data))] ^= 1
    (tmp_path / "kept").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"kept (is|lacks) .*; delete it to begin anew"):
        start()


@pytest.mark.parametrize("length", [0, 7, 100, 5000])
def test_a_checkpoint_cut_short_is_refused(start, tmp_path, length):
    run = start()
    next(run)
    run.keep()
    (tmp_path / "kept").write_bytes((tmp_path / "kept").read_bytes()[:length])
    with pytest.raises(CheckpointError, match="delete it to begin anew"):
        start()


@pytest.mark.parametrize("lost", ["image", "optimizer.pairs.steps", "plan", "standing", "history"])
def test_a_checkpoint_without_a_part_is_refused(start, tmp_path, lost):
    run = start()
    next(run)
    run.keep()
    tensors, record = checkpoint.read(tmp_path / "kept")
    for part in (tensors, record):
        part.pop(lost, None)
    checkpoint.write(tmp_path / "kept", tensors, record)
    with pytest.raises(CheckpointError, match="kept lacks"):
        start()


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(start, tmp_path, full_disk):
    run = start()
    next(run)
    run.keep()
    before = (tmp_path / "kept").read_bytes()
    with full_disk(len(before) // 2):
        history = list(run)
        with pytest.raises(WriteError, match="kept could not be written"):
            run.keep()
    assert history[0].remark.endswith(". The run goes on without this checkpoint.")
    assert run.stopped == "finished"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == before


def test_without_a_checkpoint_nothing_is_kept(transfer, picture, tmp_path):
    run = transfer().start(picture(), picture(seed=1))
    next(run)
    run.keep()
    run.forget()
    assert not list(tmp_path.iterdir())


def test_no_checkpoint_is_kept_before_its_time(start, tmp_path):
    list(start(every=3600))
    list(start(every=0))
    assert not list(tmp_path.iterdir())


def test_tensors_have_names_and_find_their_places():
    tree = (torch.ones(2), {"a": torch.zeros(1)})
    assert [name for name, _ in named(tree)] == ["0", "1.a"]
    with pytest.raises(ValueError, match="there is no last"):
        filled(torch.ones(2), {"last": torch.ones(3)}, "last")


def spoil(monkeypatch, change, when):
    """Change what the objective finds at some of its evaluations, counted from 0."""
    evaluate, count = Objective.evaluate, itertools.count()

    def spoiled(self, image):
        found, number = evaluate(self, image), next(count)
        return change(found) if when(number) else found

    monkeypatch.setattr(Objective, "evaluate", spoiled)


def nan(found):
    return replace(found, loss=found.loss * math.nan, gradient=found.gradient * math.nan)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_run_goes_back_to_its_best_image_where_nothing_is_finite(start, monkeypatch, optimizer):
    spoil(monkeypatch, nan, lambda number: 8 <= number < 11)
    run = start(optimizer=optimizer, first_size=0, iterations=25)
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
    run = start(first_size=0, iterations=100)
    history = list(run)
    assert run.stopped == "diverged"
    assert len(history) == 5 + 4 * 3
    assert [progress.remark[-9:] for progress in history if progress.remark] == [f"({n} of 3)." for n in (1, 2, 3)]
    assert bool(run.preview().pixels.isfinite().all())


def test_a_run_that_nothing_helps_goes_on_in_float32(start, monkeypatch):
    spoil(monkeypatch, nan, lambda number: number < 6)
    run = start(runtime=Runtime(device="cpu", dtype="bfloat16"), first_size=0, iterations=20)
    history = list(run)
    assert "half the step and in float32 (2 of 3)" in history[5].remark
    assert run._machine.features == torch.float32
    assert history[-1].loss < history[6].loss


def test_a_loss_far_above_the_least_is_left(start, monkeypatch):
    spoil(monkeypatch, lambda found: replace(found, loss=found.loss * 100), lambda number: 8 <= number < 11)
    history = list(start(optimizer="adam", first_size=0, iterations=20))
    assert "the loss rose to" in history[10].remark
    assert history[-1].loss < history[7].loss


def test_an_image_that_nothing_improves_is_the_end_and_no_failure(start, picture):
    run = start(style_weight=0, first_size=0, iterations=100, content=picture(64, 64), size=64)
    history = list(run)
    assert run.stopped == "converged"
    assert len(history) < 20
    assert history[-1].loss == 0


def test_a_run_with_too_little_memory_is_planned_anew_and_goes_on(start, monkeypatch):
    evaluate, count = Objective.evaluate, itertools.count()

    def short(self, image):
        if next(count) == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return evaluate(self, image)

    monkeypatch.setattr(Objective, "evaluate", short)
    monkeypatch.setattr("impasto.transfer.run._TIGHTER", 1.0)
    kept = []
    monkeypatch.setattr("impasto.machine.allocator.keep", kept.append)
    run = start(first_size=0, iterations=20)
    kept.clear()
    history = list(run)
    assert kept == ["all", run.plan.caching, "small"]  # at the start, by the new plan, after the run
    assert len(history) == 20
    assert history[4].remark.startswith("the memory did not suffice for ")
    assert history[-1].loss < history[3].loss


def test_a_run_for_which_no_plan_is_small_enough_ends_with_a_sentence(start, monkeypatch):
    def short(*_):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Objective, "evaluate", short)
    run = start()
    with pytest.raises(RunError, match=r"the memory did not suffice, and no plan takes less than \d"):
        list(run)


def test_other_errors_are_not_taken_for_a_lack_of_memory(start, monkeypatch):
    def wrong(*_):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(Objective, "evaluate", wrong)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        list(start())
