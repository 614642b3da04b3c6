"""ICC profiles: which of them a picture can be painted in, and the way from one to another.

A profile is the bytes of an ICC file (ISO 15076-1); None stands for sRGB without a profile. Conversions are relative
colorimetric with black point compensation.
"""

from functools import cache, lru_cache
from typing import Any, cast

import numpy as np
import pyvips
from numpy.typing import NDArray

from impasto.images.libvips import check_process

__all__ = ["can_paint", "convert", "embed", "embedded", "is_srgb", "is_usable", "lab_to_srgb", "srgb", "to_srgb"]

_FIELD = "icc-profile-data"
"""The name under which a libvips image holds its profile."""

_INTENT = {"intent": "relative", "black_point_compensation": True}

_SRGB_TOLERANCE = 2.0
"""Levels of 255: a profile that moves no color by so much is one of the many of sRGB."""

_MAX_GRAY_SHIFT = 32.0
"""Levels of 255 by which a profile may make grays brighter or darker than sRGB does."""


@cache
def srgb() -> bytes:
    """Return an ICC profile of sRGB."""
    return bytes(cast("Any", pyvips.Operation).call("profile_load", "srgb"))


def embedded(image: Any) -> bytes | None:
    """Return the profile in a libvips image."""
    return bytes(image.get(_FIELD)) if image.get_typeof(_FIELD) else None


def embed(image: Any, profile: bytes | None) -> Any:
    """Return a copy of a libvips image with another profile.

    Args:
        image: The libvips image.
        profile: The ICC profile; None: the copy has none.

    """
    image = image.copy()
    if profile is not None:
        image.set_type(pyvips.GValue.blob_type, _FIELD, profile)
    elif image.get_typeof(_FIELD):
        image.remove(_FIELD)
    return image


def is_srgb(profile: bytes | None) -> bool:
    """Tell whether a profile is sRGB's, by what it does to colors: its name may be wrong."""
    if profile is None:
        return True
    converted = _converted_chart(profile)
    return converted is not None and bool(abs(converted - _chart()).max() < _SRGB_TOLERANCE)


def is_usable(profile: bytes) -> bool:
    """Tell whether a profile of RGB can be read and used at all."""
    return _converted_chart(profile) is not None


@lru_cache(maxsize=8)
def can_paint(profile: bytes) -> bool:
    """Tell whether a picture can be painted in a profile's RGB: it works both ways, and is as bright as sRGB.

    The network was trained on samples with a transfer curve; one of linear light would be another picture to it.

    Args:
        profile: The bytes of an ICC profile.

    """
    converted, chart = _converted_chart(profile), _chart()
    gray = chart.std(-1) == 0  # (27, 27)
    if converted is None or abs(converted[gray] - chart[gray]).max() > _MAX_GRAY_SHIFT:
        return False
    try:
        convert(_chart_image(np.uint16), None, profile).numpy()
    except pyvips.Error:
        return False
    return True


def to_srgb(image: Any, depth: int) -> Any:
    """Convert a libvips image from its own profile to sRGB.

    Args:
        image: The libvips image, with a profile.
        depth: Bits a channel of the result, 8 or 16.

    Returns:
        The libvips image in sRGB.

    Raises:
        pyvips.Error: the profile is not one of such an image, or damaged.
        RunError: this process was forked from one that had read pictures.

    """
    check_process()
    return image.icc_transform("srgb", embedded=True, depth=depth, **_INTENT)


def convert(image: Any, source: bytes | None, target: bytes | None) -> Any:
    """Convert a libvips image from one profile of RGB to another.

    Args:
        image: The libvips image, RGB of 16 bits a channel.
        source: The ICC profile in whose RGB it is; None: sRGB.
        target: The ICC profile to whose RGB it is brought; None: sRGB.

    Returns:
        A libvips image of 16 bits a channel.

    Raises:
        pyvips.Error: one of the profiles is not one of RGB, or damaged, or leads only one way.
        RunError: this process was forked from one that had read pictures.

    """
    check_process()
    connected = embed(image, source or srgb()).icc_import(embedded=True, pcs="xyz", **_INTENT)
    return embed(connected, target or srgb()).icc_export(depth=16, **_INTENT)


def lab_to_srgb(image: Any, depth: int) -> Any:
    """Convert a libvips image from CIE L*a*b* under D50 to sRGB.

    Args:
        image: The libvips image, three channels in floating point.
        depth: Bits a channel of the result, 8 or 16.

    Returns:
        The libvips image in sRGB, without a profile.

    """
    converted = image.icc_export(output_profile="srgb", pcs="lab", depth=depth, **_INTENT)
    return embed(converted, None)


@lru_cache(maxsize=8)
def _converted_chart(profile: bytes) -> NDArray[Any] | None:
    """Return the colors of `_chart` from a profile to sRGB, in levels of 255; None: it cannot be used for RGB."""
    if not _is_rgb(profile):
        return None
    try:
        return to_srgb(embed(_chart_image(np.uint8), profile), 16).numpy() / 257.0
    except pyvips.Error:
        return None


def _is_rgb(profile: bytes) -> bool:
    """Tell by its header if a profile is complete and one of RGB; libvips takes sRGB for one that it cannot read."""
    return profile[36:40] == b"acsp" and profile[16:20] == b"RGB " and int.from_bytes(profile[:4]) <= len(profile)


@cache
def _chart() -> NDArray[Any]:
    """List 729 colors in levels of 255, (27, 27, 3)."""
    level = np.linspace(0, 255, 9).round()
    return np.stack(np.meshgrid(level, level, level), -1).reshape(27, 27, 3)


def _chart_image(dtype: type[np.unsignedinteger[Any]]) -> Any:
    """Return the chart `_chart` as a libvips image."""
    deep = dtype is np.uint16
    samples = (_chart() * (257 if deep else 1)).astype(dtype)
    image = pyvips.Image.new_from_memory(samples.tobytes(), 27, 27, 3, "ushort" if deep else "uchar")
    return cast("Any", image).copy(interpretation="rgb16" if deep else "srgb")
