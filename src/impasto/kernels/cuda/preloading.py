"""Load a GPU's driver and Triton in the background, while the program imports its modules and opens pictures."""

import threading
from importlib import import_module

import torch

from impasto.kernels.cuda.dispatch import has_triton

__all__ = ["preload"]

_TRITON_MODULES = ("first_layer", "history", "linear", "pooling", "relu", "statistics")
"""The modules of Triton kernels, without the `triton_` before their names."""


def preload(device: str) -> None:
    """Load the GPU's driver and Triton in a thread of its own, if a run may use a GPU.

    Loading takes most of a second. Code that needs them earlier waits for them, as it would without this thread.

    Args:
        device: The device of `Runtime`: auto, cpu, cuda or cuda:N.

    """
    if device.startswith(("auto", "cuda")) and torch.cuda.is_available():
        threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    """Initialize CUDA, and import Triton and the modules of its kernels."""
    torch.cuda.init()
    torch.zeros((), device="cuda")
    if has_triton():
        from triton.runtime import cache  # noqa: PLC0415 (a GPU)  # pyright: ignore[reportMissingTypeStubs]

        for name in _TRITON_MODULES:
            import_module(f"impasto.kernels.cuda.triton_{name}")
        if hasattr(cache, "triton_key"):
            cache.triton_key()  # a hash of Triton's own files, which the first kernel needs
