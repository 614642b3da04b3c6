"""Where and how precisely to compute, resolved once for a run; elsewhere code follows its tensors.

To resolve a machine changes nothing in the process. Only inside `Machine.computing` are the number of threads and
PyTorch's modes those of the machine; after it they are the caller's again.
"""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import torch

from impasto.errors import SettingsError
from impasto.kernels.cpu.winograd import winograd_choices
from impasto.machine import autotune, threads
from impasto.machine.autotune import Choice
from impasto.machine.processes import ALONE, Group, join, local_rank, world_size
from impasto.settings import Runtime
from impasto.settings.choices import Winograd
from impasto.settings.limits import check_per_core

__all__ = ["Machine", "resolve"]


class Machine(NamedTuple):
    """A device, and how to compute on it."""

    device: torch.device
    features: torch.dtype
    """The precision of the network's features and weights."""
    sums: torch.dtype
    """The precision of the image, the statistics, the losses and the optimizer: float64 if the features are, else
    float32."""
    winograd: Winograd
    """How convolutions take fewer multiplications by Winograd's algorithm."""
    threads: int
    """Threads of the processor."""
    group: Group = ALONE
    """The processes that paint together."""
    reason: str = ""
    """Why the features have this precision and convolutions this algorithm, for people to read."""

    @contextmanager
    def computing(self) -> Generator[None, None, None]:
        """Compute in a block with this machine's number of threads, and as PyTorch does outside of any of its modes.

        The number of threads belongs to the whole process, so it is set for the block and set back after it: two runs
        with different numbers in one process each compute with their own.
        """
        with _suspend_modes(self.device), threads.using(self.threads):
            yield

    def with_smaller_filters(self) -> "Machine | None":
        """Return a machine whose convolutions are slower and have smaller filters, if there is one."""
        algorithms = winograd_choices(self.device, self.features)
        index = algorithms.index(self.winograd)
        if index == 0:
            return None
        choice = Choice(self.features, algorithms[index - 1])
        return self._replace(winograd=choice.winograd, reason=f"{choice}; the filters of anything faster are too large")

    def identity(self) -> dict[str, str | int]:
        """Return the values on which a picture's last bits depend, by the names of the options where there are any."""
        return {
            "device": str(self.device),
            "dtype": str(self.features).removeprefix("torch."),
            "winograd": self.winograd,
            "threads": self.threads,
            "processes": self.group.size,
        }


def resolve(runtime: Runtime, *, resumed: bool = False) -> Machine:
    """Turn the options into a device, its precisions, algorithm and number of threads; meet other processes.

    What is not asked for is measured: precision and algorithm together, then the number of threads for both.

    Args:
        runtime: The options.
        resumed: Whether the number of threads is that of a checkpoint, which a machine with more cores may have saved.

    Returns:
        The machine, as all parts of a run use it.

    Raises:
        SettingsError: the device is unknown or not there, or cannot compute as asked, or there are too many threads.

    """
    if not resumed:
        check_per_core("threads", runtime.threads)
    device = _device(runtime.device)
    with _suspend_modes(device):
        return _make_machine(runtime, device)


def _make_machine(runtime: Runtime, device: torch.device) -> Machine:
    """Return the machine of a device that is there; what the options leave open is measured."""
    count = runtime.threads or threads.available()
    group, choices = join(device), _choices(device, runtime)
    fastest, reason = autotune.fastest_choice(device, choices, count)
    choice = choices[group.broadcast(choices.index(fastest))]  # or processes that time otherwise would plan otherwise
    if choice != fastest:
        reason = f"{choice}, as the first process chose"
    if device.type == "cpu" and not runtime.threads:
        count = autotune.fewest_threads(choice, count)
    sums = torch.promote_types(choice.dtype, torch.float32)
    return Machine(device, choice.dtype, sums, choice.winograd, count, group, reason)


@contextmanager
def _suspend_modes(device: torch.device) -> Generator[None, None, None]:
    """Compute in a block as PyTorch does outside of any mode that the caller is in.

    In `torch.inference_mode` and `torch.no_grad`, tensors would be made that cannot be changed outside of them;
    `torch.autocast` would compute products in another precision than the machine's, in which losses overflow; and a
    default device would be that of tensors that are made on the processor.
    """
    with ExitStack() as modes:
        modes.enter_context(torch.inference_mode(mode=False))
        for kind in {"cpu", device.type}:
            if torch.is_autocast_enabled(kind):
                modes.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            modes.enter_context(torch.device("cpu"))
        yield


def _device(name: str) -> torch.device:
    """Return the device of a name, if it is there."""
    counts = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    is_alone = world_size() == 1
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if counts[kind] and (is_alone or kind != "mps"))
    if name.startswith("mps") and not is_alone:
        raise SettingsError(f"device cannot be {name} where several processes paint one picture; it can be cpu.")
    if name == "cuda" and counts["cuda"]:
        name = f"cuda:{local_rank()[0] % counts['cuda']}"
    device = torch.device(name)
    if (device.index or 0) >= counts[device.type]:
        names = ", ".join(kind if kind == "cpu" else f"{kind}:0 to {kind}:{n - 1}" for kind, n in counts.items() if n)
        raise SettingsError(f"there is no device {name} on this machine; it has {names}.")
    return device


def _choices(device: torch.device, runtime: Runtime) -> tuple[Choice, ...]:
    """List what the options leave to be measured, the simplest and most precise first."""
    if device.type == "mps" and runtime.dtype == "float64":
        raise SettingsError("dtype cannot be float64 on an Apple GPU (mps); it can be float32 or bfloat16 there.")
    dtypes = [torch.float32, torch.bfloat16] if runtime.dtype == "auto" else [getattr(torch, runtime.dtype)]
    if device.type == "mps" and runtime.dtype == "auto":
        dtypes = [torch.float32]  # the precision that Apple's GPUs support throughout
    possible = [Choice(dtype, winograd) for dtype in dtypes for winograd in winograd_choices(device, dtype)]
    choices = tuple(choice for choice in possible if runtime.winograd in {"auto", choice.winograd})
    if not choices:
        values = ", ".join(dict.fromkeys(choice.winograd for choice in possible))
        raise SettingsError(
            f"winograd cannot be {runtime.winograd} in {possible[0]} on this {device.type}; it can be {values}."
        )
    return choices
