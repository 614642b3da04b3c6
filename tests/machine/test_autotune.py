import pytest
import torch

from impasto.kernels.cpu.winograd import winograd_choices
from impasto.machine import autotune, device
from impasto.machine.autotune import Choice
from impasto.settings import Runtime


def test_the_timing_is_of_a_real_convolution_and_quick():
    cpu = torch.device("cpu")
    for dtype in (torch.float32, torch.bfloat16):
        for winograd in winograd_choices(cpu, dtype):
            run = autotune._prepare(cpu, Choice(dtype, winograd))
            run()  # which compiles the loop, if it is not cached
            assert 0 < autotune._time(run) < 5


@pytest.mark.parametrize(("has_units", "features"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_computes_in_bfloat16_if_it_has_units_for_it(monkeypatch, has_units, features):
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: has_units)
    choices = device._choices(torch.device("cuda"), Runtime())
    choice, reason = autotune.fastest_choice(torch.device("cuda"), choices, 1)
    assert choice.dtype == features
    assert reason.endswith("this GPU has bfloat16 units" if has_units else "this GPU has no bfloat16 units")
