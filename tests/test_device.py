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


def test_the_faster_precision_is_taken(monkeypatch):
    monkeypatch.setattr(device, "_speedup", lambda _: 2.0)
    machine = device.resolve(Runtime(device="cpu"))
    assert machine.features == torch.bfloat16
    assert "2.00 × as fast" in machine.reason
    monkeypatch.setattr(device, "_speedup", lambda _: 1 / 25)
    assert device.resolve(Runtime(device="cpu")).features == torch.float32


def test_the_speedup_is_that_of_the_timings_and_is_measured_once(monkeypatch):
    device._speedup.cache_clear()
    seconds = {torch.float32: 3.0, torch.bfloat16: 2.0}
    monkeypatch.setattr(device, "_time_convolution", lambda _, dtype: seconds[dtype])
    assert device._speedup(torch.device("cpu")) == 1.5
    seconds[torch.bfloat16] = 9.0
    assert device._speedup(torch.device("cpu")) == 1.5
    device._speedup.cache_clear()


def test_the_timing_is_of_a_real_convolution_and_quick():
    device._speedup.cache_clear()
    assert 0.01 < device._speedup(torch.device("cpu")) < 20
    assert 0 < device._time_convolution(torch.device("cpu"), torch.float32) < 1


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "", "meta", "cpu:3"])
def test_a_device_that_is_not_there_is_refused_in_a_sentence(name):
    with pytest.raises(SettingsError, match="there is no device .* it has .*cpu") as caught:
        device.resolve(Runtime(device=name))
    assert str(caught.value).endswith(".")


def test_threads_are_set():
    device.resolve(Runtime(device="cpu", dtype="float32", threads=1))
    assert torch.get_num_threads() == 1
