"""Pictures as programs hold them: paths, bytes, open files, PIL images, numpy arrays and torch tensors.

It reads all of them into the fields of a picture, names what it cannot read, and makes arrays of a picture's samples.
"""

import inspect
import io
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import PictureError
from impasto.images.image_file import ImageFile
from impasto.images.reading import PictureFields, decode, whiten

__all__ = ["MAX_FLOAT_SAMPLE", "as_array", "decode_any", "is_file"]

MAX_FLOAT_SAMPLE = 16.0
"""A float sample above which a picture is not one of 0 to 1: resampling and painting overshoot by less."""

_ACCEPTED = (
    "a path, the bytes of an image file, an open file, a PIL image, a numpy array (H, W, 3) or a torch tensor (3, H, W)"
)
_DTYPES = "uint8, uint16, or floats from 0 to 1"

_TIFF_MODES = frozenset({"1", "L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I;16B", "I;16L", "I", "F"})
"""Modes of PIL images that it writes as TIFF files; the others become RGB or RGBA first."""


def decode_any(source: object, *, allow_large: bool = False) -> PictureFields:
    """Read a picture from whatever holds one.

    Args:
        source: A path; the bytes of an image file, or a file that is open for reading bytes; a PIL image; a numpy array
            (H, W), (H, W, 3) or with alpha (H, W, 4); a torch tensor (1, H, W), (3, H, W) or with alpha (4, H, W).
            Arrays and tensors hold sRGB as uint8, uint16 or floats from 0 to 1.
        allow_large: Whether a file may have more than `MAX_PIXELS`; what is in memory may in any case.

    Returns:
        The fields of a `Picture`.

    Raises:
        PictureError: it is none of those, or cannot be read.

    """
    if isinstance(source, str | os.PathLike):
        return decode(ImageFile.open(Path(os.fspath(cast("str", source)))), allow_large=allow_large)
    if isinstance(source, bytes | bytearray | memoryview):
        return decode(
            ImageFile.of_bytes("the picture given as bytes", bytes(cast("bytes", source))), allow_large=allow_large
        )
    if isinstance(source, Tensor):
        return _decode_tensor(source)
    if any(kind.__module__.partition(".")[0] == "PIL" for kind in type(source).__mro__):
        return _decode_pil(cast("Any", source))
    if hasattr(source, "__array__"):
        return _decode_array(np.asarray(source))
    if is_file(source):
        return _decode_open_file(source, allow_large=allow_large)
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise PictureError(f"a picture cannot be made of {kind}; give {_ACCEPTED}.")


def is_file(source: object) -> bool:
    """Tell whether a picture is given as an image file: a path, its bytes, or a file that is open for reading."""
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or callable(
        getattr(source, "read", None)
    )


def as_array(color: NDArray[np.float32], alpha: NDArray[np.float32] | None, dtype: Any = None) -> NDArray[Any]:
    """Return samples as programs hold them, from which `decode_any` reads the same picture.

    Args:
        color: sRGB, (3, H, W), nominally in [0, 1].
        alpha: Opacity in [0, 1], (H, W); None: opaque.
        dtype: uint8, from 0 to 255, if not given; uint16, from 0 to 65535; or floats from 0 to 1.

    Returns:
        The array, (H, W, 3), or with alpha (H, W, 4).

    """
    channels = color if alpha is None else np.concatenate((color, alpha[None]))
    samples = np.ascontiguousarray(channels.transpose(1, 2, 0)).clip(0, 1)
    kind = np.dtype(np.uint8 if dtype is None else dtype)
    if kind.kind == "f":
        return samples.astype(kind)
    white, integer = (65535, np.uint16) if kind == np.uint16 else (255, np.uint8)
    return (samples * np.float32(white) + np.float32(0.5)).astype(integer).astype(kind)


