"""A run that is interrupted at any place continues: to the same bytes, or it says why not.

`pytest tests/transfer/test_interruption.py --interruptions 1000` for long.
"""

import gc
import linecache
import random
import signal
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import torch

import impasto
from common import THREADS
from impasto import Runtime, Settings, StyleTransfer
from impasto.objective.objective import Objective
from impasto.optimizers import LBFGS

HOME = str(Path(impasto.__file__).parent)


@pytest.fixture(autouse=True)
def _small_first_stage(monkeypatch):
    monkeypatch.setattr("impasto.planning.plan._MIN_FIRST_SIDE", 64)


@pytest.fixture
def transfer(weights):
    """Make a StyleTransfer whose runs have two stages, unless told otherwise."""

    def make(**changes):
        settings = Settings(
            **{"size": 92, "first_size": 64, "iterations": 6, "tolerance": 0, "tv_weight": 1.0, **changes}
        )
        runtime = Runtime(device="cpu", dtype="float32", winograd="off", threads=1)
        return StyleTransfer(settings, runtime, weights=weights)

    return make


@pytest.fixture
def start(transfer, picture):
    """Start a run of two stages."""
    made, content, style = transfer(), picture(96, 96), picture(seed=1)
    return lambda **more: made.start(content, style, **more)


def finish(run):
    for _ in run:
        pass
    return run.result()


@pytest.fixture(scope="module")
def painted():
    """The picture of a run that nothing disturbs, once it has been painted."""
    return []


@pytest.fixture
def undisturbed(painted, start):
    """Return the pixels of a run that nothing disturbs, painted once in this module."""

    def pixels():
        if not painted:
            painted.append(finish(start()).picture.pixels)
        return painted[0]

    return pixels


def interrupted_once(monkeypatch, owner, name, call_number):
    """Raise what Ctrl-C does in a call of a method, once."""
    method, calls = getattr(owner, name), count(1)

    def call(self, *arguments):
        if next(calls) == call_number:
            raise KeyboardInterrupt
        return method(self, *arguments)

    monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("call_number", [1, 6])
def test_a_run_that_is_interrupted_in_an_evaluation_continues_as_if_it_had_not_been(
    start, undisturbed, monkeypatch, call_number
):
    expected, run = undisturbed(), start()
    interrupted_once(monkeypatch, Objective, "evaluate", call_number)
    with pytest.raises(KeyboardInterrupt):
        finish(run)
    assert len(run.history) == call_number - 1
    assert run.stopped == "unfinished"
    result = finish(run)
    assert result.stopped == "finished"
    assert torch.equal(result.picture.pixels, expected)
    assert not any(progress.remark for progress in result.history)


def test_a_run_whose_step_fails_continues_from_the_best_image_and_says_so(start, monkeypatch, tmp_path):
    run = start(checkpoint=tmp_path / "run.checkpoint")
    interrupted_once(monkeypatch, LBFGS, "_move", 4)
    with pytest.raises(KeyboardInterrupt):
        finish(run)
    best = run.preview().pixels
    run.save_checkpoint()  # of a state to continue from
    progress = next(run)
    assert progress.loss == min(progress.loss for progress in run.history)  # of the best image, again
    assert torch.equal(run.preview().pixels, best)
    assert progress.remark == "a step was interrupted, so the best image is painted on."
    again = start(checkpoint=tmp_path / "run.checkpoint")
    assert again.resumed == 3
    assert next(again).loss == progress.loss
    assert finish(run).stopped == finish(again).stopped == "finished"


