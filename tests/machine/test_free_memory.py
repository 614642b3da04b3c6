import mmap

import torch

from impasto.machine import memory


def test_the_memory_of_a_process_and_what_is_free_are_measured():
    cpu = torch.device("cpu")
    before = memory._held_bytes(cpu)
    held = mmap.mmap(-1, 50_000_000)  # torch might take memory that a test before gave back
    held[:: mmap.PAGESIZE] = bytes(len(range(0, len(held), mmap.PAGESIZE)))
    assert 40e6 < memory._held_bytes(cpu) - before < 80e6
    assert 100e6 < memory._free_bytes(cpu) < 1e14
    assert len(held) == 50_000_000


def test_a_containers_limit_counts(tmp_path):
    assert memory._free_in_container(tmp_path) == float("inf")
    (tmp_path / "memory.stat").write_text("anon 300\nfile 500\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert memory._free_in_container(tmp_path) == float("inf")
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory._free_in_container(tmp_path) == 700
