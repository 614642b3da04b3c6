"""A picture in memory, from a file and to a file.

What is in files is read by `reading` and `in_memory`, and written by `writing`.
"""

import io
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import pyvips
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import InputError, PictureError, WriteError, out_of_memory_as
from impasto.files import atomic_write
from impasto.images import metadata, profiles, writing, xmp
from impasto.images.cropping import center_crop
from impasto.images.in_memory import MAX_FLOAT_SAMPLE, as_array, decode_any, is_file
from impasto.images.reading import PictureFields
from impasto.images.resampling import resample, resample_colors

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Picture"]

DEFAULT_QUALITY = 95
"""The quality of JPEG and WebP files if none is asked for."""

MAX_NOTEBOOK_SIDE = 1024
"""Pixels of the long side of what a notebook shows of a picture: it stores every picture that it shows."""

_WHITE = {torch.float32: 1, torch.uint8: 255, torch.uint16: 65535}
"""The sample of white, by dtype."""

_DEFAULT_DPI = 72.0
"""Pixels an inch that are written for a picture that says nothing, as files have it."""


@dataclass(frozen=True, eq=False, repr=False)
class Picture:
    """A picture in memory, (3, H, W), RGB with its transfer curve.

    Values of float samples a little outside [0, 1] stay as they are here and are clamped where a file is written.

    Raises:
        PictureError: the samples or the alpha have another shape or dtype, float samples go to 255, pictures cannot be
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
    title: str = "a picture in memory"
    """What people are told that it is: `Painting photo.jpg in the style of a picture in memory.`"""

    def __post_init__(self) -> None:
        for name, tensor in (("samples", self.samples), ("alpha", self.alpha)):
            if tensor is not None and not isinstance(cast("object", tensor), Tensor):
                raise PictureError(
                    f"{name} cannot be of type {type(tensor).__name__}; give a torch tensor, or use Picture.of."
                )
        shape, dtype = tuple(self.samples.shape), self.samples.dtype
        if len(shape) != 3 or shape[0] != 3 or 0 in shape or dtype not in _WHITE:
            raise PictureError(
                f"pixels are {dtype} of shape {shape}; a picture takes torch.float32 of shape (3, H, W)."
            )
        if self.alpha is not None and (self.alpha.shape != shape[1:] or self.alpha.dtype not in _WHITE):
            kind = f"{self.alpha.dtype} of shape {tuple(self.alpha.shape)}"
            raise PictureError(f"alpha is {kind}; a picture takes torch.float32 of shape {shape[1:]}.")
        if dtype == torch.float32 and float(self.samples.max()) > MAX_FLOAT_SAMPLE:
            raise PictureError(
                f"pixels are floats up to {float(self.samples.max()):g}; a picture takes floats from 0 to 1, so divide "
                "them by 255, or give torch.uint8."
            )
        _check_profile(self.profile)
        if self.note is not None or self.exif:
            xmp.packet(self.note, metadata.xmp_properties(self.exif))  # which refuses what a file cannot hold

    @property
    def pixels(self) -> Tensor:
        """The samples as float32, nominally in [0, 1], (3, H, W)."""
        return _as_floats(self.samples)

    @property
    def opacity(self) -> Tensor | None:
        """The alpha as float32 in [0, 1], (H, W), or None where everything is opaque."""
        alpha = self.alpha
        if alpha is None or alpha.detach().cpu().numpy().min() >= _WHITE[alpha.dtype]:
            return None
        return _as_floats(alpha)

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
    def open(cls, file: object, *, allow_large: bool = False) -> "Picture":
        """Read a PNG, JPEG, WebP, TIFF, GIF or AVIF file, or with the extra `heif` a HEIC file.

        The camera's orientation is applied, and 16 bits a channel stay 16 bits. The samples stay in the color
        profile of the file where a picture can be painted in it; others, inks and gray become sRGB. Of several pages or
        frames the first is taken. `remarks` say what was left out.

        Args:
            file: A path, the bytes of a file, or a file that is open for reading bytes; the first bytes decide what it
                is, and not a suffix.
            allow_large: Whether it may have more than `MAX_PIXELS`.

        Returns:
            The picture, upright.

        Raises:
            PictureError: the file is missing, damaged, cut short, of a kind that is not read, wholly transparent, or
                too large.
            RunError: this process was forked from one that had read pictures.

        """
        if not is_file(file):
            raise PictureError(f"{file!r:.80} cannot be opened; give a path, bytes or an open file, or use Picture.of.")
        return cls._of_fields(decode_any(file, allow_large=allow_large))

    @classmethod
    def of(cls, source: object, *, allow_large: bool = False) -> "Picture":
        """Return the picture that whatever holds one holds; a picture is returned as it is.

        Args:
            source: A picture; a path, as `open` takes it; the bytes of an image file, or a file that is open for
                reading bytes; a PIL image; a numpy array (H, W), (H, W, 3) or with alpha (H, W, 4); a torch tensor
                (3, H, W) or with alpha (4, H, W). Arrays and tensors are sRGB: uint8, uint16, or floats from 0 to 1.
            allow_large: Whether a file may have more than `MAX_PIXELS`.

        Returns:
            The picture.

        Raises:
            PictureError: it is none of those, or cannot be read.

        """
        return source if isinstance(source, Picture) else cls._of_fields(decode_any(source, allow_large=allow_large))

    @classmethod
    def _of_fields(cls, fields: PictureFields) -> "Picture":
        """Return a picture of the fields that a file holds."""
        alpha = None if fields.alpha is None else torch.from_numpy(fields.alpha)
        values: dict[str, Any] = {**fields._asdict(), "samples": torch.from_numpy(fields.samples), "alpha": alpha}
        return cls(**values)

    def save(
        self,
        file: str | Path | BinaryIO,
        *,
        overwrite: bool = False,
        quality: int = DEFAULT_QUALITY,
        format: str | None = None,  # noqa: A002 (as in PIL)
    ) -> None:
        """Write a file, whole or not at all, in the format that its suffix or `format` names.

        The profile, EXIF, pixels an inch and the note are written with it. PNG and TIFF lose nothing, and hold 16 bits
        where `bits` says so. JPEG has no transparency: the picture is laid over white.

        Args:
            file: A path, or a file that is open for writing bytes.
            overwrite: Whether an existing file is replaced.
            quality: 1 to 100, of JPEG files (4:4:4, every pixel its own color) and WebP files without transparency.
            format: png, jpg, webp or tif; needed for an open file, and in place of the suffix of a path.

        Raises:
            InputError: an unknown suffix or format, a picture too large for it, an existing or impossible path, a
                `quality` out of range, or a pixel that is not a number.
            WriteError: the disk is full, or the system refused.

        """
        longest = max(self.width, self.height)
        if not isinstance(file, str | Path):
            if not callable(getattr(cast("object", file), "write", None)):
                raise InputError(f"a picture cannot be saved in {file!r:.80}; give a path or an open file.")
            writing.write_to(file, self._to_bytes(writing.format_named(format, longest), quality))
            return
        format_ = writing.format_named(format, longest) if format else writing.format_of(file, longest)
        with atomic_write(file, overwrite=overwrite) as temporary, temporary.open("wb+") as opened:
            try:
                self._encode(format_, pyvips.Target.new_to_descriptor(opened.fileno()), quality)
            except pyvips.Error as error:
                cause = writing.refusal(error, format_, self.width, self.height)
                raise WriteError(f"{file} could not be written: {cause}; nothing was left there.") from error

    def resized(self, width: int, height: int) -> "Picture":
        """Return the picture at another size, clamped to [0, 1], with its alpha and metadata.

        Colors count by their opacity, so that the colors of transparent parts do not bleed into others.

        Args:
            width: In pixels, at least 1.
            height: In pixels, at least 1.

        Returns:
            The picture, with float32 samples.

        Raises:
            PictureError: a side is no whole number, or below 1.

        """
        for side in (width, height):
            if not isinstance(cast("object", side), Integral) or side < 1:
                raise PictureError(f"a picture cannot be resized to {width} × {height}; give whole numbers of pixels.")
        pixels = resample_colors(self.pixels, self.opacity, height, width).clamp(0.0, 1.0)
        return replace(self, samples=pixels, alpha=self._resized_alpha(width, height))

    def within(self, long_side: int) -> "Picture":
        """Return the picture, or a smaller one if its long side has more than `long_side` pixels.

        Args:
            long_side: In pixels, at least 1.

        Returns:
            The picture, of the same proportions; the same object, if it is small enough.

        """
        factor = long_side / max(self.width, self.height)
        if factor >= 1:
            return self
        return self.resized(*(max(1, round(side * factor)) for side in (self.width, self.height)))

    def cropped(self, ratio: float) -> "Picture":
        """Return the largest middle part of the picture whose width divided by its height is `ratio`.

        Args:
            ratio: Width divided by height, above 0.

        Returns:
            The picture, with the same metadata.

        """
        rows, columns = center_crop(self.height, self.width, ratio)
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

        Returns:
            The picture; its alpha is resized to the pixels.

        """
        exif = self.exif if with_position else metadata.without_position(self.exif)
        return Picture(
            pixels,
            alpha=self._resized_alpha(pixels.shape[2], pixels.shape[1]),
            profile=profile,
            bits=bits or self.bits,
            dpi=dpi or self.dpi,
            exif=exif,
            note=note,
        )

    def in_profile(self, profile: bytes | None) -> "Picture":
        """Return the picture in the RGB of another profile, None for sRGB, in 16 bits; colors outside it are clipped.

        Args:
            profile: The ICC profile of an RGB; None: sRGB.

        Returns:
            The picture; the same object, if it has the profile already.

        Raises:
            PictureError: pictures cannot be painted in the profile.

        """
        if profile == self.profile:
            return self
        if profiles.is_srgb(profile) and profiles.is_srgb(self.profile):
            return replace(self, profile=profile)
        _check_profile(profile)
        converted = profiles.convert(writing.levels(list(self.pixels), deep=True), self.profile, profile)
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
        return self._to_bytes(writing.PNG)

    def jpeg(self, quality: int = DEFAULT_QUALITY) -> bytes:
        """Return the bytes of a JPEG file, of a quality from 1 to 100.

        Args:
            quality: From 1 to 100.

        Returns:
            The bytes.

        Raises:
            InputError: the quality is out of range, or the picture has a side of more than 65,500 pixels.

        """
        return self._to_bytes(writing.format_named("jpeg", max(self.width, self.height)), quality)

    def webp(self, quality: int = DEFAULT_QUALITY) -> bytes:
        """Return the bytes of a WebP file, of a quality from 1 to 100; one with transparency loses nothing.

        Args:
            quality: From 1 to 100.

        Returns:
            The bytes.

        Raises:
            InputError: the quality is out of range, or the picture has a side of more than 16,383 pixels.

        """
        return self._to_bytes(writing.format_named("webp", max(self.width, self.height)), quality)

    def pil(self) -> "Image.Image":
        """Return a PIL image, RGB or RGBA with 8 bits a channel, with the color profile and the metadata."""
        from PIL import Image  # noqa: PLC0415 (only here, and it takes a moment)

        image = Image.open(io.BytesIO(replace(self, bits=8).png()))
        image.load()
        return image

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return sRGB samples as numpy and matplotlib take them, (H, W, 3), or with transparency (H, W, 4).

        Args:
            dtype: uint8, from 0 to 255, if not given; uint16, from 0 to 65535; or floats from 0 to 1.
            copy: As numpy has it; False cannot be had.

        Raises:
            ValueError: `copy` is False, as numpy wants it.

        """
        if copy is False:
            raise ValueError("an array of a picture is a copy of its samples, so copy cannot be False.")
        pixels, opacity = self.in_profile(None).pixels, self.opacity
        return as_array(pixels.numpy(force=True), None if opacity is None else opacity.numpy(force=True), dtype)

    def _repr_png_(self) -> bytes:
        return self.notebook_png()

    def notebook_png(self) -> bytes:
        """Return the PNG that a notebook shows: the picture, or one of at most 1024 pixels a side."""
        return replace(self.within(MAX_NOTEBOOK_SIDE), bits=8).png()

    def _resized_alpha(self, width: int, height: int) -> Tensor | None:
        """Return the alpha at another size, (height, width)."""
        if self.alpha is None or (width, height) == (self.width, self.height):
            return self.alpha
        return resample(_as_floats(self.alpha)[None], height, width)[0].clamp(0.0, 1.0)

    def _to_bytes(self, format_: writing.Format, quality: int = DEFAULT_QUALITY) -> bytes:
        """Return the bytes of a file."""
        target = pyvips.Target.new_to_memory()
        try:
            self._encode(format_, target, quality)
        except pyvips.Error as error:
            cause = writing.refusal(error, format_, self.width, self.height)
            raise WriteError(f"the bytes of the picture could not be written: {cause}.") from error
        return bytes(target.get("blob"))

    def _encode(self, format_: writing.Format, target: Any, quality: int) -> None:
        """Write the bytes of a file to a libvips target, which may raise a `pyvips.Error`."""
        picture = self if format_.has_alpha else self.on_white()
        pixels = picture.pixels
        if pixels.sum().isnan():
            raise PictureError("the picture holds a value that is not a number.")
        channels = list(pixels)
        if picture.alpha is not None:
            channels.append(_as_floats(picture.alpha))
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


def _check_profile(profile: bytes | None) -> None:
    """Refuse a profile that pictures cannot be painted in."""
    if profile is not None and not profiles.can_paint(profile):
        raise PictureError(
            "the profile is not one that a picture can be painted in: RGB, both ways, not of linear light."
        )


def _as_floats(samples: Tensor) -> Tensor:
    """Return samples as float32, of which 1 is white."""
    return samples if samples.is_floating_point() else samples.float().div_(_WHITE[samples.dtype])
