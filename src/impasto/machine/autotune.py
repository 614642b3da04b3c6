"""The choice of the fastest precision, algorithm and number of threads, by timing one convolution.

Timings take a second, so the choices are cached on disk, by processor, number of threads and version of PyTorch; unless
other programs computed at the same time.
"""

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch

from impasto import disk_cache
from impasto.kernels.cpu.packed_filters import prepare
from impasto.kernels.cpu.winograd import F4, prepare_lines
from impasto.machine import threads
from impasto.settings.choices import Winograd

__all__ = ["Choice", "fastest_choice", "fewest_threads", "forget"]

MIN_SPEEDUP = 1.15
"""Times as fast that something must be to be chosen over what is simpler or more precise: timings differ by less."""

TIMINGS = 6
"""Timings of each choice, of which the shortest counts."""

TRIAL_SIDE = 48
"""Positions along each side of the signal that is convolved: a few milliseconds of work."""

MAX_FIRST_RATIO = 3.0
"""Times as long as the fastest that the first timings of a choice may take, for it to be timed again."""


class Choice(NamedTuple):
    """A way to compute convolutions."""

    dtype: torch.dtype
    """The precision of the features."""
    winograd: Winograd = "off"

    def __str__(self) -> str:
        precision = str(self.dtype).removeprefix("torch.")
        return precision if self.winograd == "off" else f"{precision} by {self.winograd}"


def fastest_choice(device: torch.device, choices: Sequence[Choice], count: int) -> tuple[Choice, str]:
    """Choose by timing a convolution; what is hardly faster than what comes before it does not count.

    A processor without bfloat16 units runs such convolutions up to 25 times slower, and Winograd's algorithm pays where
    multiplying is slower than memory, so nothing but a timing tells.

    Args:
        device: Where to compute.
        choices: At least one, the simplest and most precise first.
        count: Threads of a processor to compute with.

    Returns:
        The choice, and why it was made, for people to read.

    """
    if len(choices) == 1:
        return choices[0], f"{choices[0]}, without a choice"
    if device.type == "cuda":  # whose units are known
        has_units = torch.cuda.is_bf16_supported(including_emulation=False)
        choice = next(choice for choice in choices if (choice.dtype == torch.bfloat16) == has_units)
        return choice, f"{choice}, since this GPU has {'' if has_units else 'no '}bfloat16 units"
    question = f"{device.type}, {count}: {', '.join(map(str, choices))}"
    index, reason = cast("tuple[int, str]", _answer(question, count, lambda: _time_choices(device, choices, count)))
    return choices[index], reason


def fewest_threads(choice: Choice, count: int) -> int:
    """Halve a number of threads as long as that is faster, as on a container's part of a large machine.

    Args:
        choice: The way to compute convolutions.
        count: Threads to begin with, at least 1.

    Returns:
        The number of threads, from 1 to `count`.

    """
    return _answer(f"threads, {count}: {choice}", count, lambda: _time_threads(choice, count))


def forget() -> None:
    """Forget what was measured, so that it is measured again when it is asked for."""
    disk_cache.write(_cache_name(), b"{}")
    _answers().clear()


def _answer(question: str, count: int, measure: Callable[[], Any]) -> Any:
    """Return what was measured before, in this process or in another one on such a machine, or measure it."""
    answers = _answers()
    if question not in answers:
        was_idle = _is_idle(count)
        answers[question] = measure()
        if was_idle and _is_idle(count):
            disk_cache.write(_cache_name(), json.dumps({**_stored_answers(), question: answers[question]}).encode())
    return answers[question]


@cache
def _answers() -> dict[str, Any]:
    """Return the answers of this process by question, as JSON has them."""
    return _stored_answers()


def _stored_answers() -> dict[str, Any]:
    """Return the answers on disk."""
    stored = disk_cache.read(_cache_name())
    return {} if stored is None else json.loads(stored)


def _is_idle(count: int) -> bool:
    """Tell whether a number of threads have processors of their own while other programs compute; True if unknown."""
    with suppress(OSError, ValueError):
        running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[0])
        threads_ = Path("/proc/self/task").glob("*/stat")
        states = [path.read_text(encoding="utf-8").rpartition(")")[2].split()[0] for path in threads_]
        return running - states.count("R") + count <= (os.cpu_count() or count)
    return True


@cache
def _cache_name() -> str:
    """Return a name for everything on which the timings depend that is not in the question."""
    values = [version("impasto"), torch.__version__, platform.machine(), platform.processor(), *_processor()]
    return f"autotune/{hashlib.sha256(' '.join(values).encode()).hexdigest()[:16]}.json"


def _processor() -> list[str]:
    """List the lines by which Linux describes the first processor, but for its present state."""
    with suppress(OSError):
        first, *_ = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n\n")
        return [line for line in first.splitlines() if line.startswith(("vendor", "cpu family", "model", "flags"))]
    return []


def _time_threads(choice: Choice, count: int) -> int:
    """Time fewer and fewer threads, and return the fastest number."""
    run = _prepare(torch.device("cpu"), choice)

    def _time_with(count: int) -> float:
        with threads.using(count):
            return min(_time(run) for _ in range(TIMINGS))

    seconds = _time_with(count)
    while count > 1 and seconds > MIN_SPEEDUP * (halved_seconds := _time_with(count // 2)):
        count, seconds = count // 2, halved_seconds
    return count


def _time_choices(device: torch.device, choices: Sequence[Choice], count: int) -> tuple[int, str]:
    """Time all choices and return the index of the best, with the timings."""
    with threads.using(count):
        runs = {choice: _prepare(device, choice) for choice in choices}
        times = {choice: min(_time(run), _time(run)) for choice, run in runs.items()}  # the first is slow
        fast = [choice for choice in choices if times[choice] < MAX_FIRST_RATIO * min(times.values())]
        for choice in fast * TIMINGS:  # in turn, so that other work on the machine slows all alike
            times[choice] = min(times[choice], _time(runs[choice]))
    best = choices[0]
    for choice in choices[1:]:
        best = choice if times[best] > MIN_SPEEDUP * times[choice] else best
    milliseconds = ", ".join(f"{1e3 * seconds:.1f} in {choice}" for choice, seconds in times.items())
    return choices.index(best), f"{best}; a convolution took these milliseconds on {date.today()}: {milliseconds}"


def _time(run: Callable[[], float]) -> float:
    """Return the seconds that a function takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def _prepare(device: torch.device, choice: Choice) -> Callable[[], float]:
    """Return a function that runs a convolution, as conv3_2 on a small image, and waits for it."""
    features = torch.ones(1, 256, TRIAL_SIDE, TRIAL_SIDE, device=device, dtype=choice.dtype)
    features = features.contiguous(memory_format=torch.channels_last)
    weight = torch.ones(256, 256, 3, 3, device=device, dtype=choice.dtype)
    convolve = prepare(weight)
    if choice.winograd == "lines":
        convolve = prepare_lines(F4, weight)
    elif choice.winograd == "tiles":
        from impasto.kernels.cpu.winograd.tiles import prepare_tiles  # noqa: PLC0415 (not everywhere)

        convolve = prepare_tiles(weight)
    return lambda: convolve(features, (1, 1, 1, 1)).sum().item()  # the sum waits for a GPU to finish
