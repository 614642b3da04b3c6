"""Image files made byte by byte, as cameras, phones, scanners and editors write them and libraries do not."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

CODES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "II", 7: "B", 13: "I"}
FORMATS = {"u": 1, "i": 2, "f": 3}


def page(samples, photometric, extra=None, *, subpages=(), bits=None, order="<", **tags):
    """Return a page for `tiff`: its samples, (H, W) or (H, W, channels), and its tags; `t530=(3, [1, 1])` adds one."""
    samples = np.atleast_3d(samples)
    height, width, channels = samples.shape
    entries = {
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits or samples.itemsize * 8] * channels),
        259: (3, [1]),
        262: (3, [photometric]),
        277: (3, [channels]),
        278: (4, [height]),
        339: (3, [FORMATS[samples.dtype.kind]] * channels),
    }
    if extra is not None:
        entries[338] = (3, list(extra))
    entries.update({int(name[1:]): value for name, value in tags.items()})
    return entries, samples.astype(samples.dtype.newbyteorder(order)).tobytes(), list(subpages)


def tiff(*pages, order="<"):
    """Return the bytes of a TIFF file."""
    file = bytearray(struct.pack(order + "2sHI", {"<": b"II", ">": b"MM"}[order], 42, 0))
    link = 4
    for page in pages:
        offset, next_link = _append(file, page, order)
        struct.pack_into(order + "I", file, link, offset)
        link = next_link
    return bytes(file)


def _append(file, page, order):
    tags, data, subpages = page
    offsets = [_append(file, subpage, order)[0] for subpage in subpages]
    tags = {**tags, 273: (4, [len(file)]), 279: (4, [len(data)]), **({330: (4, offsets)} if offsets else {})}
    file += data + bytes(len(data) % 2)
    entries = b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        packed = b"".join(
            struct.pack(order + CODES[kind], *(value if isinstance(value, tuple) else (value,))) for value in values
        )
        if len(packed) > 4:
            entries += struct.pack(order + "HHII", tag, kind, len(values), len(file))
            file += packed + bytes(len(packed) % 2)
        else:
            entries += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    place = len(file)
    file += struct.pack(order + "H", len(tags)) + entries + bytes(4)
    return place, len(file) - 4


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, *chunks, **options):
    """Return the bytes of a PNG file with more chunks before its pixels."""
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "PNG", **options)
    return file.getvalue()[:33] + b"".join(chunks) + file.getvalue()[33:]


def cicp(primaries, transfer, *, full=1):
    return chunk(b"cICP", bytes([primaries, transfer, 0, full]))


def gamma(value):
    return chunk(b"gAMA", struct.pack(">I", round(value * 100_000)))


def chromaticities(*numbers):
    return chunk(b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in numbers)))


SRGB_POINTS = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
P3_POINTS = (0.3127, 0.3290, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)


def jpeg(samples, *segments, **options):
    """Return the bytes of a JPEG file with more segments, (marker, body), at its beginning."""
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG", quality=95, **options)
    more = b"".join(struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body for marker, body in segments)
    return file.getvalue()[:2] + more + file.getvalue()[2:]


def xmp_segment(packet):
    return 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode()


def picture_index(*kinds):
    """Return the segment of a multi-picture file that lists pictures of such kinds."""
    entries = b"".join(struct.pack("<IIIHH", kind, 1000, 0, 0, 0) for kind in kinds)
    head = b"II*\0" + struct.pack("<IH", 8, 2)
    head += struct.pack("<HHII", 0xB001, 4, 1, len(kinds)) + struct.pack("<HHII", 0xB002, 7, len(entries), 38)
    return 0xE2, b"MPF\0" + head + bytes(4) + entries


def animated_png(samples, frames):
    """Return an APNG file of equal frames."""
    height, width = samples.shape[:2]
    plain = png(samples, chunk(b"acTL", struct.pack(">II", frames, 0)))
    control = struct.pack(">IIIIIHHBB", 0, width, height, 0, 0, 1, 10, 0, 0)
    position = plain.index(b"IDAT") - 4
    return plain[:position] + chunk(b"fcTL", control) + plain[position:]
