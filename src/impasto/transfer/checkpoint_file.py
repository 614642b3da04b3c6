"""The file of a checkpoint: named tensors, and a record of plain values by name.

It is a safetensors file. Its metadata hold the name and version of the format, the record as JSON, and a hash of record
and tensors, so that a damaged file is refused. It is written under a temporary name and renamed. This module knows
nothing of runs.
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

__all__ = ["FORMAT_VERSION", "damage_error", "read", "read_record", "write"]

FORMAT = "impasto checkpoint"
"""The name of the format in the metadata of a checkpoint."""

FORMAT_VERSION = 2
"""The version of the format that is written and read; 0.1.0 wrote the first, by position and without a number."""

MAX_HEADER = 100_000_000
"""Bytes of a header, at most: the limit of the safetensors library."""

_DTYPE_NAMES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.int64: "I64"}
_HASH_PLACEHOLDER = "0" * 64
"""The digits that the header holds in place of the hash until the tensors are written."""


class _Metadata(TypedDict):
    """The metadata in the header of a checkpoint."""

    record: str
    sha256: str
    format: NotRequired[str]
    version: NotRequired[str]


_Header = TypedDict("_Header", {"__metadata__": _Metadata})


def write(path: Path, tensors: Mapping[str, Tensor], record: Mapping[str, Any], *, part_of: Path | None = None) -> None:
    """Write or replace a checkpoint; only tensors on another device are copied.

    Args:
        path: The file.
        tensors: Tensors by name, in float64, float32, bfloat16 or int64.
        record: Plain values, named tuples and mappings of them. Named tuples are written by the names of their fields,
            and numbers that are not finite as text.
        part_of: The first process's file, if this is a shard of its checkpoint: see `files.atomic_write`.

    Raises:
        InputError: no file can be written there.
        WriteError: the system refused while writing; the previous file is unchanged.

    """
    ordered = sorted(tensors.items())
    record_json = json.dumps(_to_json(record), allow_nan=False)
    metadata = {"format": FORMAT, "version": str(FORMAT_VERSION), "record": record_json, "sha256": _HASH_PLACEHOLDER}
    header = json.dumps({"__metadata__": metadata, **dict(_tensor_entries(ordered))}).encode()
    header += b" " * (-len(header) % 8)
    with atomic_write(path, overwrite=True, part_of=part_of) as temporary, temporary.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        digest = hashlib.sha256(record_json.encode())
        for _, tensor in ordered:
            data = byte_view(tensor)
            digest.update(data)
            file.write(data)
        file.seek(8 + header.rindex(_HASH_PLACEHOLDER.encode()))
        file.write(digest.hexdigest().encode())


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

    metadata = _read_metadata(path)
    try:
        with cast("Any", safe_open(path, "pt")) as file:
            names = sorted(cast("list[str]", file.keys()))
        tensors = {name: _read_tensor(path, name) for name in names}
    except OSError as error:
        raise _read_error(path, error) from error
    except (SafetensorError, ValueError, TypeError):
        raise damage_error(path) from None
    digest = hashlib.sha256(metadata["record"].encode())
    for _, tensor in sorted(tensors.items()):
        digest.update(byte_view(tensor))
    if digest.hexdigest() != metadata["sha256"]:
        raise damage_error(path)
    return tensors, json.loads(metadata["record"])


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
        return json.loads(_read_metadata(path)["record"])
    except ValueError:
        raise damage_error(path) from None


def damage_error(path: Path, problem: str = "it is not as it was written") -> OtherRunError:
    """Return the error for a damaged checkpoint.

    Args:
        path: The file.
        problem: What is wrong, in a clause.

    Returns:
        The error.

    """
    return OtherRunError(f"the checkpoint {path} is damaged: {problem}; delete it, or name another to start a new run.")


def _tensor_entries(tensors: Sequence[tuple[str, Tensor]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the header's entries of tensors that follow on each other in the file."""
    end = 0
    for name, tensor in tensors:
        start, end = end, end + tensor.numel() * tensor.element_size()
        yield name, {"dtype": _DTYPE_NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}


def _to_json(tree: Any) -> Any:
    """Return plain values for JSON: every named tuple as a mapping, and numbers that are not finite as text."""
    if isinstance(tree, float):
        return tree if math.isfinite(tree) else str(tree)
    if hasattr(tree, "_asdict"):
        tree = tree._asdict()
    if isinstance(tree, Mapping):
        return {str(name): _to_json(value) for name, value in cast("Mapping[Any, Any]", tree).items()}
    if isinstance(tree, list | tuple):
        return [_to_json(value) for value in cast("Sequence[Any]", tree)]
    return tree


def _read_metadata(path: Path) -> "_Metadata":
    """Return the metadata of a file that is a checkpoint of this version."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= MAX_HEADER else b""
    except OSError as error:
        raise _read_error(path, error) from error
    try:
        metadata = TypeAdapter(_Header).validate_json(header)["__metadata__"]
    except ValidationError:
        metadata = None
    if metadata is None or metadata.get("format", FORMAT) != FORMAT:
        raise CheckpointError(
            f"{path} is not a checkpoint of impasto's, or its first bytes are damaged; name another file as checkpoint."
        )
    version = metadata.get("version", "1")
    if version != str(FORMAT_VERSION):
        raise _version_error(path, version)
    return metadata


def _version_error(path: Path, version: str) -> OtherRunError:
    """Return the error for a checkpoint in another version of the format."""
    if version != "1":
        return OtherRunError(
            f"{path} is a checkpoint of a newer impasto, in version {version} of the format; continue with that one, "
            "or name another checkpoint to start a new run."
        )
    return OtherRunError(
        f"{path} is a checkpoint of impasto 0.1.0, from which this version cannot continue; finish that run with "
        "pip install impasto==0.1.0, or name another checkpoint to start a new run."
    )


def _read_error(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"the checkpoint {path} cannot be read: {reason(error)}; put that right, or name another.")


def _read_tensor(path: Path, name: str) -> Tensor:
    """Read one tensor of the file, as a clone: the last bits of sums depend on where in memory a tensor begins."""
    from safetensors import safe_open  # noqa: PLC0415 (only where a run continues)

    with cast("Any", safe_open(path, "pt")) as file:
        return cast("Tensor", file.get_tensor(name)).clone()
