"""A picture, in a file and in memory: upright sRGB, (3, H, W).

Files are read and written with libvips (measured against Pillow in docs/notes/images.md). Whatever a file holds (other
color spaces, 16 bits, a palette, a turned camera) ends here; the rest of impasto sees upright sRGB. Knows nothing of
what a picture is used for: a note is any text.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto import xmp
from impasto.errors import InputError, PictureError, WriteError
from impasto.files import reason, whole

__all__ = ["LARGEST_PIXELS", "Picture", "check_suffix", "read_note", "resample"]

LARGEST_PIXELS = 100_000_000
"""Width times height above which `Picture.open` refuses unless told: a file of a few bytes may unpack to any size."""

_LARGEST = {torch.float32: 1, torch.uint8: 255, torch.uint16: 65535}
"""The sample that white has, by dtype."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture in memory, (3, H, W), sRGB with its transfer curve.

    Values of float samples outside [0, 1] are kept here and clamped where a file is written. `note` is free text that
    travels in the file; impasto keeps the JSON of its settings there.

    Raises:
        ValueError: the samples have another shape or dtype, or the note is too long or holds control characters.

    """

    samples: Tensor
    """float32, nominally in [0, 1], or the uint8 or uint16 of a file, which take less memory."""
    _: KW_ONLY
    note: str | None = None

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.samples.shape), self.samples.dtype
        if len(shape) != 3 or shape[0] != 3 or 0 in shape or dtype not in _LARGEST:
            raise ValueError(f"pixels are {dtype} of shape {shape}; a picture takes torch.float32 of shape (3, H, W).")
        if self.note is not None:
            xmp.packet(self.note)

    @property
    def pixels(self) -> Tensor:
        """The samples as float32, nominally in [0, 1], (3, H, W)."""
        samples = self.samples
        return samples if samples.is_floating_point() else samples.float().div_(_LARGEST[samples.dtype])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.samples.shape[2]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.samples.shape[1]

    @classmethod
    def open(cls, path: str | Path, *, allow_large: bool = False) -> "Picture":
        """Read a PNG, JPEG, WebP, TIFF or GIF file as it is meant to be seen.

        The camera's orientation is applied, an embedded profile is converted to sRGB, transparency is laid over white;
        of several pages or frames the first is taken. 16 bits a channel keep their precision.

        Raises:
            PictureError: the file is missing, damaged, cut short, of another kind, or over `LARGEST_PIXELS`
                without `allow_large`.

        """
        image = _header(Path(path))
        if image.width * image.height > LARGEST_PIXELS and not allow_large:
            raise PictureError(
                f"{path} has {image.width} × {image.height} pixels, more than {LARGEST_PIXELS // 1_000_000} million; "
                "if that is right, allow large pictures (--allow-large, allow_large=True)."
            )
        if image.format not in {"uchar", "ushort"}:
            raise PictureError(f"{path} holds {image.format} samples; save it with 8 or 16 bits a channel.")
        try:
            samples = _unpacked(image)
        except pyvips.Error as error:
            raise _damaged(path) from error
        return cls(torch.from_numpy(samples), note=_note(image))

    def save(self, path: str | Path, *, overwrite: bool = False, quality: int = 95) -> None:
        """Write 8-bit sRGB, whole or not at all, in the format that the suffix of `path` names.

        `quality`, 1 to 100, concerns JPEG (4:4:4, every pixel its own color) and WebP; PNG and TIFF lose nothing.

        Raises:
            InputError: an unknown suffix, a picture too large for the format, an existing or impossible `path`.
            WriteError: the disk is full, or the system refused.
            ValueError: a pixel is not a number, or `quality` is out of range.

        """
        format_ = _format(path, max(self.width, self.height))
        with whole(path, overwrite=overwrite) as temporary, temporary.open("wb+") as file:
            try:
                _encode(self, format_, pyvips.Target.new_to_descriptor(file.fileno()), quality)
            except pyvips.Error as error:
                why = _SYSTEM.search(str(error))
                said = why[1].lower() if why else f"{format_.name} refused {self.width} × {self.height} pixels"
                raise WriteError(f"{path} could not be written: {said}; nothing was left there.") from error

    def resized(self, width: int, height: int) -> "Picture":
        """Return the picture at another size, with its note, clamped to [0, 1]."""
        return replace(self, samples=resample(self.pixels, height, width).clamp(0.0, 1.0))

    def __repr__(self) -> str:
        return f"Picture({self.width} × {self.height})"

    def png(self) -> bytes:
        """Return the bytes of an 8-bit PNG file."""
        target = pyvips.Target.new_to_memory()
        _encode(self, _PNG, target)
        return bytes(target.get("blob"))

    def _repr_png_(self) -> bytes:
        return self.png()


def resample(pixels: Tensor, height: int, width: int) -> Tensor:
    """Resample (C, H, W) to (C, `height`, `width`), float32 or float64, with the Catmull-Rom cubic.

    When shrinking, the kernel widens with the step, so that detail finer than the new pixels averages out instead of
    aliasing. Not clamped: edges overshoot by up to 15 % of their step, and gradients and an optimizer's state pass
    through here too. The same size returns the same tensor.
    """
    if pixels.shape[-2:] == (height, width):
        return pixels
    return torch.nn.functional.interpolate(pixels[None], (height, width), mode="bicubic", antialias=True)[0]


def read_note(path: str | Path) -> str | None:
    """Return the note that `Picture.save` stored in a file, or None, without unpacking its pixels.

    Raises:
        PictureError: the file is missing, empty or not a picture.

    """
    return _note(_header(Path(path)))


def check_suffix(path: str | Path, *, longest_side: int = 1) -> Path:
    """Return `path` if a picture can be saved under that name, before any work is done for it.

    `longest_side`, in pixels, is the picture's; JPEG files end at 65,500 and WebP files at 16,383.

    Raises:
        InputError: the suffix is unknown, or its format has no room for that side.

    """
    _format(path, longest_side)
    return Path(path)


class _Format(NamedTuple):
    """How libvips writes one kind of file."""

    name: str
    longest_side: int
    operation: str
    options: Mapping[str, str | bool]
    lossy: bool = False


_PNG = _Format("PNG", 2**31 - 1, "pngsave_target", {})
_JPEG = _Format("JPEG", 65_500, "jpegsave_target", {"subsample_mode": "off", "optimize_coding": True}, lossy=True)
_WEBP = _Format("WebP", 16_383, "webpsave_target", {"smart_subsample": True}, lossy=True)
_TIFF = _Format("TIFF", 2**31 - 1, "tiffsave_target", {"compression": "deflate", "predictor": "horizontal"})
_LARGEST_TIFF = 4_000_000_000
"""Bytes of samples above which a TIFF file has to be a BigTIFF, whose offsets have 64 bits."""

_SYSTEM = re.compile("system error: (.+)")
"""Where libvips says what the system refused."""

_FORMATS = {".png": _PNG, ".jpg": _JPEG, ".jpeg": _JPEG, ".webp": _WEBP, ".tif": _TIFF, ".tiff": _TIFF}


def _format(path: str | Path, longest_side: int) -> _Format:
    suffix = Path(path).suffix
    format_ = _FORMATS.get(suffix.lower())
    if format_ is None:
        ending = f"ends in {suffix}" if suffix else "has no suffix"
        raise InputError(f"{path} {ending}, and impasto writes {', '.join(_FORMATS)}; choose one of them.")
    if longest_side > format_.longest_side:
        limit = f"a {format_.name} file holds at most {format_.longest_side} pixels a side"
        raise InputError(f"{path} cannot hold {longest_side} pixels: {limit}; name a .png or .tif file.")
    return format_


def _encode(picture: Picture, format_: _Format, target: Any, quality: int = 95) -> None:
    """Write the bytes of the file; raises pyvips.Error if libvips will not make them, or the system not take them."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; it goes from 1 to 100.")
    image = _rounded(picture.pixels)
    if picture.note is not None:
        image.set_type(pyvips.GValue.blob_type, "xmp-data", xmp.packet(picture.note))
    options = {**format_.options, "Q": quality} if format_.lossy else format_.options
    if format_ is _TIFF and picture.samples.numel() > _LARGEST_TIFF:
        options = {**options, "bigtiff": True}
    getattr(image, format_.operation)(target, keep="xmp", **options)


