"""What torch reads from the environment of its process, once: set it before torch computes for the first time.

It is loaded before torch, since the command sets the variables before it imports torch.
"""

import os
import sys
from collections.abc import Mapping

__all__ = ["TORCH_ENVIRONMENT", "tune_process"]

TORCH_ENVIRONMENT: Mapping[str, str] = {"THP_MEM_ALLOC_ENABLE": "1", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}
"""Environment variables of torch: memory in large pages, and a cache of at most 64 convolutions, each of which oneDNN
compiles for one shape (docs/notes/speed.md)."""

_PROBE_BYTES = 8 << 20
"""The size of a tensor whose address tells whether torch asks for large pages: four of them."""

_PROBES = 4
"""The number of tensors whose addresses are looked at together: one alone may start at a page by chance."""

_PAGE_BYTES = 4096
"""The alignment of large tensors where torch asks for large pages; elsewhere it is 64 bytes."""


def tune_process() -> bool:
    """Set in this process what the command sets in its own: large pages for tensors, and a bound on a cache.

    With large pages a run at 2048 × 1536 took 240 s in place of 294 s and 5 % less memory (docs/notes/speed.md); with
    the bound, oneDNN does not cache convolutions for a thousand sizes. So the process stays within the memory that a
    plan predicts. Torch reads both settings once: call this at the beginning of a program, before the first tensor is
    made; torch may have been imported. A variable that the environment has already stays as it is. The C library's
    memory allocator needs no call: each run sets it while it computes, in any program.

    Returns:
        Whether both are in force. False: torch had made tensors before, or cannot ask for large pages on this system.

    """
    os.environ.update({name: value for name, value in TORCH_ENVIRONMENT.items() if name not in os.environ})
    import torch  # noqa: PLC0415 (after the variables are set)

    if sys.platform != "linux":  # elsewhere an address may be that of a page without being one of a large page
        return False
    probes = [torch.empty(_PROBE_BYTES, dtype=torch.uint8) for _ in range(_PROBES)]
    return all(probe.data_ptr() % _PAGE_BYTES == 0 for probe in probes)
