"""The most precise numbers that a device computes with."""

import torch

__all__ = ["exact_dtype"]


def exact_dtype(device: torch.device) -> torch.dtype:
    """Return float64, or float32 on an Apple GPU, which has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64
