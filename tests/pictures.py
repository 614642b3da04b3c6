"""Image files for tests, made with Pillow or straight from samples, so that impasto does not vouch for itself."""

import struct
from functools import cache

import numpy as np
import pyvips
from PIL import Image, TiffImagePlugin

PHOTOGRAPH = {
    "ifd0-ImageDescription": "a bridge (in fog)",
    "ifd0-Make": "Canon",
    "ifd0-Model": "EOS 5D",
    "ifd0-DateTime": "2021:05:06 07:08:09",
    "ifd0-Artist": "Anna Weber",
    "ifd0-Copyright": "2021 Anna Weber",
    "ifd2-ExposureTime": "1/125",
    "ifd2-FNumber": "14/5",
    "ifd2-ISOSpeedRatings": "400",
    "ifd2-DateTimeOriginal": "2021:05:06 07:08:09",
    "ifd2-OffsetTimeOriginal": "+02:00",
    "ifd2-FocalLength": "50/1",
    "ifd2-LensModel": "EF 50mm f/1.8 (II)",
}
PLACE = {
    "ifd3-GPSLatitudeRef": "N",
    "ifd3-GPSLatitude": "48/1 8/1 617/50",
    "ifd3-GPSLongitudeRef": "E",
    "ifd3-GPSLongitude": "11/1 34/1 0/1",
}


def noise(height=24, width=37, bands=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, bands)).astype(np.uint8)


def vips(array, interpretation, **blobs):
    height, width, bands = array.shape
    kind = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}[array.dtype.name]
    image = pyvips.Image.new_from_memory(array.tobytes(), width, height, bands, kind).copy(
        interpretation=interpretation
    )
    for name, blob in blobs.items():
        image.set_type(pyvips.GValue.blob_type, f"{name}-data".replace("icc", "icc-profile"), blob)
    return image


def profile(name):
    return pyvips.Operation.call("profile_load", name)


PRIMARIES = {
    "p3": ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
    "adobe": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
    "prophoto": ((0.79766, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)),
}
"""XYZ of red, green and blue, adapted to D50."""

GAMMAS = {"adobe": 563 / 256, "prophoto": 1.8, "linear": 1.0}


@cache
def icc(name):
    """Return a profile: libvips' Display P3, its primaries and its curve replaced by those of the name."""
    data = bytearray(profile("p3"))
    for tag, color in zip((b"rXYZ", b"gXYZ", b"bXYZ"), PRIMARIES.get(name, PRIMARIES["p3"]), strict=True):
        (offset,) = struct.unpack_from(">I", data, data.index(tag) + 4)
        struct.pack_into(">3i", data, offset + 8, *(round(value * 65536) for value in color))
    if name in GAMMAS:
        (offset,) = struct.unpack_from(">I", data, data.index(b"rTRC") + 4)
        assert data[offset : offset + 4] == b"para"
        struct.pack_into(">HHi", data, offset + 8, 0, 0, round(GAMMAS[name] * 65536))
    return bytes(data)


def light(name, encoded):
    """Return linear light of samples in [0, 1]."""
    if name in GAMMAS:
        return encoded ** GAMMAS[name]
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def lab(name, encoded):
    """Return CIE L*a*b* (D50) of samples (..., 3) in [0, 1] of a profile."""
    xyz = light(name, encoded) @ np.array(PRIMARIES[name]) / np.array([0.9642, 1.0, 0.8249])
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


def delta_e(name, a, b):
    """Return the mean color difference (CIE 1976) of 8-bit samples of a profile."""
    return float(np.linalg.norm(lab(name, a / 255.0) - lab(name, b / 255.0), axis=-1).mean())


def colors(height=48, width=64):
    """Return smooth, saturated 8-bit colors, (H, W, 3)."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return (np.stack([x, y, (1 - x) * (1 - y)], -1) * 255).round().astype(np.uint8)


def camera(orientation=1):
    """Return the EXIF of a photograph: what is to be kept, and what is not."""
    ratio = TiffImagePlugin.IFDRational
    exif = Image.Exif()
    exif.update(
        {0x010E: "a bridge (in fog)", 0x010F: "Canon", 0x0110: "EOS 5D", 0x0112: orientation, 0x0131: "GIMP"}
        | {0x0132: "2021:05:06 07:08:09", 0x013B: "Anna Weber", 0x8298: "2021 Anna Weber"}
    )
    exif.get_ifd(0x8769).update(
        {0x829A: ratio(1, 125), 0x829D: ratio(28, 10), 0x8827: 400, 0x9003: "2021:05:06 07:08:09", 0x9011: "+02:00"}
        | {0x920A: ratio(50), 0xA431: "serial 123", 0xA434: "EF 50mm f/1.8 (II)", 0x927C: b"maker's note"}
    )
    exif.get_ifd(0x8825).update(
        {1: "N", 2: (ratio(48), ratio(8), ratio(1234, 100)), 3: "E", 4: (ratio(11), ratio(34), ratio(0))}
    )
    return exif


def tags(path):
    """Return what Pillow finds in a file: {tag: value} of the picture, the photograph and the position."""
    with Image.open(path) as image:
        exif = image.getexif()
        return dict(exif), dict(exif.get_ifd(0x8769)), dict(exif.get_ifd(0x8825))
