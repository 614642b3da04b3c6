import threading

import pytest

from impasto.machine import allocator


@pytest.mark.parametrize(("which", "setting"), [("all", "False"), ("small", "False"), ("none", "True")])
def test_a_gpus_memory_is_taken_in_expandable_segments_where_it_is_short(monkeypatch, which, setting):
    said = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch._C._accelerator_setAllocatorSettings", said.append)
    allocator._set(which)
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "max_split_size_mb:100")
    allocator._set("small")
    assert said == [f"expandable_segments:{setting}"]


@pytest.fixture
def said(monkeypatch):
    """What the libraries are told, from the state in which nothing has been said yet."""
    found = []
    monkeypatch.setattr(allocator, "_set", found.append)
    monkeypatch.setattr(allocator, "_in_force", None)
    return found


def test_what_is_cached_is_told_once_and_taken_back_at_the_end(said):
    with allocator.caching("all"):
        with allocator.caching("all"):
            pass
        assert said == ["all"]
    assert said == ["all", "small"]


def test_of_several_parts_the_one_that_caches_least_holds(said):
    with allocator.caching("all"):
        with allocator.caching("none"), allocator.caching("small"):
            pass
        assert said == ["all", "none", "all"]
    assert said == ["all", "none", "all", "small"]


def test_an_exception_takes_back_what_is_cached(said):
    with pytest.raises(KeyboardInterrupt), allocator.caching("none"):
        raise KeyboardInterrupt
    assert said == ["none", "small"]


def test_what_is_dropped_in_the_middle_takes_back_what_is_cached(said):
    block = allocator.caching("all")
    block.__enter__()
    del block
    assert said == ["all", "small"]


def test_two_threads_take_back_their_own(said):
    inside, done = threading.Event(), threading.Event()

    def sparing():
        with allocator.caching("none"):
            inside.set()
            done.wait()

    thread = threading.Thread(target=sparing)
    with allocator.caching("all"):
        thread.start()
        inside.wait()
    assert said == ["all", "none"]  # the other still holds
    done.set()
    thread.join()
    assert said == ["all", "none", "small"]
