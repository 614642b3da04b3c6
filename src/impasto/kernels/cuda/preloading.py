"""Load a GPU's driver and Triton in the background, while the program imports its modules and opens pictures."""

import threading

import torch

from impasto.kernels.cuda.dispatch import has_triton

__all__ = ["preload"]


def preload(device: str) -> None:
    """Load the GPU's driver and Triton in a thread of its own, if a run may use a GPU.

    Loading takes most of a second. Code that needs them earlier waits for them, as it would without this thread.
    """
    if device.startswith(("auto", "cuda")) and torch.cuda.is_available():
        threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    """Initialize CUDA, and import Triton and the modules of its kernels."""
    torch.cuda.init()
    torch.zeros((), device="cuda")
    if has_triton():
        from triton.runtime import cache  # noqa: PLC0415 (a GPU)  # pyright: ignore[reportMissingTypeStubs]

        from impasto.kernels.cuda import triton_history, triton_layers, triton_statistics  # noqa: PLC0415

        del triton_history, triton_layers, triton_statistics
        if hasattr(cache, "triton_key"):
            cache.triton_key()  # a hash of Triton's own files, which the first kernel needs
