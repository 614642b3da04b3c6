"""Begin to load what a GPU needs in the background, while the rest of a program is loaded and pictures are opened."""

import threading

import torch

from impasto.kernels.cuda.dispatch import has_triton

__all__ = ["preload"]


def preload(device: str) -> None:
    """Load the GPU's driver and Triton in a thread of their own, if the device of a run may be a GPU.

    Together they take most of a second. What needs them sooner waits for them as it would without this.
    """
    if device.startswith(("auto", "cuda")) and torch.cuda.is_available():
        threading.Thread(target=_load, daemon=True).start()


def _load() -> None:
    torch.cuda.init()
    torch.zeros((), device="cuda")
    if has_triton():
        from triton.runtime import cache  # noqa: PLC0415 (a GPU)  # pyright: ignore[reportMissingTypeStubs]

        from impasto.kernels.cuda import triton_history, triton_layers, triton_statistics  # noqa: PLC0415

        del triton_history, triton_layers, triton_statistics
        if hasattr(cache, "triton_key"):
            cache.triton_key()  # a hash of Triton's own files, which it looks for at the first kernel