def _decode_open_file(file: Any, *, allow_large: bool) -> PictureFields:
    """Read a picture from an open file, to its end."""
    path = getattr(file, "name", None)
    name = f"the open file {path}" if isinstance(path, str) else "the open file given as a picture"
    if inspect.iscoroutinefunction(file.read):
        raise PictureError(f"{name} is read asynchronously; give its .file, or the bytes that `await` returns.")
    try:
        data: object = file.read()
    except (OSError, ValueError) as error:
        raise PictureError(f"{name} cannot be read ({error}); open it again.") from error
    if not isinstance(data, bytes):
        raise PictureError(f'{name} is open for text; open it with mode "rb".')
    return decode(ImageFile.of_bytes(name, data), allow_large=allow_large)


def _decode_pil(image: Any) -> PictureFields:
    """Read a PIL image with its profile, orientation and EXIF, by way of a TIFF file in memory."""
    target = io.BytesIO()
    try:
        is_plain = image.mode in _TIFF_MODES and "transparency" not in image.info
        plain = image if is_plain else image.convert("RGBA" if image.has_transparency_data else "RGB")
        plain.save(target, "TIFF", exif=image.getexif(), icc_profile=image.info.get("icc_profile"))
    except (OSError, ValueError, SyntaxError, KeyError) as error:
        raise PictureError(
            f"the PIL image of mode {image.mode} cannot be read ({error}); convert it to RGB."
        ) from error
    return decode(ImageFile.of_bytes("the PIL image", target.getvalue()), allow_large=True)


def _decode_tensor(tensor: Tensor) -> PictureFields:
    """Read a tensor, (1, 3 or 4, H, W)."""
    shape = tuple(tensor.shape)
    if len(shape) != 3 or shape[0] not in {1, 3, 4} or 0 in shape:
        raise PictureError(f"the tensor has the shape {shape}; a picture takes (3, H, W), or with alpha (4, H, W).")
    if tensor.is_meta or tensor.layout != torch.strided:
        problem = "has a shape, but no values" if tensor.is_meta else "is sparse"
        raise PictureError(f"the tensor {problem}; give a dense tensor (3, H, W) that holds its values.")
    if tensor.dtype in {torch.float16, torch.bfloat16, torch.float64}:
        tensor = tensor.float()
    if tensor.dtype not in {torch.uint8, torch.uint16, torch.float32}:
        raise PictureError(f"the tensor holds {tensor.dtype}; a picture takes {_DTYPES}.")
    return _decode_channels("the tensor", tensor.detach().cpu().numpy())


def _decode_array(array: NDArray[Any]) -> PictureFields:
    """Read an array, (H, W) or (H, W, 1, 3 or 4)."""
    shape = array.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3, 4})) or 0 in shape:
        raise PictureError(f"the array has the shape {shape}; a picture takes (H, W), (H, W, 3) or (H, W, 4).")
    if array.dtype.kind == "f":
        array = array.astype(np.float32)
    if array.dtype.newbyteorder("=") not in {np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)}:
        raise PictureError(f"the array holds {array.dtype}; a picture takes {_DTYPES}.")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return _decode_channels("the array", np.moveaxis(array.reshape(*shape[:2], -1), 2, 0))


def _decode_channels(name: str, channels: NDArray[Any]) -> PictureFields:
    """Read gray, or RGB with or without alpha, (1, 3 or 4, H, W), into samples of their own."""
    if channels.dtype.kind == "f" and not np.isfinite(channels).all():
        raise PictureError(f"{name} holds a value that is not a number; a picture takes {_DTYPES}.")
    if channels.dtype.kind == "f" and channels.max() > MAX_FLOAT_SAMPLE:
        raise PictureError(f"{name} holds floats up to {channels.max():g}; a picture takes floats from 0 to 1.")
    color = np.array(np.broadcast_to(channels[:3], (3, *channels.shape[1:])), order="C")
    alpha = np.array(channels[3], order="C") if len(channels) == 4 else None
    if alpha is not None:
        color = whiten(color, alpha, name)
    return PictureFields(color, alpha, bits=16 if color.dtype == np.uint16 else 8)