def _rounded(pixels: Tensor) -> Any:
    """Return sRGB in [0, 1] as a libvips image of 8 bits, which rounds strip by strip while a file is written."""
    if pixels.sum().isnan():
        raise ValueError("the picture holds a value that is not a number.")
    height, width = pixels.shape[1:]
    channels: list[Any] = [
        pyvips.Image.new_from_memory(np.ascontiguousarray(channel).data, width, height, 1, "float")
        for channel in pixels.detach().cpu().numpy()
    ]
    levels = channels[0].bandjoin(channels[1:]).linear(255, 0.5).cast("uchar")  # it clamps and cuts off
    return levels.copy(interpretation="srgb")


# These first bytes are the whole list of what is opened: libvips would also read SVG, CSV and others, and take
# the high dynamic range version of a phone's photograph.
_LOADERS = {
    "pngload_source": rb"\x89PNG\r\n\x1a\n",
    "jpegload_source": rb"\xff\xd8\xff",
    "webpload_source": rb"RIFF....WEBP",
    "tiffload_source": rb"II[*+]\0|MM\0[*+]",
    "gifload_source": rb"GIF8[79]a",
}


def _header(path: Path) -> Any:
    """Return the file as a libvips image of which only the header has been read.

    The file is opened here, not by libvips, which reads `[...]` at the end of a name as options. A load with fail_on
    "error" refuses what is cut short or broken, and forgives a stray byte between two markers.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise PictureError(f"{path} is {kind}; give a PNG, JPEG, WebP, TIFF or GIF file.")
        with path.open("rb", buffering=0) as file:
            start = file.read(16)
            source = pyvips.Source.new_from_descriptor(file.fileno())  # it keeps a duplicate
    except OSError as error:
        raise PictureError(f"{path} cannot be read: {reason(error)}; give a picture's path.") from error
    if not start:
        raise PictureError(f"{path} is empty; give a PNG, JPEG, WebP, TIFF or GIF file.")
    loader = next((name for name, pattern in _LOADERS.items() if re.match(pattern, start, re.DOTALL)), None)
    if loader is None:
        raise PictureError(f"{path} is not a picture that impasto reads; give a PNG, JPEG, WebP, TIFF or GIF file.")
    try:
        return getattr(pyvips.Image, loader)(source, access="sequential", fail_on="error")
    except pyvips.Error as error:
        raise _damaged(path) from error


def _damaged(path: str | Path) -> PictureError:
    return PictureError(f"{path} is damaged or cut short; copy it again, or export it as a new PNG or JPEG file.")


def _unpacked(image: Any) -> NDArray[Any]:
    """Return upright sRGB in 8 or 16 bits, (3, H, W)."""
    orientation = image.get("orientation") if image.get_typeof("orientation") else 1
    image = _over_white(_in_srgb(image))
    return np.ascontiguousarray(_upright(image.numpy(), orientation).transpose(2, 0, 1))  # (3, H, W)


def _upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn (H, W, 3) as EXIF says: 1 upright, 3 upside down, 6 and 8 on a side, 2, 4, 5 and 7 mirrored as well."""
    if orientation in {5, 6, 7, 8}:
        samples = samples.transpose(1, 0, 2)
    rows = -1 if orientation in {3, 4, 7, 8} else 1
    columns = -1 if orientation in {2, 3, 6, 7} else 1
    return samples[::rows, ::columns]


