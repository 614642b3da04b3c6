import threading

import pytest
import torch

from impasto.machine import threads


def test_threads_are_those_of_a_block_and_then_those_from_before():
    with threads.using(1):
        assert torch.get_num_threads() == 1
        with threads.using(3):
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_an_exception_takes_the_number_back():
    with pytest.raises(KeyboardInterrupt), threads.using(1):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2


def test_blocks_that_overlap_in_two_threads_compute_with_their_own_numbers_and_leave_the_process_its_own():
    counts = {}
    meet = threading.Barrier(2, timeout=10)

    def work(count):
        with threads.using(count):
            meet.wait()
            torch.rand(1000).sum()
            counts[count] = torch.get_num_threads()
            meet.wait()
        counts[-count] = torch.get_num_threads()

    workers = [threading.Thread(target=work, args=(count,)) for count in (1, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    later = threading.Thread(target=lambda: counts.update(later=torch.get_num_threads()))
    later.start()
    later.join()
    assert counts == {1: 1, 3: 3, -1: 2, -3: 2, "later": 2}
    assert torch.get_num_threads() == 2


def test_processes_of_one_machine_divide_its_cores(monkeypatch):
    alone = threads.available()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert threads.available() == max(1, alone // 2)
