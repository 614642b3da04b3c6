"""Hashes of tensors, by which pictures, masks and what is measured of them are known again."""

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor

__all__ = ["byte_view", "digest"]

ROWS_AT_ONCE = 1024
"""Rows of a tensor that are hashed at a time, so that no second tensor of its size is in memory."""


def digest(*tensors: Tensor | None) -> str:
    """Return a hash of tensors, of their shapes and dtypes."""
    hasher = hashlib.sha256()
    for tensor in tensors:
        hasher.update(repr(tensor if tensor is None else (tensor.dtype, tensor.shape)).encode())
        for rows in () if tensor is None else cast("Sequence[Tensor]", tensor.flatten(0, -2).split(ROWS_AT_ONCE)):
            hasher.update(byte_view(rows))
    return hasher.hexdigest()


def byte_view(tensor: Tensor) -> memoryview:
    """View the bytes of a tensor, on the processor."""
    return memoryview(cast("Any", tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
