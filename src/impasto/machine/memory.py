"""How much memory the process holds, how much is free, and how much of it a run may plan with."""

import math
import sys
from pathlib import Path

import psutil
import torch

from impasto.machine import allocator
from impasto.machine.device import Machine
from impasto.machine.processes import local_rank
from impasto.planning.memory import Budget
from impasto.settings import Runtime

__all__ = ["budget"]

FREE_FRACTION = 0.8
"""The fraction of the free memory that a run plans to take where nothing is said, so that other programs have some."""


def budget(machine: Machine, runtime: Runtime) -> Budget:
    """Measure the memory that a run has to compute with. The network has to be ready by then.

    Args:
        machine: Where the run computes.
        runtime: Its `memory` is the limit, in bytes of the process; if that is auto, most of what is free is.

    Returns:
        The limit, the bytes of it that the process holds already, and the bytes of a feature.

    """
    allocator.release()
    on_gpu = machine.device.type == "cuda"
    held = _held_bytes(machine.device)
    free = _free_bytes(machine.device)
    limit = runtime.bytes or held + (free if on_gpu else FREE_FRACTION * free / local_rank()[1])
    history_dtype = None if runtime.history_dtype == "auto" else runtime.history_dtype
    if history_dtype is None and on_gpu and machine.features == torch.bfloat16:
        history_dtype = "bfloat16"  # read in half the time, and the loss falls as fast: docs/notes/gpu.md
    return Budget(
        limit,
        held,
        machine.features.itemsize,
        history_dtype,
        machine.group.size,
        overheads=allocator.overheads(machine.device),
    )


def _held_bytes(device: torch.device) -> int:
    """Return the memory that this process holds, on its GPU or else on the machine."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss


def _free_bytes(device: torch.device) -> float:
    """Return the memory that is free: on a GPU, or on the machine as far as a container's limit allows."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return min(psutil.virtual_memory().available, _free_in_container(Path("/sys/fs/cgroup")), _free_addresses())


def _free_addresses() -> float:
    """Return the bytes that a limit of the process's address space, such as that of `ulimit -v`, leaves free."""
    if sys.platform == "win32":
        return math.inf
    import resource  # noqa: PLC0415 (not on Windows)

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return math.inf if limit == resource.RLIM_INFINITY else max(0, limit - psutil.Process().memory_info().vms)


def _free_in_container(group: Path) -> float:
    """Return the bytes that a container's limit leaves free; cached files count as free."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no container, or a limit of "max"
        return math.inf
    return limit - int(used["anon"])
