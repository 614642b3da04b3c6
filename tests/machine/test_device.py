import os
from pathlib import Path
from threading import Event

import pytest
import torch

from impasto import disk_cache
from impasto.errors import SettingsError
from impasto.kernels.cuda.preloading import preload
from impasto.machine import autotune, device, processes, threads
from impasto.machine.autotune import Choice
from impasto.settings import Runtime


def test_float64_features_bring_float64_sums():
    assert device.resolve(Runtime(device="cpu", dtype="float64"))[1:3] == (torch.float64, torch.float64)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_sums_are_float32_otherwise(dtype):
    machine = device.resolve(Runtime(device="cpu", dtype=dtype))
    assert machine.features == getattr(torch, dtype)
    assert machine.sums == torch.float32


@pytest.fixture
def times(timed, monkeypatch, tmp_path):
    """Let trials take the seconds that a test says, by what they are, on a machine where nothing is cached."""
    seconds = {
        "float64": 9.0,
        "float32": 3.0,
        "bfloat16": 2.0,
        "float32 by lines": 2.0,
        "float32 by tiles": 1.9,
        "bfloat16 by lines": 1.0,
    }
    monkeypatch.setattr(disk_cache, "_folders", lambda: [tmp_path])
    monkeypatch.setattr(autotune, "_is_idle", lambda _: True)
    autotune._answers.cache_clear()
    monkeypatch.setattr(autotune, "_prepare", lambda _, trial: lambda: str(trial))
    monkeypatch.setattr(autotune, "_time", lambda run: seconds[run()])
    monkeypatch.setattr("impasto.kernels.cpu.winograd.has_loops", lambda: True)
    yield seconds
    autotune._answers.cache_clear()


def choice(**options):
    return str(Choice(*device.resolve(Runtime(device="cpu", **options))[1:4:2]))


def test_the_fastest_precision_and_algorithm_are_taken(times):
    assert choice() == "bfloat16 by lines"
    assert "3000.0 in float32, 2000.0 in float32 by lines, 1900.0" in device.resolve(Runtime(device="cpu")).reason


def test_a_processor_without_bfloat16_units_computes_in_float32(times):
    times.update({"bfloat16": 75.0, "bfloat16 by lines": 50.0, "float32 by tiles": 1.0})
    assert choice() == "float32 by tiles"


def test_what_is_hardly_faster_is_not_taken(times):
    times.update({"bfloat16": 2.9, "bfloat16 by lines": 2.8, "float32 by lines": 2.7, "float32 by tiles": 2.65})
    assert choice() == "float32"


def test_what_was_measured_is_not_measured_again_until_it_is_forgotten(times):
    first = choice()
    times["bfloat16 by lines"] = 9.0
    assert choice() == first
    autotune._answers.cache_clear()  # as another process begins
    assert choice() == first
    autotune.forget()
    assert choice() == "float32 by lines"
    autotune._answers.cache_clear()
    assert choice() == "float32 by lines"


def test_what_was_cached_and_is_damaged_is_measured_again(times, tmp_path):
    first = choice()
    times["bfloat16 by lines"] = 9.0
    (stored,) = (tmp_path / "autotune").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1])
    autotune._answers.cache_clear()
    assert (first, choice()) == ("bfloat16 by lines", "float32 by lines")


def test_what_was_measured_beside_other_programs_is_not_cached(times, monkeypatch):
    monkeypatch.setattr(autotune, "_is_idle", lambda _: False)
    first = choice()
    times["bfloat16 by lines"] = 9.0
    assert choice() == first
    autotune._answers.cache_clear()
    assert choice() == "float32 by lines"


def test_other_programs_are_seen_by_the_threads_that_the_system_runs():
    assert not autotune._is_idle(1 + 2 * os.cpu_count())


def test_another_processor_is_measured_by_itself(times, monkeypatch):
    first = choice()
    times["bfloat16 by lines"] = 9.0
    autotune._answers.cache_clear()
    autotune._cache_name.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(autotune, "_processor", lambda: ["another"])
        assert (first, choice()) == ("bfloat16 by lines", "float32 by lines")
    autotune._cache_name.cache_clear()


def test_a_choice_is_made_where_nothing_can_be_cached(times, monkeypatch):
    monkeypatch.setattr(disk_cache, "_folders", lambda: [Path("/proc/nothing")])
    assert choice() == "bfloat16 by lines"


