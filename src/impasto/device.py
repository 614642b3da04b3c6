"""Where and how precisely to compute, resolved once for a run; elsewhere code follows its tensors."""

import os
import time
from functools import cache
from typing import NamedTuple

import torch
from torch.nn import functional

from impasto.errors import SettingsError
from impasto.settings import Runtime

__all__ = ["Machine", "resolve"]


class Machine(NamedTuple):
    """A device and the precisions to use on it."""

    device: torch.device
    features: torch.dtype
    """Of the network's features and weights."""
    sums: torch.dtype
    """Of the image, the statistics, the losses and the optimizer: float32, or float64 if the features are."""
    reason: str
    """Why the features have this precision, for people to read."""


def resolve(runtime: Runtime) -> Machine:
    """Turn the options into a device and its precisions, and set the number of threads.

    Raises:
        SettingsError: the device is unknown or not there.

    """
    torch.set_num_threads(runtime.threads or _cores())
    device = _device(runtime.device)
    if runtime.dtype == "auto":
        features, reason = _fastest(device)
    else:
        features, reason = getattr(torch, runtime.dtype), "asked for"
    return Machine(device, features, torch.promote_types(features, torch.float32), reason)


def _cores() -> int:
    """Count the cores that this process may use; torch does not know of containers."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _device(name: str) -> torch.device:
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or (device.index or 0) >= there.get(device.type, 0):
        has = ", ".join(kind if kind == "cpu" else f"{kind}:0 to {kind}:{n - 1}" for kind, n in there.items() if n)
        raise SettingsError(f"there is no device {name} on this machine; it has {has}.")
    return device


def _fastest(device: torch.device) -> tuple[torch.dtype, str]:
    """Choose bfloat16 where a small convolution runs faster in it than in float32.

    A processor without bfloat16 units runs such convolutions up to 25 times slower, so nothing but a timing tells.
    """
    if device.type == "mps":
        return torch.float32, "the precision that Apple's GPUs support throughout"
    ratio = _speedup(device)
    said = f"a convolution in bfloat16 runs {ratio:.2f} × as fast as in float32 here"
    return (torch.bfloat16 if ratio > 1.2 else torch.float32), said


@cache
def _speedup(device: torch.device) -> float:
    """Return how many times faster bfloat16 is, by the least of several timings in turn, once for a process."""
    times: dict[torch.dtype, list[float]] = {torch.float32: [], torch.bfloat16: []}
    for _ in range(8):
        for dtype, found in times.items():
            found.append(_time_convolution(device, dtype))
    return min(times[torch.float32]) / min(times[torch.bfloat16])


def _time_convolution(device: torch.device, dtype: torch.dtype) -> float:
    """Return the seconds that conv3_2 takes on a small image."""
    features = torch.ones(1, 256, 32, 32, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(256, 256, 3, 3, device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)
    start = time.perf_counter()
    functional.conv2d(features, weight, padding=1).sum().item()  # the sum waits for a GPU to finish
    return time.perf_counter() - start