def _in_srgb(image: Any) -> Any:
    """Convert to sRGB, at the depth that the image has; a profile that cannot be used counts as none, as in viewers."""
    deep = image.format == "ushort"
    if image.get_typeof("icc-profile-data") and not _tagged_srgb(image):
        try:
            image = _through_profile(image, 16 if deep else 8)
        except pyvips.Error:
            image = image.copy()
            image.remove("icc-profile-data")  # or colourspace would try it again for CMYK
    return image.colourspace("rgb16" if deep else "srgb")


def _through_profile(image: Any, depth: int) -> Any:
    options = {"intent": "relative", "black_point_compensation": True}
    return image.icc_transform("srgb", embedded=True, depth=depth, **options)


def _tagged_srgb(image: Any) -> bool:
    """Tell whether the profile of an RGB image moves no color by two levels of 255: one of the many sRGB profiles.

    Such a picture keeps its samples as they are. What the profile does decides, for names lie.
    """
    if image.interpretation not in {"srgb", "rgb16"}:
        return False
    level = np.linspace(0, 255, 9).round().astype(np.uint8)
    colors = np.stack(np.meshgrid(level, level, level), -1).reshape(27, 27, 3)
    probe: Any = pyvips.Image.new_from_memory(colors.tobytes(), 27, 27, 3, "uchar")
    probe.set_type(pyvips.GValue.blob_type, "icc-profile-data", image.get("icc-profile-data"))
    try:
        moved = _through_profile(probe, 16).numpy() / 257.0 - colors
    except pyvips.Error:
        return True
    return bool(abs(moved).max() < 2.0)


def _over_white(image: Any) -> Any:
    """Lay a transparent image over white, in 16 bits because libvips rounds down; return 3 bands."""
    if image.bands <= 3:
        return image
    image = image[:4]  # a TIFF may hold more channels beside the alpha
    if image.format == "uchar":
        image = image.linear(257, 0).cast("ushort")
    return image.flatten(background=[65535] * 3, max_alpha=65535)


def _note(image: Any) -> str | None:
    return xmp.read(bytes(image.get("xmp-data"))) if image.get_typeof("xmp-data") else None
