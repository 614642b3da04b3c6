"""A file of named tensors, read as the layers of a VGG-19.

Torchvision's, Caffe's and Keras's names are understood. Nothing is unpickled but tensors. This module does not know the
origin of a file, or the input that its network takes.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import torch
from torch import Tensor

from impasto.errors import WeightsError, is_out_of_memory
from impasto.files import reason
from impasto.layers import CONVOLUTIONS

__all__ = ["Layers", "chain", "check", "digest", "read_layers", "unpickle"]

Layers: TypeAlias = dict[str, tuple[Tensor, Tensor]]
"""Weight (out, in, 3, 3) and bias (out,) by layer name."""

_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""The positions of the convolutions in torchvision's `features`."""

_NAMES = (
    re.compile(r"(?:.*\.)?features\.(?P<position>\d+)\.(?P<kind>weight|bias)"),
    re.compile(r"(?:.*[./])?conv(?P<block>[1-5])_(?P<index>[1-4])[./_](?P<kind>weight|bias)"),
    re.compile(
        r"(?:.*[./])?block(?P<block>[1-5])_conv(?P<index>[1-4])[./_]"
        r"(?P<kind>kernel|weight|W|bias|b)(?:_1)?(?::0)?"
    ),
)
"""The names of a tensor in files of torchvision, Caffe and Keras."""


def read_layers(path: Path) -> Layers:
    """Read a .safetensors file, or any other as a .pth file.

    Args:
        path: The file.

    Returns:
        The layers from conv1_1 on.

    Raises:
        WeightsError: the file is damaged, holds code, or is not a VGG-19.

    """
    tensors = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else unpickle(path)
    return chain(_to_layers(tensors, path), path)


def _to_layers(tensors: Mapping[str, Any], path: Path) -> Layers:
    """Return tensors with any of the three namings as layers, with weights of shape (out, in, 3, 3)."""
    nested = tensors.get("state_dict")
    if isinstance(nested, Mapping):
        tensors = cast("Mapping[str, Any]", nested)
    parameters: dict[tuple[str, str], Tensor] = {}
    for key, tensor in tensors.items():
        match = next((match for pattern in _NAMES if (match := pattern.fullmatch(str(key)))), None)
        name = None if match is None else _layer_name(match.groupdict())
        if match and name and isinstance(tensor, Tensor):
            kind = "bias" if match["kind"] in {"bias", "b"} else "weight"
            is_keras = kind == "weight" and tensor.dim() == 4 and tensor.shape[:2] == (3, 3) != tensor.shape[2:]
            if (name, kind) in parameters:
                raise _vgg_error(path, f"{name} has more than one {kind}")
            parameters[name, kind] = (tensor.permute(3, 2, 0, 1) if is_keras else tensor).detach()
    names = dict.fromkeys(name for name, _ in parameters)
    incomplete = [name for name in names if not {(name, "weight"), (name, "bias")} <= parameters.keys()]
    if incomplete or not names:
        problem = f"{incomplete[0]} has no weight or no bias" if incomplete else "it holds no convolution of one"
        raise _vgg_error(path, problem)
    return {name: (parameters[name, "weight"].float(), parameters[name, "bias"].float().flatten()) for name in names}


def _layer_name(groups: Mapping[str, str]) -> str | None:
    """Return the name of the layer that a tensor belongs to, from the groups of its matched name."""
    if "position" in groups:
        position = int(groups["position"])
        return CONVOLUTIONS[_POSITIONS.index(position)].name if position in _POSITIONS else None
    return f"conv{groups['block']}_{groups['index']}"


def chain(tensors: Layers, path: Path) -> Layers:
    """Check that the layers follow each other from conv1_1 without a gap, and return them in order.

    Args:
        tensors: The layers.
        path: The file that they come from, for messages.

    Returns:
        The layers from conv1_1 on, contiguous.

    Raises:
        WeightsError: a layer is missing, does not fit the one before, or holds values that are not finite.

    """
    names = [layer.name for layer in CONVOLUTIONS]
    last_index = max((names.index(name) for name in tensors if name in names), default=0)
    inputs = 3
    layers: Layers = {}
    for name in names[: last_index + 1]:
        if name not in tensors:
            raise _vgg_error(path, f"{name} is missing")
        weight, bias = tensors[name]
        if weight.shape != (len(bias), inputs, 3, 3):
            problem = f"{name} has the shape {tuple(weight.shape)} where ({len(bias)}, {inputs}, 3, 3) fits"
            raise _vgg_error(path, problem)
        if not (_is_finite(weight) and _is_finite(bias)):
            raise _vgg_error(path, f"{name} holds no values, or some that are not finite")
        layers[name] = (weight.contiguous(), bias.contiguous())
        inputs = len(bias)
    return layers


def _is_finite(values: Tensor) -> bool:
    """Tell whether there are values and all are finite, without a tensor of their size; `isfinite` makes two."""
    if not values.numel():
        return False
    least, greatest = values.aminmax()
    return math.isfinite(least) and math.isfinite(greatest)


def _vgg_error(path: Path, problem: str) -> WeightsError:
    """Return the error for a file that is not a VGG-19."""
    return WeightsError(f"{path} is not a VGG-19: {problem}; it takes torchvision's, Caffe's or Keras's names.")


def unpickle(path: Path) -> dict[str, Any]:
    """Load a file of tensors; a pickle with anything else in it is refused before it runs.

    Args:
        path: A .pth file.

    Returns:
        The tensors by name.

    Raises:
        WeightsError: the file holds no tensors by name, or anything else than tensors.

    """
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling broken bytes raises nearly anything
        if is_out_of_memory(error):
            raise
        raise WeightsError(
            f"{path} is no file of tensors, or holds code, which is never run; give a .pth or .safetensors file."
        ) from None
    if not isinstance(tensors, dict):
        raise _vgg_error(path, "it holds no named tensors")
    return cast("dict[str, Any]", tensors)


def _read_safetensors(path: Path) -> Mapping[str, Tensor]:
    """Return the tensors of a .safetensors file by name."""
    from safetensors import SafetensorError  # noqa: PLC0415 (for those who have such a file)
    from safetensors.torch import load_file  # noqa: PLC0415  # pyright: ignore[reportUnknownVariableType]

    try:
        return load_file(path)
    except (OSError, SafetensorError):
        raise WeightsError(f"{path} is damaged or no safetensors file; give another copy of it.") from None


def digest(path: Path, remedy: str = "name one that can") -> str:
    """Return a file's SHA-256.

    Args:
        path: The file.
        remedy: What to do where it cannot be read, in a clause.

    Returns:
        The hash, 64 hexadecimal digits.

    Raises:
        WeightsError: the file cannot be read.

    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"the weights file {path} cannot be read: {reason(error)}; {remedy}.") from None


def check(path: Path, expected: str, remedy: str) -> str:
    """Return a file's SHA-256 if it begins as expected.

    Args:
        path: The file.
        expected: The hash, or the digits that it begins with.
        remedy: What to do otherwise, in a clause.

    Returns:
        The hash, 64 hexadecimal digits.

    Raises:
        WeightsError: the file cannot be read, or its hash is another one.

    """
    sha256 = digest(path, remedy)
    if not sha256.startswith(expected):
        raise WeightsError(f"{path} has the SHA-256 {sha256[:16]}…, not {expected[:16]}…; {remedy}.")
    return sha256
