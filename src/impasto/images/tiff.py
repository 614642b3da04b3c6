"""The pages of a TIFF file: which of them is the picture, what its samples mean, and why it cannot be read.

Raw photographs (NEF, DNG, CR2, ARW …) are TIFF files whose first page is a small preview, and what libvips opens of
them is that preview. So a page counts only if no larger picture stands behind it (TIFF 6.0; TIFF Technical Note 1;
DNG 1.7).
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from impasto.images.tiff_tags import Folder, Tag, TiffBlock

__all__ = ["Page", "TiffPicture", "is_raw_photograph", "main_picture", "with_plain_samples"]

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INKS, YCBCR, CIELAB, ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
"""Values of PhotometricInterpretation that are read."""

UNSPECIFIED, ASSOCIATED, UNASSOCIATED = 0, 1, 2
"""Values of ExtraSamples: an unspecified meaning, an alpha that colors are multiplied by, and one that they are not."""

_COLOR_CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, INKS: 4, YCBCR: 3, CIELAB: 3, ICCLAB: 3}

_UNSUPPORTED_MEANINGS = {
    4: "a transparency mask and not colors",
    10: "ITU L*a*b* colors",
    32844: "linear light (LogL)",
    32845: "linear light (LogLuv)",
    51177: "a depth map and not colors",
}

_SENSOR_SAMPLES = frozenset({32803, 34892})
"""Values of PhotometricInterpretation of a camera's sensor: behind a color filter array, and linear raw."""

_RAW_COMPRESSIONS = frozenset({34713, 32767, 32769, 32770, 65000, 65535})
"""Compressions that only raw photographs have: Nikon, Sony, Samsung, Kodak, Pentax."""

_DNG_VERSION = 50706
_SUBIFDS = 330
_PHOTOMETRIC = 262
_SAMPLE_FORMAT = 339
_EXTRA_SAMPLES = 338

