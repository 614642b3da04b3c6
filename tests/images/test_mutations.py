"""Files of every kind with a few bytes changed by chance are opened or refused, and soon."""

import io
import random
import time

import numpy as np
from image_writers import (
    P3_POINTS,
    animated_png,
    chromaticities,
    cicp,
    gamma,
    jpeg,
    page,
    picture_index,
    png,
    tiff,
    xmp_segment,
)
from PIL import Image

from impasto.errors import PictureError
from impasto.images import Picture
from pictures import colors

SLOWEST = 10.0
"""Seconds."""


def levels(channels, dtype=np.uint8):
    return np.full((8, 10, channels), 9, dtype)


def avif():
    file = io.BytesIO()
    Image.fromarray(colors()).save(file, "AVIF")
    return file.getvalue()


REDUCED = page(levels(3), 2, subpages=[page(levels(3), 2)], t254=(4, [1]))
FILES = [
    tiff(REDUCED, page(levels(3), 2)),
    tiff(page(levels(1, np.uint16), 32803)),
    tiff(page(levels(5), 2, (1, 0)), order=">"),
    tiff(page(levels(3, np.uint16), 8)),
    tiff(page(levels(3), 6, t530=(3, [1, 1]), t532=(5, [(0, 1), (255, 1), (128, 1), (255, 1), (128, 1), (255, 1)]))),
    png(colors(), cicp(12, 13)),
    png(colors(), gamma(0.7), chromaticities(*P3_POINTS)),
    animated_png(colors(), 3),
    jpeg(colors(), xmp_segment("<x/>"), picture_index(0x030000, 0)),
    jpeg(colors())[:-2],
    avif(),
]


def mutated(data, chance):
    """Change some bytes, nearly always in the first kilobyte, where the tags are."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 2, 4))):
        start = chance.randrange(min(len(data), chance.choice((600, 1000, len(data)))))
        length = chance.choice((1, 2, 4))
        data[start : start + length] = chance.choice((chance.randbytes(length), b"\xff" * length, bytes(length)))
    return bytes(data)


def test_a_file_of_any_kind_with_changed_bytes_is_opened_or_refused(pytestconfig):
    chance = random.Random(0)
    for number in range(4 * pytestconfig.getoption("--fuzz")):
        data = mutated(FILES[number % len(FILES)], chance)
        began = time.monotonic()
        try:
            picture = Picture.of(data)
        except PictureError as error:
            assert str(error).startswith("the picture given as bytes ")
        else:
            assert picture.pixels.isfinite().all()
        assert time.monotonic() - began < SLOWEST
