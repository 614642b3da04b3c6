"""Where and how precisely to compute, resolved once for a run; elsewhere code follows its tensors."""

import math
import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from impasto.budget import Budget
from impasto.errors import SettingsError
from impasto.filters import prepare
from impasto.group import Group, join, place
from impasto.settings import Runtime
from impasto.winograd import F4, prepare_winograd

__all__ = ["Machine", "budget", "resolve"]

_WORTH = 1.15
"""How many times faster something must be to be chosen over what is simpler or more precise."""

_SHARE = 0.8
"""Of the free memory that a run plans to take where nothing is said."""

_PACKED = 200e6
"""Bytes of the network's filters, made ready at the first evaluation."""

_TURNS = 8
"""Timings of each trial, of which the least counts."""


class Machine(NamedTuple):
    """A device, and how to compute on it."""

    device: torch.device
    features: torch.dtype
    """Of the network's features and weights."""
    sums: torch.dtype
    """Of the image, the statistics, the losses and the optimizer: float32, or float64 if the features are."""
    winograd: bool
    """Whether convolutions save multiplications by Winograd's algorithm."""
    group: Group
    """The processes that paint together."""
    reason: str
    """Why the features have this precision and convolutions this algorithm, for people to read."""


def resolve(runtime: Runtime) -> Machine:
    """Turn the options into a device, its precisions and algorithm; set the number of threads; meet other processes.

    What is not asked for is measured: the precision first, then the algorithm and the number of threads in it.

    Raises:
        SettingsError: the device is unknown or not there.

    """
    torch.set_num_threads(runtime.threads or _cores())
    device = _device(runtime.device)
    torch.backends.cudnn.benchmark = True  # on a GPU, each shape of a convolution is timed once
    if runtime.dtype == "auto":
        features, reason = _fastest(device)
    else:
        features, reason = getattr(torch, runtime.dtype), "asked for"
    winograd = runtime.winograd == "on"
    if device.type == "cpu" and runtime.winograd == "auto" and features != torch.float64:
        ratio = _ratio(device, _Trial(features, 64), _Trial(features, 64, winograd=True))
        winograd = ratio > _WORTH
        reason += f"; Winograd's algorithm makes it {ratio:.2f} × as fast"
    if device.type == "cpu" and not runtime.threads:
        torch.set_num_threads(_threads(_Trial(features, winograd=winograd)))
    return Machine(device, features, torch.promote_types(features, torch.float32), winograd, join(device), reason)


def budget(machine: Machine, runtime: Runtime) -> Budget:
    """Measure what a run has to compute with: the memory that the runtime allows, or most of what is free."""
    held = _held_bytes(machine.device)
    limit = runtime.bytes or held + _SHARE * _free_bytes(machine.device) / place()[1]
    type_ = None if runtime.history_dtype == "auto" else runtime.history_dtype
    return Budget(limit, held + _PACKED, machine.features.itemsize, type_, machine.group.size)


def _held_bytes(device: torch.device) -> int:
    """Return the memory that this process holds: on a GPU what is there, else its own."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss


def _free_bytes(device: torch.device) -> float:
    """Return the memory that is free: on a GPU, or on the machine as far as a container's limit allows."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(psutil.virtual_memory().available, _left_in_container(Path("/sys/fs/cgroup")))


def _left_in_container(group: Path) -> float:
    """Return what a container's limit leaves; files that are cached count as free."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no container, or a limit of "max"
        return math.inf
    return limit - int(used["anon"])


def _cores() -> int:
    """Count the cores that this process may use, its share of them; torch does not know of containers."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    _, processes = place()
    return max(1, cores // processes)


def _device(name: str) -> torch.device:
    there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    if name == "cuda" and there["cuda"]:
        name = f"cuda:{place()[0] % there['cuda']}"
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
    ratio = _ratio(device, _Trial(torch.float32), _Trial(torch.bfloat16))
    said = f"a convolution in bfloat16 runs {ratio:.2f} × as fast as in float32 here"
    return (torch.bfloat16 if ratio > _WORTH else torch.float32), said


class _Trial(NamedTuple):
    """A convolution to time, as conv3_2 on a small image."""

    dtype: torch.dtype
    side: int = 32
    """Positions from border to border: more where more than speed itself has to show."""
    winograd: bool = False


@cache
def _ratio(device: torch.device, plain: _Trial, other: _Trial) -> float:
    """Return how many times faster `other` is, by the least of several timings in turn, once for a process."""
    trials = {trial: _prepare(device, trial) for trial in (plain, other)}
    times = {trial: min(found) for trial, found in _take_turns(trials, _TURNS).items()}
    return times[plain] / times[other]


@cache
def _threads(trial: _Trial) -> int:
    """Halve the number of threads as long as that is faster, as on a container's share of a large machine."""
    count = torch.get_num_threads()
    run = _prepare(torch.device("cpu"), trial)

    def timed(threads: int) -> float:
        torch.set_num_threads(threads)
        return min(_time(run) for _ in range(_TURNS))

    seconds = timed(count)
    while count > 1 and seconds > _WORTH * (halved := timed(count // 2)):
        count, seconds = count // 2, halved
    return count


def _take_turns(runs: Mapping[_Trial, Callable[[], float]], turns: int) -> dict[_Trial, list[float]]:
    """Time each in turn, several times, so that other work on the machine slows all alike."""
    times: dict[_Trial, list[float]] = {trial: [] for trial in runs}
    for _ in range(turns):
        for trial, run in runs.items():
            times[trial].append(_time(run))
    return times


def _time(run: Callable[[], float]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _prepare(device: torch.device, trial: _Trial) -> Callable[[], float]:
    """Return a function that runs the trial and waits for it."""
    features = torch.ones(1, 256, trial.side, trial.side, device=device, dtype=trial.dtype)
    features = features.contiguous(memory_format=torch.channels_last)
    weight = torch.ones(256, 256, 3, 3, device=device, dtype=trial.dtype)
    convolve = prepare_winograd(F4, weight) if trial.winograd else prepare(weight)
    return lambda: convolve(features, 1).sum().item()  # the sum waits for a GPU to finish
