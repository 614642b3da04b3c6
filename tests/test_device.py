import mmap

import pytest
import torch

from impasto import device
from impasto.errors import SettingsError
from impasto.settings import Runtime


def test_float64_features_bring_float64_sums():
    assert device.resolve(Runtime(device="cpu", dtype="float64"))[1:3] == (torch.float64, torch.float64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_sums_are_float32_otherwise(dtype):
    machine = device.resolve(Runtime(device="cpu", dtype=dtype))
    assert machine.features == getattr(torch, dtype)
    assert machine.sums == torch.float32


@pytest.fixture
def times(monkeypatch):
    """Let trials take the seconds that a test says, by what they are."""
    seconds = {"float32": 3.0, "bfloat16": 2.0, "winograd": 1.0}
    device._ratio.cache_clear()
    device._threads.cache_clear()

    def kind(trial):
        return "winograd" if trial.winograd else str(trial.dtype).removeprefix("torch.")

    monkeypatch.setattr(device, "_prepare", lambda _, trial: lambda: kind(trial))
    monkeypatch.setattr(device, "_time", lambda run: seconds[run()])
    yield seconds
    device._ratio.cache_clear()
    device._threads.cache_clear()


def test_the_faster_precision_and_algorithm_are_taken(times):
    machine = device.resolve(Runtime(device="cpu"))
    assert (machine.features, machine.winograd) == (torch.bfloat16, True)
    assert "1.50 × as fast as in float32" in machine.reason
    assert "2.00 × as fast" in machine.reason


def test_a_processor_without_bfloat16_units_computes_in_float32(times):
    times["bfloat16"] = 25 * times["float32"]
    assert device.resolve(Runtime(device="cpu")).features == torch.float32


def test_what_is_hardly_faster_is_not_taken(times):
    times.update(bfloat16=2.9, winograd=2.8)
    machine = device.resolve(Runtime(device="cpu"))
    assert (machine.features, machine.winograd) == (torch.float32, False)


def test_what_was_measured_is_not_measured_again(times):
    first = device.resolve(Runtime(device="cpu"))
    times["bfloat16"] = 9.0
    assert device.resolve(Runtime(device="cpu")) == first


def test_the_algorithm_can_be_asked_for(times):
    assert not device.resolve(Runtime(device="cpu", winograd="off")).winograd
    times["winograd"] = 9.0
    assert device.resolve(Runtime(device="cpu", winograd="on")).winograd


def test_threads_are_halved_while_that_is_faster(times, monkeypatch):
    seconds = {64: 9.0, 32: 4.0, 16: 2.0, 8: 1.9, 4: 1.0}
    monkeypatch.setattr(device, "_cores", lambda: 64)
    monkeypatch.setattr(device, "_time", lambda _: seconds[torch.get_num_threads()])
    device.resolve(Runtime(device="cpu", dtype="float32", winograd="off"))
    assert torch.get_num_threads() == 16


def test_the_timing_is_of_a_real_convolution_and_quick():
    device._ratio.cache_clear()
    trials = [device._Trial(torch.float32), device._Trial(torch.bfloat16)]
    assert 0.01 < device._ratio(torch.device("cpu"), *trials) < 20
    for trial in (*trials, device._Trial(torch.float32, winograd=True)):
        assert 0 < device._time(device._prepare(torch.device("cpu"), trial)) < 1


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta", "cpu:3"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name):
    with pytest.raises(SettingsError, match="there is no device .* it has .*cpu") as caught:
        device.resolve(Runtime(device=name))
    assert str(caught.value).endswith(".")


def test_threads_are_set():
    device.resolve(Runtime(device="cpu", dtype="float32", threads=1))
    assert torch.get_num_threads() == 1


def test_the_memory_of_a_process_and_what_is_free_are_measured():
    cpu = torch.device("cpu")
    before = device._held_bytes(cpu)
    held = mmap.mmap(-1, 50_000_000)  # torch might take memory that a test before gave back
    held[:: mmap.PAGESIZE] = bytes(len(range(0, len(held), mmap.PAGESIZE)))
    assert 40e6 < device._held_bytes(cpu) - before < 80e6
    assert 100e6 < device._free_bytes(cpu) < 1e14
    assert len(held) == 50_000_000


def test_a_containers_limit_counts(tmp_path):
    assert device._left_in_container(tmp_path) == float("inf")
    (tmp_path / "memory.stat").write_text("anon 300\nfile 500\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert device._left_in_container(tmp_path) == float("inf")
    (tmp_path / "memory.max").write_text("1000\n")
    assert device._left_in_container(tmp_path) == 700


def test_processes_of_one_machine_share_its_cores(monkeypatch):
    alone = device._cores()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert device._cores() == max(1, alone // 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", str(torch.cuda.device_count() - 1))
    assert device.resolve(Runtime()).device == torch.device("cuda", torch.cuda.device_count() - 1)
