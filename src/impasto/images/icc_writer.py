"""ICC profiles of RGB, made from the chromaticities of its primaries and a transfer curve (ISO 15076-1, version 4).

Files that tell their colors in a few numbers, as PNG and AVIF files do, become files with a profile here.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["SRGB_CURVE", "SRGB_PRIMARIES", "Curve", "Primaries", "rgb_profile"]

_D50 = (0.9642, 1.0, 0.8249)
"""XYZ of the white of ICC profiles."""

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""The matrix from XYZ to the responses of cones, in which one white is exchanged for another."""


class Primaries(NamedTuple):
    """Chromaticities x and y of white, red, green and blue."""

    white: tuple[float, float]
    red: tuple[float, float]
    green: tuple[float, float]
    blue: tuple[float, float]


class Curve(NamedTuple):
    """A transfer curve as ICC's parametric types 0 and 3: light is (a x + b)^gamma from d on, c x below."""

    gamma: float
    coefficients: tuple[float, ...] = ()
    """a, b, c, d; none of them: light is x^gamma."""


SRGB_PRIMARIES = Primaries((0.3127, 0.3290), (0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
SRGB_CURVE = Curve(2.4, (1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


@lru_cache(maxsize=8)
def rgb_profile(primaries: Primaries, curve: Curve) -> bytes:
    """Return the ICC profile of an RGB.

    Args:
        primaries: The chromaticities of its white, red, green and blue.
        curve: The transfer curve of its three channels.

    Raises:
        ValueError: such primaries span no colors.

    """
    matrix, adaptation = _d50_matrices(primaries)
    tags: dict[bytes, bytes] = {
        b"desc": _text_tag("RGB of an image file"),
        b"cprt": _text_tag("No copyright"),
        b"wtpt": _color_tag(_D50),
        b"chad": b"sf32" + bytes(4) + b"".join(_fixed_point(value) for value in adaptation.flatten()),
        **{name: _color_tag(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), matrix.T, strict=True)},
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve_tag(curve)),
    }
    return _assemble(tags)


def _d50_matrices(primaries: Primaries) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return two matrices, (3, 3): from linear RGB to XYZ under D50, and from XYZ under the own white to under D50."""
    try:
        colors = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries[1:]]).T
        x, y = primaries.white
        white = np.array([x / y, 1.0, (1 - x - y) / y])
        matrix = colors * np.linalg.solve(colors, white)
    except (ZeroDivisionError, np.linalg.LinAlgError) as error:
        raise ValueError("the primaries span no colors.") from error
    scale = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ (scale[:, None] * _BRADFORD)
    if not np.isfinite(adaptation @ matrix).all() or abs(adaptation @ matrix).max() > 100:
        raise ValueError("the primaries span no colors.")
    return adaptation @ matrix, adaptation


def _assemble(tags: Mapping[bytes, bytes]) -> bytes:
    """Put tags behind the header of a display profile; tags that are equal stand there once."""
    body, offsets = bytearray(), dict[bytes, int]()
    data_start = 128 + 4 + 12 * len(tags)
    for data in tags.values():
        if data not in offsets:
            offsets[data] = data_start + len(body)
            body += data + bytes(-len(data) % 4)
    table = b"".join(name + struct.pack(">II", offsets[data], len(data)) for name, data in tags.items())
    header = struct.pack(">I4sI4s4s4s", data_start + len(body), bytes(4), 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + b"".join(map(_fixed_point, _D50))
    return header + bytes(128 - len(header)) + struct.pack(">I", len(tags)) + table + bytes(body)


def _fixed_point(value: float) -> bytes:
    """Write a number with 16 bits behind the point."""
    return struct.pack(">i", round(float(value) * 65536))


def _color_tag(color: Sequence[float] | NDArray[Any]) -> bytes:
    """Write a color as a tag."""
    return b"XYZ " + bytes(4) + b"".join(_fixed_point(value) for value in color)


def _text_tag(text: str) -> bytes:
    """Write a text as a tag, in English."""
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">III2s2sII", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded


def _curve_tag(curve: Curve) -> bytes:
    """Write a curve as a tag."""
    values = b"".join(map(_fixed_point, (curve.gamma, *curve.coefficients)))
    return b"para" + struct.pack(">IHH", 0, 3 if curve.coefficients else 0, 0) + values