@pytest.mark.parametrize("name", ["evaluate", "step"])
def test_a_signal_in_a_step_waits_until_the_run_stands_behind_it(start, undisturbed, monkeypatch, name):
    """What the optimizer remembers is changed in place by then."""
    expected, run = undisturbed(), start()
    step, calls = LBFGS.step, count(1)

    def interrupted(self, *arguments):
        if next(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    monkeypatch.setattr(LBFGS, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish(run)
    assert len(run.history) == 4
    assert torch.equal(finish(run).picture.pixels, expected)


class Stopped(Exception):  # noqa: N818
    """What a handler raises."""


@pytest.fixture
def no_callbacks_of_the_collector():
    """Take away what hypothesis lets the garbage collector call: Python ignores what a handler raises in there."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks.extend(callbacks)


@pytest.mark.slow
@pytest.mark.usefixtures("no_callbacks_of_the_collector")
def test_signals_that_raise_at_random_moments_do_not_change_the_picture(start, undisturbed, pytestconfig):
    def stop(*_):
        raise Stopped

    expected = undisturbed()
    start_time = time.perf_counter()
    steps = len(finish(start()).history)
    longest = 2 * (time.perf_counter() - start_time) / steps
    chance, old_handler = random.Random(0), signal.signal(signal.SIGALRM, stop)
    interruptions = 0
    try:
        while interruptions < pytestconfig.getoption("--interruptions"):
            run = start()
            while run.stopped == "unfinished":
                try:
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, longest))
                    next(run, None)
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Stopped:
                    interruptions += 1
            assert torch.equal(run.preview().pixels, expected)
            assert [progress.evaluation for progress in run.history] == [*range(1, 7), *range(1, 5)]
            assert not any(progress.remark for progress in run.history)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old_handler)
    assert torch.get_num_threads() == THREADS


def lines(run, number=None):
    """Count the lines of impasto in a step of a run, and raise at the line of a number.

    The end of a `with` does not count: nothing raises there but a tracer, and a lock would stay locked.
    """
    count, last_lines = 0, {}

    def trace(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.startswith(HOME):
            return None
        if event == "call":
            last_lines[id(frame)] = 0
        elif event == "line":
            last_line, last_lines[id(frame)] = last_lines[id(frame)], frame.f_lineno
            source = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
            if frame.f_lineno < last_line and source.lstrip().startswith("with "):
                return trace
            count += 1
            if count == number:
                sys.settrace(None)
                raise Stopped
        return trace

    old_trace = sys.gettrace()
    sys.settrace(trace)
    try:
        next(run)
    finally:
        sys.settrace(old_trace)
    return count


@pytest.mark.slow
def test_an_exception_at_any_line_of_a_step_leaves_a_run_that_continues_or_says_why_not(transfer, picture):
    """Also where no signal is raised: an error of the library at any line, that of a lack of memory among them."""
    painter = transfer(size=48, first_size=0, iterations=4)

    def start_run():
        run = painter.start(picture(), picture(seed=1))
        next(run)
        next(run)
        return run

    expected, total = finish(start_run()).picture.pixels, lines(start_run())
    assert total > 300
    count = 0
    for number in range(1, total, total // 40):
        run = start_run()
        with pytest.raises(Stopped):
            lines(run, number)
        assert [progress.evaluation for progress in finish(run).history] == [1, 2, 3, 4]
        remarks = [progress.remark for progress in run.history if progress.remark]
        count += bool(remarks)
        if remarks:
            assert remarks == ["a step was interrupted, so the best image is painted on."]
        else:
            assert torch.equal(run.preview().pixels, expected), number
    assert 0 < count < 20
    assert torch.get_num_threads() == THREADS


@contextmanager
def float64_by_default():
    """Make tensors in float64 where no precision is named, as some programs do."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def autocast():
    return torch.autocast("cpu", dtype=torch.bfloat16)


def another_device_by_default():
    return torch.device("meta")


@pytest.mark.parametrize(
    "mode", [torch.inference_mode, torch.no_grad, autocast, another_device_by_default, float64_by_default]
)
@pytest.mark.parametrize("where", ["begun", "advanced", "both", "all"])
def test_a_run_takes_no_notice_of_the_modes_of_pytorch_around_it(start, undisturbed, mode, where):
    expected = undisturbed()
    if where == "all":
        with mode():
            result = finish(start(initial=None))
    elif where == "begun":
        with mode():
            run = start()
        result = finish(run)
    else:
        run = start()
        with mode():
            next(run)
        result = finish(run) if where == "advanced" else None
        if result is None:
            with mode():
                next(run)
                result = finish(run)
    assert torch.equal(result.picture.pixels, expected)
