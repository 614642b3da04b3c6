"""A file of named tensors, read as the layers of a VGG-19.

Torchvision's, Caffe's and Keras's names are understood. Nothing is unpickled but tensors. Knows nothing of where a file
came from, or of what input its network wants.
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
"""The convolutions' places in torchvision's `features`."""

_NAMES = (
    re.compile(r"(?:.*\.)?features\.(?P<place>\d+)\.(?P<part>weight|bias)"),
    re.compile(r"(?:.*[./])?conv(?P<block>[1-5])_(?P<index>[1-4])[./_](?P<part>weight|bias)"),
    re.compile(
        r"(?:.*[./])?block(?P<block>[1-5])_conv(?P<index>[1-4])[./_]"
        r"(?P<part>kernel|weight|W|bias|b)(?:_1)?(?::0)?"
    ),
)
"""How torchvision, Caffe and Keras name the same tensors."""


def read_layers(path: Path) -> Layers:
    """Read a .safetensors file, or any other as a .pth file.

    Args:
        path: The file.

    Raises:
        WeightsError: the file is damaged, holds code, or is not a VGG-19.

    """
    found = _safetensors(path) if path.suffix.lower() == ".safetensors" else unpickle(path)
    return chain(_canonical(found, path), path)


def _canonical(found: Mapping[str, Any], path: Path) -> Layers:
    """Bring any of the three namings to layer names, and kernels to (out, in, 3, 3)."""
    nested = found.get("state_dict")
    if isinstance(nested, Mapping):
        found = cast("Mapping[str, Any]", nested)
    parts: dict[tuple[str, str], Tensor] = {}
    for key, tensor in found.items():
        match = next((match for pattern in _NAMES if (match := pattern.fullmatch(str(key)))), None)
        name = None if match is None else _layer(match.groupdict())
        if match and name and isinstance(tensor, Tensor):
            kind = "bias" if match["part"] in {"bias", "b"} else "weight"
            is_keras = kind == "weight" and tensor.dim() == 4 and tensor.shape[:2] == (3, 3) != tensor.shape[2:]
            if (name, kind) in parts:
                raise _no_vgg(path, f"{name} has more than one {kind}")
            parts[name, kind] = (tensor.permute(3, 2, 0, 1) if is_keras else tensor).detach()
    names = dict.fromkeys(name for name, _ in parts)
    incomplete = [name for name in names if (name, "weight") not in parts or (name, "bias") not in parts]
    if incomplete or not names:
        what = f"{incomplete[0]} has no weight or no bias" if incomplete else "it holds no convolution of one"
        raise _no_vgg(path, what)
    return {name: (parts[name, "weight"].float(), parts[name, "bias"].float().flatten()) for name in names}


def _layer(groups: Mapping[str, str]) -> str | None:
    """Return the layer that a tensor's name speaks of."""
    if "place" in groups:
        place = int(groups["place"])
        return CONVOLUTIONS[_POSITIONS.index(place)].name if place in _POSITIONS else None
    return f"conv{groups['block']}_{groups['index']}"


def chain(tensors: Layers, path: Path) -> Layers:
    """Check that the layers follow on each other from conv1_1 without a gap, and put them in order.

    Args:
        tensors: The layers.
        path: The file that they come from, for messages.

    Returns:
        The layers from conv1_1 on, contiguous.

    Raises:
        WeightsError: a layer is missing, does not fit the one before, or holds values that are not finite.

    """
    names = [layer.name for layer in CONVOLUTIONS]
    last = max((names.index(name) for name in tensors if name in names), default=0)
    inputs = 3
    linked: Layers = {}
    for name in names[: last + 1]:
        if name not in tensors:
            raise _no_vgg(path, f"{name} is missing")
        weight, bias = tensors[name]
        if weight.shape != (len(bias), inputs, 3, 3):
            raise _no_vgg(path, f"{name} has the shape {tuple(weight.shape)} where ({len(bias)}, {inputs}, 3, 3) fits")
        if not (_is_finite(weight) and _is_finite(bias)):
            raise _no_vgg(path, f"{name} holds no values, or some that are not finite")
        linked[name] = (weight.contiguous(), bias.contiguous())
        inputs = len(bias)
    return linked


def _is_finite(values: Tensor) -> bool:
    """Tell whether there are values and all are finite, without a tensor of their size: `isfinite` makes two."""
    if not values.numel():
        return False
    least, greatest = values.aminmax()
    return math.isfinite(least) and math.isfinite(greatest)


def _no_vgg(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{path} is not a VGG-19: {what}; it takes torchvision's, Caffe's or Keras's names.")


def unpickle(path: Path) -> dict[str, Any]:
    """Load a file of tensors; a pickle with anything else in it is refused before it runs."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling broken bytes raises nearly anything
        if is_out_of_memory(error):
            raise
        raise WeightsError(
            f"{path} is no file of tensors, or holds code, which is never run; give a .pth or .safetensors file."
        ) from None
    if not isinstance(found, dict):
        raise _no_vgg(path, "it holds no named tensors")
    return cast("dict[str, Any]", found)


def _safetensors(path: Path) -> Mapping[str, Tensor]:
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
    found = digest(path, remedy)
    if not found.startswith(expected):
        raise WeightsError(f"{path} has the SHA-256 {found[:16]}…, not {expected[:16]}…; {remedy}.")
    return found
