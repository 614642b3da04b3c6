import threading

import pytest

from impasto.machine import allocator


@pytest.mark.parametrize(("level", "setting"), [("all", "False"), ("small", "False"), ("none", "True")])
def test_a_gpus_memory_is_taken_in_expandable_segments_where_it_is_short(monkeypatch, level, setting):
    settings = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: True)
    monkeypatch.setattr("torch._C._accelerator_setAllocatorSettings", settings.append)
    allocator._set_parameters(level)
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "max_split_size_mb:100")
    allocator._set_parameters("small")
    assert settings == [f"expandable_segments:{setting}"]


@pytest.fixture
def levels(monkeypatch):
    """The levels that are set, from the state in which none has been set yet."""
    levels = []
    monkeypatch.setattr(allocator, "_set_parameters", levels.append)
    monkeypatch.setattr(allocator, "_current_level", None)
    return levels


def test_what_is_cached_is_told_once_and_taken_back_at_the_end(levels):
    with allocator.caching("all"):
        with allocator.caching("all"):
            pass
        assert levels == ["all"]
    assert levels == ["all", "small"]


def test_of_several_parts_the_one_that_caches_least_holds(levels):
    with allocator.caching("all"):
        with allocator.caching("none"), allocator.caching("small"):
            pass
        assert levels == ["all", "none", "all"]
    assert levels == ["all", "none", "all", "small"]


def test_an_exception_takes_back_what_is_cached(levels):
    with pytest.raises(KeyboardInterrupt), allocator.caching("none"):
        raise KeyboardInterrupt
    assert levels == ["none", "small"]


def test_what_is_dropped_in_the_middle_takes_back_what_is_cached(levels):
    block = allocator.caching("all")
    block.__enter__()
    del block
    assert levels == ["all", "small"]


def test_two_threads_take_back_their_own(levels):
    inside, done = threading.Event(), threading.Event()

    def sparing():
        with allocator.caching("none"):
            inside.set()
            done.wait()

    thread = threading.Thread(target=sparing)
    with allocator.caching("all"):
        thread.start()
        inside.wait()
    assert levels == ["all", "none"]  # the other still holds
    done.set()
    thread.join()
    assert levels == ["all", "none", "small"]
