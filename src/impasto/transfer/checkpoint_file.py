"""The file of a checkpoint: named tensors and a record of plain values by name, as it was written or not at all.

It is a safetensors file whose metadata say that it is a checkpoint of impasto, in which version of the format; they
hold the record as JSON and a hash of record and tensors. It is written under a temporary name and renamed. This module
knows nothing of runs.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired, cast

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

from impasto.errors import CheckpointError, OtherRunError
from impasto.files import atomic_write, reason
from impasto.images.digest import byte_view

__all__ = ["FORMAT_VERSION", "damaged", "read", "read_record", "write"]

FORMAT = "impasto checkpoint"
"""What the metadata of a checkpoint say that it is."""

FORMAT_VERSION = 2
"""The version of the format that is written and read; 0.1.0 wrote the first, by position and without a number."""

MAX_HEADER = 100_000_000
"""Bytes of a header, at most: the limit of the safetensors library."""

_NAMES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}
_UNKNOWN = "0" * 64
"""What the header has in place of the hash until that is known."""


class _Metadata(TypedDict):
    """What the header of a checkpoint says of it."""

    record: str
    sha256: str
    format: NotRequired[str]
    version: NotRequired[str]


_Header = TypedDict("_Header", {"__metadata__": _Metadata})


def write(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], *, part_of: Path | None = None) -> None:
    """Write or replace a checkpoint; no tensor is copied but from another device.

    Args:
        path: The file.
        tensors: By name; in float64, float32, bfloat16 or int64.
        record: Plain values, named tuples and mappings of them. Named tuples are written by the names of their fields,
            and numbers that are not finite as words.
        part_of: The first process's file, if this is a part of its checkpoint: see `files.atomic_write`.

    Raises:
        InputError: no file can be written there.
        WriteError: the system refused while writing; what was there before is unchanged.

    """
    ordered = sorted(tensors.items())
    text = json.dumps(_by_name(record), allow_nan=False)
    about = {"format": FORMAT, "version": str(FORMAT_VERSION), "record": text, "sha256": _UNKNOWN}
    header = json.dumps({"__metadata__": about, **dict(_places(ordered))}).encode()
    header += b" " * (-len(header) % 8)
    with atomic_write(path, overwrite=True, part_of=part_of) as temporary, temporary.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        found = hashlib.sha256(text.encode())
        for _, tensor in ordered:
            data = byte_view(tensor)
            found.update(data)
            file.write(data)
        file.seek(8 + header.rindex(_UNKNOWN.encode()))
        file.write(found.hexdigest().encode())


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the record of a checkpoint.

    Args:
        path: The file of a checkpoint.

    Returns:
        The tensors by name, on the processor, and the record.

    Raises:
        CheckpointError: the file cannot be read, is no checkpoint, is one of another version, or is damaged.

    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 (only where a run continues)

    about = _about(path)
    try:
        with cast("Any", safe_open(path, "pt")) as file:
            names = sorted(cast("list[str]", file.keys()))
        tensors = {name: _tensor(path, name) for name in names}
    except OSError as error:
        raise _unreadable(path, error) from error
    except (SafetensorError, ValueError, TypeError):
        raise damaged(path) from None
    found = hashlib.sha256(about["record"].encode())
    for _, tensor in sorted(tensors.items()):
        found.update(byte_view(tensor))
    if found.hexdigest() != about["sha256"]:
        raise damaged(path)
    return tensors, json.loads(about["record"])


def read_record(path: Path) -> dict[str, Any]:
    """Return the record of a checkpoint, without its tensors and without a check of the hash.

    Args:
        path: The file of a checkpoint.

    Returns:
        The record.

    Raises:
        CheckpointError: the file cannot be read, is no checkpoint, or is one of another version.

    """
    try:
        return json.loads(_about(path)["record"])
    except ValueError:
        raise damaged(path) from None


def damaged(path: Path, what: str = "it is not as it was written") -> OtherRunError:
    """Return the error of a checkpoint of impasto's in which something is wrong.

    Args:
        path: The file.
        what: What is wrong, in a clause.

    Returns:
        The error.

    """
    return OtherRunError(f"the checkpoint {path} is damaged: {what}; delete it, or name another to start a new run.")


def _places(tensors: Sequence[tuple[str, Tensor]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List what a header says of tensors that follow on each other."""
    end = 0
    for name, tensor in tensors:
        start, end = end, end + tensor.numel() * tensor.element_size()
        yield name, {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}


def _by_name(tree: Any) -> Any:
    """Return plain values with every named tuple as a mapping, and numbers that are not finite as words."""
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else str(tree)
    if hasattr(tree, "_asdict"):
        tree = tree._asdict()
    if isinstance(tree, Mapping):
        return {str(name): _by_name(value) for name, value in cast("Mapping[Any, Any]", tree).items()}
    if isinstance(tree, list | tuple):
        return [_by_name(value) for value in cast("Sequence[Any]", tree)]
    return tree


def _about(path: Path) -> "_Metadata":
    """Return the metadata of a file that is a checkpoint of this version."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= MAX_HEADER else b""
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        about = TypeAdapter(_Header).validate_json(header)["__metadata__"]
    except ValidationError:
        about = None
    if about is None or about.get("format", FORMAT) != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of impasto's, or its first bytes are damaged; name another file as checkpoint."
        )
    version = about.get("version", "1")
    if version != str(FORMAT_VERSION):
        raise _of_another_version(path, version)
    return about


def _of_another_version(path: Path, version: str) -> OtherRunError:
    """Say which impasto saved a checkpoint that this one does not read."""
    if version != "1":
        return OtherRunError(
            f"{path} is a checkpoint of a newer impasto, in version {version} of the format; continue with that one, "
            "or name another checkpoint to start a new run."
        )
    return OtherRunError(
        f"{path} is a checkpoint of impasto 0.1.0, from which this version cannot continue; finish that run with "
        "pip install impasto==0.1.0, or name another checkpoint to start a new run."
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"the checkpoint {path} cannot be read: {reason(error)}; put that right, or name another.")


def _tensor(path: Path, name: str) -> Tensor:
    """Read a tensor with nothing else of the file in memory.

    It is a clone, since sums depend on where in memory a tensor begins, in their last bits.
    """
    from safetensors import safe_open  # noqa: PLC0415 (only where a run continues)

    with cast("Any", safe_open(path, "pt")) as file:
        return cast("Tensor", file.get_tensor(name)).clone()
