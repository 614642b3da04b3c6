"""Runs in one process do not disturb each other, nor the program around them."""

import ctypes
import gc
import threading

import psutil
import pytest
import torch

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.machine import allocator
from impasto.recipes import demo

pytestmark = pytest.mark.slow


def maker(weights, threads=1, **changes):
    settings = Settings(**{"size": 64, "first_size": 0, "iterations": 8, "tolerance": 0, **changes})
    return StyleTransfer(
        settings, Runtime(device="cpu", dtype="float32", winograd="off", threads=threads), weights=weights
    )


def paint(transfer, content, style):
    run = transfer.start(content, style)
    for _ in run:
        pass
    return run.preview().pixels


def at_once(*works):
    """Do work in threads that begin together; return what each of them returns."""
    results, barrier = {}, threading.Barrier(len(works))

    def do(number, work):
        barrier.wait()
        results[number] = work()

    workers = [threading.Thread(target=do, args=each) for each in enumerate(works)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [results[number] for number in range(len(works))]


def test_two_runs_at_once_in_two_threads_paint_the_same_bytes_as_alone(weights, picture):
    """Of one network, with pictures of different sizes, so that each wants its filters packed in another way."""
    one = maker(weights)
    pictures = [(picture(64, 48), picture(seed=1)), (picture(48, 64, seed=2), picture(60, 40, seed=3))]
    alone = [paint(one, *each) for each in pictures]
    for _ in range(3):
        both = at_once(*(lambda each=each: paint(one, *each) for each in pictures))
        assert all(torch.equal(*each) for each in zip(alone, both, strict=True))


@pytest.mark.slow
def test_two_runs_of_the_real_network_at_once_paint_the_same_bytes_as_alone(codebook, picture):
    runtime = Runtime(device="cpu", dtype="float32", winograd="lines", threads=1)
    transfer = StyleTransfer(Settings(size=48, first_size=0, iterations=2, tolerance=0), runtime, weights=codebook)
    photograph, painting = Picture.open(demo.photograph()).resized(48, 57), picture(48, 40)
    pictures = [(photograph, painting), (painting, photograph)]
    alone = [paint(transfer, *each) for each in pictures]
    both = at_once(*(lambda each=each: paint(transfer, *each) for each in pictures))
    assert all(torch.equal(*each) for each in zip(alone, both, strict=True))


def test_runs_with_different_threads_each_compute_with_their_own(weights, picture, monkeypatch):
    counts = {1: set(), 2: set()}
    transfers = {threads: maker(weights, threads) for threads in counts}
    torch.set_num_threads(3)  # the caller's own
    runs = {threads: transfer.start(picture(), picture(seed=1)) for threads, transfer in transfers.items()}
    for threads, run in runs.items():
        iterate = run._solver.iteration(run._stage, 0)

        def watched(*words, threads=threads, iterate=iterate):
            counts[threads].add(torch.get_num_threads())
            return iterate(*words)

        run._descent._iterate = watched
    for _ in zip(*runs.values(), strict=True):
        assert torch.get_num_threads() == 3
    assert counts == {1: {1}, 2: {2}}
    alone = {threads: paint(transfer, picture(), picture(seed=1)) for threads, transfer in transfers.items()}
    assert all(torch.equal(runs[threads].preview().pixels, alone[threads]) for threads in runs)


def test_a_run_that_is_paused_or_dropped_leaves_no_setting_of_the_allocator(weights, picture, monkeypatch):
    levels = []
    monkeypatch.setattr(allocator, "_set_parameters", levels.append)
    monkeypatch.setattr(allocator, "_current_level", "small")
    run = maker(weights).start(picture(), picture(seed=1))
    assert run.plan.caching == "all"
    next(run)
    assert levels[-2:] == ["all", "small"]
    del run
    assert levels[-1] == "small"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="no GNU C library")
@pytest.mark.slow
def test_fifty_runs_one_after_another_do_not_grow_the_process(weights, picture):
    """With pictures of many sizes, some runs dropped before their end."""

    def held():
        gc.collect()
        allocator.release()
        return psutil.Process().memory_info().rss

    def one(number):
        size = 48 + 8 * (number % 5)
        run = maker(weights, iterations=2, size=size).start(picture(size, size), picture(seed=1))
        for progress in run:
            if number % 3 == 0 and progress.evaluation == 1:
                break
        run.preview()

    for number in range(10):
        one(number)
    before = held()
    for number in range(50):
        one(number)
    assert held() - before < 50e6
