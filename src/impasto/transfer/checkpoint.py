"""A checkpoint: named tensors and a record of plain values in one safetensors file, as it was written or not at all.

The file is written beside its place and renamed, and carries a hash of all that is in it. Knows nothing of runs.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from impasto.errors import CheckpointError
from impasto.files import reason, whole

__all__ = ["contents", "read", "write"]

_NAMES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}
_UNKNOWN = "0" * 64
"""Stands in the header until the hash is known."""


def write(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
    """Write or replace a checkpoint; no tensor is copied but from another device.

    Raises:
        InputError: no file can be written there.
        WriteError: the system refused while writing; what was there before stands.

    """
    ordered = sorted(tensors.items())
    said = json.dumps(record)
    header: dict[str, Any] = {"__metadata__": {"record": said, "sha256": _UNKNOWN}}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with whole(path, overwrite=True) as temporary, temporary.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        found = hashlib.sha256(said.encode())
        for _, tensor in ordered:
            data = contents(tensor)
            found.update(data)
            file.write(data)
        file.seek(8 + text.rindex(_UNKNOWN.encode()))
        file.write(found.hexdigest().encode())


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the record of a checkpoint.

    Raises:
        CheckpointError: the file cannot be read, or is not as it was written.

    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 (only where a run goes on)

    try:
        with cast("Any", safe_open(path, "pt")) as file:
            about, names = cast("dict[str, str]", file.metadata() or {}), sorted(cast("list[str]", file.keys()))
        tensors = {name: _tensor(path, name) for name in names}
    except OSError as error:
        raise CheckpointError(f"the checkpoint {path} cannot be read: {reason(error)}; {_REMEDY}.") from error
    except (SafetensorError, ValueError, TypeError, RuntimeError):
        raise CheckpointError(f"the checkpoint {path} is damaged or none of impasto's; {_REMEDY}.") from None
    found = hashlib.sha256(about.get("record", "").encode())
    for _, tensor in sorted(tensors.items()):
        found.update(contents(tensor))
    if found.hexdigest() != about.get("sha256"):
        raise CheckpointError(f"the checkpoint {path} is not as it was written; {_REMEDY}.")
    return tensors, json.loads(about["record"])


def _tensor(path: Path, name: str) -> Tensor:
    """Read a tensor with nothing else of the file in memory.

    It is a clone, since sums depend on where in memory a tensor begins, in their last bits.
    """
    from safetensors import safe_open  # noqa: PLC0415 (only where a run goes on)

    with cast("Any", safe_open(path, "pt")) as file:
        return cast("Tensor", file.get_tensor(name)).clone()


_REMEDY = "delete it to begin anew, or name another with --checkpoint"


def contents(tensor: Tensor) -> memoryview:
    """View a tensor's memory."""
    return memoryview(cast("Any", tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()))
