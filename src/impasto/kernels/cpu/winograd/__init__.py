"""Winograd's minimal filtering: 3 × 3 convolutions with fewer multiplications and more rounding.

`lines` filters along the width alone, with torch's operations. `tiles` filters in both directions, with compiled loops.
"""

import torch

from impasto.kernels.cpu.compiled import has_loops
from impasto.kernels.cpu.winograd.lines import F2, F4, Scheme, prepare_lines
from impasto.settings.choices import Winograd

__all__ = ["F2", "F4", "Scheme", "prepare_lines", "winograd_choices"]


def winograd_choices(device: torch.device, dtype: torch.dtype) -> tuple[Winograd, ...]:
    """List the ways to use Winograd's algorithm.

    Args:
        device: The device that computes the convolutions.
        dtype: The precision of the features.

    Returns:
        The values of the option `winograd` that this device and this precision have.

    """
    if device.type != "cpu" or dtype == torch.float64:
        return ("off",)
    return ("off", "lines", "tiles") if dtype == torch.float32 and has_loops() else ("off", "lines")