def test_the_algorithm_can_be_asked_for(times):
    assert choice(winograd="off") == "bfloat16"
    assert choice(winograd="tiles") == "float32 by tiles"
    assert choice(winograd="off", dtype="float64") == "float64"
    with pytest.raises(SettingsError, match="winograd cannot be tiles in bfloat16 on this cpu; it can be off, lines"):
        choice(winograd="tiles", dtype="bfloat16")


def test_threads_are_halved_while_that_is_faster(times, monkeypatch):
    seconds = {64: 9.0, 32: 4.0, 16: 2.0, 8: 1.9, 4: 1.0}
    autotune.forget()
    monkeypatch.setattr(threads, "available", lambda: 64)
    monkeypatch.setattr(autotune, "_time", lambda _: seconds[torch.get_num_threads()])
    assert device.resolve(Runtime(device="cpu", dtype="float32", winograd="off")).threads == 16
    assert torch.get_num_threads() == 2  # which is the caller's


@pytest.mark.parametrize("name", ["cuda:99", "cpu:3", "mps:1"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name):
    with pytest.raises(SettingsError, match="there is no device .* it has .*cpu") as caught:
        device.resolve(Runtime(device=name))
    assert str(caught.value).endswith(".")


@pytest.fixture
def apple_gpu(monkeypatch):
    """Say that there is an Apple GPU, and no other."""
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_an_apple_gpu_is_taken_by_a_process_that_is_alone(apple_gpu, monkeypatch):
    assert str(device._device("auto")) == "mps"
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert str(device._device("auto")) == "cpu"
    with pytest.raises(SettingsError, match="device cannot be mps where several processes paint one picture"):
        device._device("mps")


def test_an_apple_gpu_is_not_asked_for_double_precision(apple_gpu):
    with pytest.raises(SettingsError, match=r"dtype cannot be float64 on an Apple GPU \(mps\); it can be float32"):
        device.resolve(Runtime(device="mps", dtype="float64"))
    assert device._choices(torch.device("mps"), Runtime()) == (autotune.Choice(torch.float32),)


def test_far_more_threads_than_cores_are_refused_unless_a_checkpoint_names_them(monkeypatch):
    monkeypatch.setattr("impasto.settings.limits.cores", lambda: 2)
    many = Runtime(device="cpu", dtype="float32", winograd="off", threads=9)
    with pytest.raises(SettingsError, match=r"threads cannot be 9; .* at most 8, 4 for each core\.$"):
        device.resolve(many)
    assert device.resolve(many, resumed=True).threads == 9
    assert device.resolve(many.replace(threads=8)).threads == 8


def test_threads_are_set_while_a_machine_computes():
    machine = device.resolve(Runtime(device="cpu", dtype="float32", threads=1))
    assert (machine.threads, torch.get_num_threads()) == (1, 2)
    with machine.computing():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_a_machine_computes_outside_of_the_callers_modes():
    machine = device.resolve(Runtime(device="cpu", dtype="float32"))
    with torch.inference_mode(), machine.computing():
        assert not torch.is_inference_mode_enabled()
        assert not torch.zeros(1).is_inference()
    with torch.no_grad(), machine.computing():
        assert torch.is_grad_enabled()
    with torch.autocast("cpu"), machine.computing():
        assert not torch.is_autocast_enabled("cpu")
    with torch.device("meta"), machine.computing():
        assert torch.zeros(1).device == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", str(torch.cuda.device_count() - 1))
    assert device.resolve(Runtime()).device == torch.device("cuda", torch.cuda.device_count() - 1)


@pytest.mark.parametrize(
    ("name", "has_gpu", "is_loaded"),
    [("auto", True, True), ("cuda:1", True, True), ("cpu", True, False), ("auto", False, False)],
)
def test_what_a_gpu_needs_is_loaded_in_the_background(monkeypatch, name, has_gpu, is_loaded):
    loaded = Event()
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    monkeypatch.setattr("impasto.kernels.cuda.preloading._load", loaded.set)
    preload(name)
    assert loaded.wait(60 if is_loaded else 0.1) == is_loaded


def test_processes_compute_as_the_first_of_them_does(times, monkeypatch):
    class Second(processes.Group):
        def sum(self, tensor):
            assert int(tensor) == 0
            return tensor + 1  # of the first process

    monkeypatch.setattr(device, "join", lambda _: Second(rank=1, size=2))
    machine = device.resolve(Runtime(device="cpu"))
    assert str(Choice(*machine[1:4:2])) == "float32 by lines"
    assert machine.reason == "float32 by lines, as the first process chose"