_UNSUPPORTED_COMPRESSIONS = {
    6: "old-style JPEG",
    34661: "JBIG",
    34676: "SGI Log",
    34677: "SGI Log",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
"""Compressions that a build of libvips may not have, by their names."""

JPEG_COMPRESSION = 7
_INKS_OF_PRINT = 1
"""The value of InkSet of cyan, magenta, yellow and black."""

_SIGNED = 2
_UNSUPPORTED_FORMATS = {_SIGNED: "signed", 3: "float", 5: "complex", 6: "complex"}
"""Values of SampleFormat that are not read."""

_MAX_PAGES = 1000
"""Pages that are looked at."""


class Page(NamedTuple):
    """What the tags of a page say of its samples."""

    number: int
    """The number of the page, counted from 0."""
    subifd: int | None
    """The number of the picture below the page; None: the page itself."""
    width: int
    height: int
    photometric: int
    bits: tuple[int, ...]
    sample_format: int
    channels: int
    extra: tuple[int, ...]
    """What the channels behind the colors are, as far as the file says it."""
    compression: int
    subfile: int
    ink_set: int
    """The set of inks."""
    subsampling: tuple[int, ...]
    reference: tuple[float, ...]
    """Black and white of the three channels of YCbCr."""
    tags: Mapping[int, Tag]

    @property
    def is_reduced(self) -> bool:
        """Whether the page is a reduced copy of another one."""
        return bool(self.subfile & 1)

    @property
    def is_mask(self) -> bool:
        """Whether the page is the transparency mask of another one."""
        return bool(self.subfile & 4)

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def colors(self) -> int:
        """The number of channels that are color; the others are alpha or unspecified."""
        return _COLOR_CHANNELS.get(self.photometric, self.channels)

    def unsupported_samples(self) -> str | None:
        """Say what the page holds that is not read, to stand behind `holds`; None: nothing."""
        if self.photometric not in _COLOR_CHANNELS:
            return _UNSUPPORTED_MEANINGS.get(self.photometric, f"colors of an unknown kind ({self.photometric})")
        depths = " and ".join(map(str, sorted(set(self.bits))))
        is_lab = self.photometric in {CIELAB, ICCLAB}
        is_gray = self.photometric in {WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE} and self.channels == 1
        is_deep_ycbcr = self.photometric == YCBCR and self.subsampling == (1, 1) and self.bits[0] != 8
        reasons = {
            f"{_UNSUPPORTED_FORMATS.get(self.sample_format)} samples of {depths} bits": self.sample_format
            in _UNSUPPORTED_FORMATS
            and not (is_lab and self.sample_format == _SIGNED),
            f"channels of different depth ({depths} bits)": len(set(self.bits)) > 1,
            f"samples of {depths} bits": self.bits[0] not in {8, 16} and not (is_gray and self.bits[0] in {1, 2, 4}),
            "a palette with more channels": self.photometric == PALETTE and self.channels > 1,
            "other inks than the four of print": self.photometric == INKS and self.ink_set != _INKS_OF_PRINT,
            f"{self.channels} channels of {self.colors}": self.channels < self.colors,
            "YCbCr colors of 16 bits": is_deep_ycbcr and self.compression != JPEG_COMPRESSION,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

    @property
    def is_misread(self) -> bool:
        """Whether libvips would change the samples wrongly: CIELAB, and an alpha with channels behind it."""
        return self.photometric == CIELAB or (ASSOCIATED in self.extra and len(self.extra) > 1)

    @property
    def unsupported_compression(self) -> str | None:
        """The name of the compression, if it is one that libvips may not know."""
        return _UNSUPPORTED_COMPRESSIONS.get(self.compression)


class TiffPicture(NamedTuple):
    """The page of a file that is its picture."""

    page: Page
    pages: int
    """Pages of the file that are pictures of their own; reduced copies and masks are not."""


def is_raw_photograph(data: Any) -> bool:
    """Tell whether a TIFF file is a raw photograph, whose samples are a sensor's; `data` is bytes or a mapped file."""
    block = TiffBlock.of(data)
    if block is None:
        return False
    if data[8:10] == b"CR" or _DNG_VERSION in block.first_folder().tags:
        return True
    return any(page.photometric in _SENSOR_SAMPLES or page.compression in _RAW_COMPRESSIONS for page in _pages(block))


def main_picture(data: Any) -> TiffPicture | None:
    """Return the picture of a TIFF file, its first page unless that is a reduced copy of another.

    Args:
        data: The bytes, or a file that is mapped into memory.

    Returns:
        The picture; None, if the file has no pages.

    """
    block = TiffBlock.of(data)
    pages = [] if block is None else [page for page in _pages(block) if not page.is_mask] or list(_pages(block))
    if not pages:
        return None
    originals = [page for page in pages if not page.is_reduced]
    first = next((page for page in originals if page.subifd is None), None)
    if first is None:
        first = max(originals or pages, key=lambda page: page.pixels)
    subpages = [page for page in originals if page.number == first.number and page.subifd is not None]
    picture = max([first, *subpages], key=lambda page: page.pixels)
    return TiffPicture(picture, sum(page.subifd is None for page in originals) or 1)


def with_plain_samples(data: Any, page: Page) -> bytes:
    """Return the bytes of a file in which a page says that its samples are RGB, with an alpha that multiplies nothing.

    So libvips unpacks the samples and leaves them as they are.

    Args:
        data: The bytes of the file, or the file mapped into memory.
        page: The page, of three colors or more.

    """
    copy, block = bytearray(data), TiffBlock.of(data)
    if block is not None:
        if page.photometric == CIELAB:
            block.replace(copy, page.tags[_PHOTOMETRIC], [RGB])
            formats = block.values(page.tags.get(_SAMPLE_FORMAT))
            if formats:
                block.replace(copy, page.tags[_SAMPLE_FORMAT], [1] * len(formats))
        if ASSOCIATED in page.extra:
            plain = [UNASSOCIATED if kind == ASSOCIATED else kind for kind in page.extra]
            block.replace(copy, page.tags[_EXTRA_SAMPLES], plain)
    return bytes(copy)


def _pages(block: TiffBlock) -> Iterator[Page]:
    """List the pages of a file, each with the pictures below it."""
    folder, visited = block.first_folder(), set[int]()
    for number in range(_MAX_PAGES):
        if not folder.tags:
            return
        yield _page(block, folder, number, None)
        for index, offset in enumerate(block.values(folder.tags.get(_SUBIFDS))):
            subfolder = block.folder(offset)
            if subfolder.tags:
                yield _page(block, subfolder, number, index)
        if folder.next in visited:
            return
        visited.add(folder.next)
        folder = block.folder(folder.next)


def _page(block: TiffBlock, folder: Folder, number: int, subifd: int | None) -> Page:
    """Read what the tags of a folder say, with TIFF's defaults where they say nothing."""

    def values_of(tag: int) -> tuple[int, ...]:
        return block.values(folder.tags.get(tag))

    def first_of(tag: int, default: int) -> int:
        return next(iter(values_of(tag)), default)

    old_kind = {2: 1}.get(first_of(255, 0), 0)  # SubfileType, which NewSubfileType replaced
    reference = values_of(532)
    return Page(
        number=number,
        subifd=subifd,
        width=first_of(256, 0),
        height=first_of(257, 0),
        photometric=first_of(_PHOTOMETRIC, BLACK_IS_ZERO),
        bits=values_of(258) or (1,),
        sample_format=first_of(_SAMPLE_FORMAT, 1),
        channels=first_of(277, 1),
        extra=values_of(_EXTRA_SAMPLES),
        compression=first_of(259, 1),
        subfile=first_of(254, old_kind),
        ink_set=first_of(332, _INKS_OF_PRINT),
        subsampling=values_of(530) or (2, 2),
        reference=tuple(a / b if b else 0.0 for a, b in zip(reference[::2], reference[1::2], strict=True)),
        tags=MappingProxyType(dict(folder.tags)),
    )
