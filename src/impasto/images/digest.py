"""Hashes of tensors, by which pictures, masks and what is measured of them are known again."""

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["contents", "digest"]

ROWS_AT_ONCE = 1024
"""Rows of a tensor that are hashed at a time, so that no second tensor of its size is in memory."""


def digest(*tensors: Tensor | None) -> str:
    """Return a hash of tensors, of their shapes and dtypes."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr(tensor if tensor is None else (tensor.dtype, tensor.shape)).encode())
        for rows in () if tensor is None else cast("Sequence[Tensor]", tensor.flatten(0, -2).split(ROWS_AT_ONCE)):
            found.update(contents(rows))
    return found.hexdigest()


def contents(tensor: Tensor) -> memoryview:
    """View the bytes of a tensor, on the processor."""
    return memoryview(cast("Any", tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
