"""A picture in memory, from a file and to a file.

What is in files is read by `reading` and `in_memory`, and written by `writing`.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
import torch
from torch import Tensor

from impasto.errors import WriteError, out_of_memory_as
from impasto.files import whole
from impasto.images import metadata, profiles, writing, xmp
from impasto.images.image_file import ImageFile
from impasto.images.in_memory import MAX_FLOAT_SAMPLE, decode_any
from impasto.images.reading import Decoded, decode
from impasto.images.resampling import resample

__all__ = ["Picture", "middle"]

_WHITE = {torch.float32: 1, torch.uint8: 255, torch.uint16: 65535}
"""The sample of white, by dtype."""

_DEFAULT_DPI = 72.0
"""Pixels an inch that are written for a picture that says nothing, as files have it."""

_MIN_OPACITY = 1 / 512
"""Opacity below which a color cannot be told."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture in memory, (3, H, W), RGB with its transfer curve.

    Values of float samples a little outside [0, 1] stay as they are here and are clamped where a file is written.

    Raises:
        ValueError: the samples or the alpha have another shape or dtype, float samples go to 255, pictures cannot be
            painted in the profile, or the note is too long or holds control characters.

    """

    samples: Tensor
    """float32, nominally in [0, 1], or the uint8 or uint16 of a file, which take less memory."""
    _: KW_ONLY
    alpha: Tensor | None = None
    """Opacity, (H, W), of one of the same dtypes; None: opaque. Colors are not multiplied by it."""
    profile: bytes | None = None
    """The ICC profile in whose RGB the samples are; None: sRGB."""
    bits: int = 8
    """Bits of a channel in a file, 8 or 16, where the format has them."""
    dpi: float | None = None
    """Pixels an inch on paper; None: not said."""
    exif: Mapping[str, str] = field(default_factory=dict[str, str])
    """Date, camera, lens, author, description and position, as `images.metadata` names them."""
    note: str | None = None
    """Free text that travels in the file; impasto stores the JSON of its settings there."""
    remarks: tuple[str, ...] = ()
    """What of the file was left out of the picture, in sentences."""

    def __post_init__(self) -> None:
        shape, dtype = tuple(self.samples.shape), self.samples.dtype
        if len(shape) != 3 or shape[0] != 3 or 0 in shape or dtype not in _WHITE:
            raise ValueError(f"pixels are {dtype} of shape {shape}; a picture takes torch.float32 of shape (3, H, W).")
        if self.alpha is not None and (self.alpha.shape != shape[1:] or self.alpha.dtype not in _WHITE):
            found = f"{self.alpha.dtype} of shape {tuple(self.alpha.shape)}"
            raise ValueError(f"alpha is {found}; a picture takes torch.float32 of shape {shape[1:]}.")
        if dtype == torch.float32 and float(self.samples.max()) > MAX_FLOAT_SAMPLE:
            raise ValueError(
                f"pixels are floats up to {float(self.samples.max()):g}; a picture takes floats from 0 to 1, so divide "
                "them by 255, or give torch.uint8."
            )
        _check_profile(self.profile)
        if self.note is not None or self.exif:
            xmp.packet(self.note, metadata.described(self.exif))

    @property
    def pixels(self) -> Tensor:
        """The samples as float32, nominally in [0, 1], (3, H, W)."""
        return _unit(self.samples)

    @property
    def opacity(self) -> Tensor | None:
        """The alpha as float32 in [0, 1], (H, W), or None where everything is opaque."""
        alpha = self.alpha
        if alpha is None or alpha.detach().cpu().numpy().min() >= _WHITE[alpha.dtype]:
            return None
        return _unit(alpha)

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.samples.shape[2]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.samples.shape[1]

    @classmethod
    @out_of_memory_as("open the picture")
    def open(cls, path: str | Path, *, allow_large: bool = False) -> "Picture":
        """Read a PNG, JPEG, WebP, TIFF, GIF or AVIF file, or with the extra `heif` a HEIC file.

        The camera's orientation is applied, and 16 bits a channel stay 16 bits. The samples stay in the color
        profile of the file where a picture can be painted in it; others, inks and gray become sRGB. Of several pages or
        frames the first is taken. `remarks` say what was left out.

        Args:
            path: The file; its first bytes decide what it is, and not its suffix.
            allow_large: Whether it may have more than `MAX_PIXELS`.

        Raises:
            PictureError: the file is missing, damaged, cut short, of a kind that is not read, wholly transparent, or
                too large.
            RunError: this process was forked from one that had read pictures.

        """
        return cls._of(decode(ImageFile.open(Path(path)), allow_large=allow_large))

    @classmethod
    def of(cls, source: object, *, allow_large: bool = False) -> "Picture":
        """Return the picture that whatever holds one holds; a picture is returned as it is.

        Args:
            source: A picture; a path, as `open` takes it; the bytes of an image file, or a file that is open for
                reading bytes; a PIL image; a numpy array (H, W), (H, W, 3) or with alpha (H, W, 4); a torch tensor
                (3, H, W) or with alpha (4, H, W). Arrays and tensors are sRGB: uint8, uint16, or floats from 0 to 1.
            allow_large: Whether a file may have more than `MAX_PIXELS`.

        Raises:
            PictureError: it is none of those, or cannot be read.

        """
        return source if isinstance(source, Picture) else cls._of(decode_any(source, allow_large=allow_large))

    @classmethod
    def _of(cls, found: Decoded) -> "Picture":
        """Return a picture of the fields that a file holds."""
        alpha = None if found.alpha is None else torch.from_numpy(found.alpha)
        rest = {name: value for name, value in found._asdict().items() if name not in {"samples", "alpha"}}
        return cls(torch.from_numpy(found.samples), alpha=alpha, **rest)

    def save(self, path: str | Path, *, overwrite: bool = False, quality: int = 95) -> None:
        """Write a file, whole or not at all, in the format that the suffix of `path` names.

        The profile, EXIF, pixels an inch and the note are written with it. PNG and TIFF lose nothing, and hold 16 bits
        where `bits` says so. JPEG has no transparency: the picture is laid over white.

        Args:
            path: The file.
            overwrite: Whether an existing file is replaced.
            quality: 1 to 100, of JPEG files (4:4:4, every pixel its own color) and WebP files without transparency.

        Raises:
            InputError: an unknown suffix, a picture too large for the format, an existing or impossible `path`.
            WriteError: the disk is full, or the system refused.
            ValueError: a pixel is not a number, or `quality` is out of range.

        """
        format_ = writing.format_of(path, max(self.width, self.height))
        with whole(path, overwrite=overwrite) as temporary, temporary.open("wb+") as file:
            try:
                self._encode(format_, pyvips.Target.new_to_descriptor(file.fileno()), quality)
            except pyvips.Error as error:
                said = writing.refusal(error, format_, self.width, self.height)
                raise WriteError(f"{path} could not be written: {said}; nothing was left there.") from error

    def resized(self, width: int, height: int) -> "Picture":
        """Return the picture at another size, clamped to [0, 1], with its alpha and metadata.

        Colors count by their opacity, so that the colors of transparent parts do not bleed into others.

        Args:
            width: In pixels.
            height: In pixels.

        """
        pixels, alpha = self.pixels, self.opacity
        if alpha is None or (width, height) == (self.width, self.height):
            pixels = resample(pixels, height, width)
        else:
            small = resample(alpha[None], height, width)  # (1, H, W)
            colors = resample(pixels * alpha, height, width) / small.clamp_min(_MIN_OPACITY)
            pixels = colors.where(small >= _MIN_OPACITY, 1.0)
        return replace(self, samples=pixels.clamp(0.0, 1.0), alpha=self._alpha_at(width, height))

    def cropped(self, ratio: float) -> "Picture":
        """Return the largest middle part of the picture whose width divided by its height is `ratio`."""
        rows, columns = middle(self.height, self.width, ratio)
        alpha = None if self.alpha is None else self.alpha[rows, columns]
        return replace(self, samples=self.samples[:, rows, columns], alpha=alpha)

    def repainted(
        self,
        pixels: Tensor,
        *,
        profile: bytes | None,
        bits: int | None = None,
        dpi: float | None = None,
        with_position: bool = False,
        note: str | None = None,
    ) -> "Picture":
        """Return other pixels with the alpha and the metadata of this picture.

        Args:
            pixels: float32, (3, H, W), in [0, 1].
            profile: The ICC profile in whose RGB they are; None: sRGB.
            bits: Bits a channel; those of this picture, if not given.
            dpi: Pixels an inch; those of this picture, if not given.
            with_position: Whether the metadata has the position where the photograph was taken.
            note: Free text that travels in the file.

        """
        exif = self.exif if with_position else metadata.without_position(self.exif)
        return Picture(
            pixels,
            alpha=self._alpha_at(pixels.shape[2], pixels.shape[1]),
            profile=profile,
            bits=bits or self.bits,
            dpi=dpi or self.dpi,
            exif=exif,
            note=note,
        )

    def in_profile(self, profile: bytes | None) -> "Picture":
        """Return the picture in the RGB of another profile, None for sRGB, in 16 bits; colors outside it are clipped.

        Raises:
            ValueError: pictures cannot be painted in the profile.

        """
        if profile == self.profile:
            return self
        if profiles.is_srgb(profile) and profiles.is_srgb(self.profile):
            return replace(self, profile=profile)
        _check_profile(profile)
        converted = profiles.convert(writing.levels(_channels(self.pixels), deep=True), self.profile, profile)
        samples = np.ascontiguousarray(converted.numpy().transpose(2, 0, 1))  # (3, H, W)
        return replace(self, samples=torch.from_numpy(samples), profile=profile)

    def on_white(self) -> "Picture":
        """Return the picture laid over white, opaque."""
        opacity = self.opacity
        if opacity is None:
            return replace(self, alpha=None) if self.alpha is not None else self
        return replace(self, samples=1 + opacity * (self.pixels - 1), alpha=None)

    def __repr__(self) -> str:
        return f"Picture({self.width} × {self.height})"

    def png(self) -> bytes:
        """Return the bytes of a PNG file."""
        target = pyvips.Target.new_to_memory()
        self._encode(writing.PNG, target)
        return bytes(target.get("blob"))

    def _repr_png_(self) -> bytes:
        return self.png()

    def _alpha_at(self, width: int, height: int) -> Tensor | None:
        if self.alpha is None or (width, height) == (self.width, self.height):
            return self.alpha
        return resample(_unit(self.alpha)[None], height, width)[0].clamp(0.0, 1.0)

    def _encode(self, format_: writing.Format, target: Any, quality: int = 95) -> None:
        """Write the bytes of a file.

        Raises:
            pyvips.Error: libvips will not make them, or the system not take them.

        """
        shown = self if format_.has_alpha else self.on_white()
        pixels = shown.pixels
        if pixels.sum().isnan():
            raise ValueError("the picture holds a value that is not a number.")
        channels = _channels(pixels)
        if shown.alpha is not None:
            channels += _channels(_unit(shown.alpha)[None])
        writing.encode(
            writing.levels(channels, deep=self.bits == 16 and format_.is_deep),
            format_,
            target,
            quality=quality,
            profile=self.profile,
            dpi=self.dpi or _DEFAULT_DPI,
            exif=self.exif,
            note=self.note,
        )


def middle(height: int, width: int, ratio: float) -> tuple[slice, slice]:
    """Return the rows and columns of the largest middle part of an image that has some proportions.

    Args:
        height: Rows of the image.
        width: Columns of the image.
        ratio: The width of the part divided by its height.

    Returns:
        Two slices, of at least one row and column.

    """
    rows, columns = min(height, max(1, round(width / ratio))), min(width, max(1, round(height * ratio)))
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def _check_profile(profile: bytes | None) -> None:
    if profile is not None and not profiles.can_paint(profile):
        raise ValueError(
            "the profile is not one that a picture can be painted in: RGB, both ways, not of linear light."
        )


def _unit(samples: Tensor) -> Tensor:
    """Return samples as float32, of which 1 is white."""
    return samples if samples.is_floating_point() else samples.float().div_(_WHITE[samples.dtype])


def _channels(pixels: Tensor) -> list[Any]:
    return list(pixels.detach().cpu().numpy())
