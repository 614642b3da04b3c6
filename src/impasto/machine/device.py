"""Where and how precisely to compute, resolved once for a run; elsewhere code follows its tensors."""

import math
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from impasto.errors import SettingsError
from impasto.kernels.cpu.packed_filters import prepare
from impasto.kernels.cpu.winograd import F4, prepare_lines, savings
from impasto.machine import allocator
from impasto.machine.processes import Group, join, place
from impasto.planning.memory import Budget
from impasto.settings import Runtime
from impasto.settings.choices import Winograd

__all__ = ["Machine", "budget", "resolve", "smaller"]

_WORTH = 1.15
"""How many times faster something must be to be chosen over what is simpler or more precise."""

_SHARE = 0.8
"""Of the free memory that a run plans to take where nothing is said."""

_TURNS = 6
"""Timings of each trial, of which the least counts."""

_SIDE = 48
"""Positions of a trial, from border to border."""

_HOPELESS = 3
"""How many times slower than another a trial may be at first, to be timed again."""


class Machine(NamedTuple):
    """A device, and how to compute on it."""

    device: torch.device
    features: torch.dtype
    """Of the network's features and weights."""
    sums: torch.dtype
    """Of the image, the statistics, the losses and the optimizer: float32, or float64 if the features are."""
    saving: Winograd
    """How convolutions save multiplications by Winograd's algorithm."""
    group: Group
    """The processes that paint together."""
    reason: str
    """Why the features have this precision and convolutions this algorithm, for people to read."""

    def identity(self) -> dict[str, str | int]:
        """Return all that a picture's last bits depend on, by the names of the options where there are any."""
        dtype = str(self.features).removeprefix("torch.")
        threads, processes = torch.get_num_threads(), self.group.size
        return {
            "device": str(self.device),
            "dtype": dtype,
            "winograd": self.saving,
            "threads": threads,
            "processes": processes,
        }


def resolve(runtime: Runtime) -> Machine:
    """Turn the options into a device, its precisions and algorithm; set the number of threads; meet other processes.

    What is not asked for is measured: precision and algorithm together, then the number of threads for both.

    Raises:
        SettingsError: the device is unknown or not there, or cannot compute as asked.

    """
    torch.set_num_threads(runtime.threads or _cores())
    device = _device(runtime.device)
    group, trials = join(device), _choices(device, runtime)
    trial, reason = _fastest(device, trials)
    agreed = trials[group.agreed(trials.index(trial))]  # or processes that time otherwise would plan otherwise
    if agreed != trial:
        trial, reason = agreed, f"{agreed}, as the first process chose"
    if device.type == "cpu" and not runtime.threads:
        torch.set_num_threads(_threads(trial))
    sums = torch.promote_types(trial.dtype, torch.float32)
    return Machine(device, trial.dtype, sums, trial.saving, group, reason)


def smaller(machine: Machine) -> Machine | None:
    """Return a machine whose convolutions are slower and have smaller filters, if there is one."""
    there = savings(machine.device, machine.features)
    before = there[: there.index(machine.saving)]
    if not before:
        return None
    trial = _Trial(machine.features, before[-1])
    return machine._replace(saving=trial.saving, reason=f"{trial}; the filters of anything faster are too large")


def budget(machine: Machine, runtime: Runtime) -> Budget:
    """Measure what a run has to compute with: the memory that the runtime allows, or most of what is free.

    The network has to be ready by then.
    """
    allocator.trim()
    on_gpu = machine.device.type == "cuda"
    held = _held_bytes(machine.device)
    free = _free_bytes(machine.device)
    limit = runtime.bytes or held + (free if on_gpu else _SHARE * free / place()[1])
    type_ = None if runtime.history_dtype == "auto" else runtime.history_dtype
    if type_ is None and on_gpu and machine.features == torch.bfloat16:
        type_ = "bfloat16"  # read in half the time, and the loss falls as fast: docs/notes/gpu.md
    return Budget(
        limit, held, machine.features.itemsize, type_, machine.group.size, overheads=allocator.overheads(machine.device)
    )


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


class _Trial(NamedTuple):
    """A way to compute convolutions."""

    dtype: torch.dtype
    saving: Winograd = "off"

    def __str__(self) -> str:
        precision = str(self.dtype).removeprefix("torch.")
        return precision if self.saving == "off" else f"{precision} by {self.saving}"


def _choices(device: torch.device, runtime: Runtime) -> tuple[_Trial, ...]:
    """List what the options leave to be measured, the simplest and most precise first."""
    dtypes = [torch.float32, torch.bfloat16] if runtime.dtype == "auto" else [getattr(torch, runtime.dtype)]
    if device.type == "mps" and runtime.dtype == "auto":
        dtypes = [torch.float32]  # the precision that Apple's GPUs support throughout
    there = [_Trial(dtype, saving) for dtype in dtypes for saving in savings(device, dtype)]
    asked = tuple(trial for trial in there if runtime.winograd in {"auto", trial.saving})
    if not asked:
        can = ", ".join(dict.fromkeys(trial.saving for trial in there))
        raise SettingsError(
            f"winograd cannot be {runtime.winograd} in {there[0]} on this {device.type}; it can be {can}."
        )
    return asked


@cache
def _fastest(device: torch.device, trials: tuple[_Trial, ...]) -> tuple[_Trial, str]:
    """Choose by timing a convolution, once for a process; what is hardly faster does not count.

    A processor without bfloat16 units runs such convolutions up to 25 times slower, and Winograd's algorithm pays where
    multiplying is slower than memory, so nothing but a timing tells.
    """
    if len(trials) == 1:
        return trials[0], f"{trials[0]}, without a choice"
    if device.type == "cuda":  # whose units are known
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
        best = next(trial for trial in trials if (trial.dtype == torch.bfloat16) == has_units)
        return best, f"{best}, since this GPU has {'' if has_units else 'no '}bfloat16 units"
    runs = {trial: _prepare(device, trial) for trial in trials}
    times = {trial: min(_time(run), _time(run)) for trial, run in runs.items()}  # the first is slow
    hopeful = [trial for trial in trials if times[trial] < _HOPELESS * min(times.values())]
    for trial in hopeful * _TURNS:  # in turn, so that other work on the machine slows all alike
        times[trial] = min(times[trial], _time(runs[trial]))
    best = trials[0]
    for trial in trials[1:]:
        best = trial if times[best] > _WORTH * times[trial] else best
    said = ", ".join(f"{1e3 * seconds:.1f} in {trial}" for trial, seconds in times.items())
    return best, f"{best}; a convolution took these milliseconds: {said}"


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


def _time(run: Callable[[], float]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _prepare(device: torch.device, trial: _Trial) -> Callable[[], float]:
    """Return a function that runs a convolution, as conv3_2 on a small image, and waits for it."""
    features = torch.ones(1, 256, _SIDE, _SIDE, device=device, dtype=trial.dtype)
    features = features.contiguous(memory_format=torch.channels_last)
    weight = torch.ones(256, 256, 3, 3, device=device, dtype=trial.dtype)
    convolve = prepare(weight)
    if trial.saving == "lines":
        convolve = prepare_lines(F4, weight)
    elif trial.saving == "tiles":
        from impasto.kernels.cpu.winograd.tiles import prepare_tiles  # noqa: PLC0415 (not everywhere)

        convolve = prepare_tiles(weight)
    return lambda: convolve(features, (1, 1, 1, 1)).sum().item()  # the sum waits for a GPU to finish
