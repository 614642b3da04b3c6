"""Open a file as a libvips image whose pixels are not unpacked yet, with what its kind of file says of it.

Each kind of file is asked here for what libvips passes over: the page that is the picture, colors told without a
profile, an end marker that is missing, and what the file holds besides the picture.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pyvips

from impasto.errors import PictureError
from impasto.images import heif, metadata, profiles, tiff
from impasto.images.color_codes import ColorCodes, profile_of_gamma, unsupported_colors
from impasto.images.formats import FILM, RAW_PHOTOGRAPH, loader_of, unsupported_kind
from impasto.images.heif_boxes import heif_boxes
from impasto.images.icc_writer import Curve, Primaries, rgb_profile
from impasto.images.image_file import READABLE_KINDS, ImageFile
from impasto.images.jpeg_segments import END_MARKER, jpeg_segments
from impasto.images.libvips import check_process
from impasto.images.png_chunks import png_chunks
from impasto.images.samples import Samples

__all__ = ["LoadedImage", "SizeCheck", "load"]

_UNSUPPORTED_MESSAGE = re.compile("not configured|not implemented|nsupported|not supported", re.IGNORECASE)
"""What libraries say of files that are undamaged, and made in a way that they do not read."""

SizeCheck = Callable[[int, int], None]
"""Refuse a width and height."""

_ADOBE_RGB = (Primaries((0.3127, 0.3290), (0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), Curve(563 / 256))


class LoadedImage(NamedTuple):
    """A libvips image, and what its file says of it."""

    file: ImageFile
    """The file from which the pixels are unpacked; it has to live until then."""
    image: Any
    """The libvips image; only its header has been read, but for HEIC files."""
    samples: Samples
    implied_profile: bytes | None = None
    """The profile of colors that the file tells without one."""
    frames: int = 1
    """Frames, pages or pictures of which this is the first."""
    remarks: tuple[str, ...] = ()
    """What else of the file is left out, in words to stand behind its name."""
    compression: str | None = None
    """The name of a compression that libvips may not know."""

    def failure(self, error: pyvips.Error) -> PictureError:
        """Return what it means that unpacking failed."""
        return _failure(self.file, error, self.compression)


def load(file: ImageFile, check: SizeCheck) -> LoadedImage:
    """Read the header of a file.

    Args:
        file: The file.
        check: Called with width and height before pixels are unpacked.

    Returns:
        The image, of which no pixels are unpacked yet.

    Raises:
        PictureError: the file is damaged, or of a kind that is not read; or what `check` raises.
        RunError: this process was forked from one that had read pictures.

    """
    check_process()
    start = bytes(file.data[:256])
    loader = loader_of(start)
    if loader is None:
        raise _unsupported_file(file, unsupported_kind(start))
    return _READERS[loader](file, check)


def _unsupported_file(file: ImageFile, kind: str | None) -> PictureError:
    """Return the error of a file of a kind that is not read; None: the kind is not known."""
    if kind is None:
        return PictureError(f"{file.name} is not a picture that impasto reads; give {READABLE_KINDS}.")
    if kind == FILM:
        return PictureError(
            f"{file.name} is a film and not a picture; paint it by impasto film, or give {READABLE_KINDS}."
        )
    advice = (
        "develop it with a raw converter and give a TIFF or JPEG file"
        if kind == RAW_PHOTOGRAPH
        else f"give {READABLE_KINDS}"
    )
    return PictureError(f"{file.name} is {kind}, which impasto does not read; {advice}.")


def _failure(file: ImageFile, error: pyvips.Error | None = None, compression: str | None = None) -> PictureError:
    """Return the error of a file that libvips refuses: it is damaged, unless it is made in a way that is not read."""
    if error is not None and _UNSUPPORTED_MESSAGE.search(str(error)):
        way = f"with {compression}, which" if compression else "in a way that"
        return PictureError(f"{file.name} is compressed {way} is not read; export it as a new PNG or JPEG file.")
    return PictureError(f"{file.name} is damaged or cut short; copy it again, or export it as a new PNG or JPEG file.")


def _open(file: ImageFile, loader: str, check: SizeCheck, compression: str | None = None, **options: Any) -> Any:
    """Read the header with libvips, which refuses what is cut short and forgives a stray byte between two markers."""
    try:
        image = getattr(pyvips.Image, loader)(file.source, **{"access": "sequential", "fail_on": "error", **options})
    except pyvips.Error as error:
        raise _failure(file, error, compression) from error
    check(image.width, image.height)
    return image


def _frame_count(image: Any) -> int:
    return image.get("n-pages") if image.get_typeof("n-pages") else 1


def _load_plain(loader: str, file: ImageFile, check: SizeCheck) -> LoadedImage:
    """Read a file of a kind of which libvips says all."""
    image = _open(file, loader, check)
    return LoadedImage(file, image, Samples.of_image(image), frames=_frame_count(image))


def _load_png(file: ImageFile, check: SizeCheck) -> LoadedImage:
    image, chunks = _open(file, "pngload_source", check), png_chunks(file.data)
    implied_profile = None
    if chunks.codes is not None:
        image, implied_profile = profiles.embed(image, None), _profile_of(chunks.codes, file)
    elif profiles.embedded(image) is None and not chunks.is_srgb:
        implied_profile = profile_of_gamma(chunks.gamma, chunks.primaries)
    return LoadedImage(file, image, Samples.of_image(image), implied_profile, chunks.frames)


def _profile_of(codes: ColorCodes, file: ImageFile) -> bytes | None:
    """Return the profile of color codes, None for sRGB, or refuse colors that are not read."""
    reason = unsupported_colors(codes)
    if reason is not None:
        raise PictureError(f"{file.name} holds {reason}; export it in sRGB or Display P3.")
    return codes.profile()


def _load_jpeg(file: ImageFile, check: SizeCheck) -> LoadedImage:
    segments = jpeg_segments(file.data)
    remarks = list[str]()
    if segments.cut_offset is None:
        image = _open(file, "jpegload_source", check)
    else:
        file = file.with_data(bytes(file.data[: segments.cut_offset]) + END_MARKER)
        image = _open(file, "jpegload_source", check, fail_on="warning")  # which a missing pixel is
        remarks.append("has no end marker; every pixel was found, but it may have been cut short.")
    if segments.has_gain_map:
        remarks.append("has a gain map for HDR screens; it is left out.")
    if segments.has_film:
        remarks.append("has a short film as well as the picture; the film is left out.")
    is_adobe = image.get_typeof("exif-data") and metadata.is_adobe_rgb(bytes(image.get("exif-data")))
    implied_profile = rgb_profile(*_ADOBE_RGB) if is_adobe else None
    return LoadedImage(file, image, Samples.of_image(image), implied_profile, segments.pictures, tuple(remarks))


def _load_heif(file: ImageFile, check: SizeCheck) -> LoadedImage:
    return _with_boxes(file, _open(file, "heifload_source", check, unlimited=True))


def _load_heic(file: ImageFile, check: SizeCheck) -> LoadedImage:
    return _with_boxes(file, heif.unpack(file, check))


def _with_boxes(file: ImageFile, image: Any) -> LoadedImage:
    """Add what the boxes of an AVIF or HEIC file say to its image."""
    boxes = heif_boxes(file.data)
    implied_profile = None
    if boxes.codes is not None and profiles.embedded(image) is None:
        implied_profile = _profile_of(boxes.codes._replace(full_range=True), file)  # the decoder has made it full
    remarks = ["has a gain map for HDR screens; it is left out."] if boxes.has_gain_map else []
    if boxes.is_sequence:
        remarks.append("has moving pictures; they are left out.")
    image = _stretch_white(image)
    return LoadedImage(file, image, Samples.of_image(image), implied_profile, _frame_count(image), tuple(remarks))


def _stretch_white(image: Any) -> Any:
    """Make the white of a HEIC or AVIF file of 10 or 12 bits the white of 16, where its bits are only shifted."""
    bits = image.get("bits-per-sample") if image.get_typeof("bits-per-sample") else 16
    if image.format != "ushort" or bits == 16:
        return image
    levels = (image >> (16 - bits)).linear(65535 / (2**bits - 1), 0.5)
    return levels.cast("ushort").copy(interpretation=image.interpretation)


def _load_tiff(file: ImageFile, check: SizeCheck) -> LoadedImage:
    if tiff.is_raw_photograph(file.data):
        raise _unsupported_file(file, RAW_PHOTOGRAPH)
    picture = tiff.main_picture(file.data)
    if picture is None:
        raise _failure(file)
    page = picture.page
    check(page.width, page.height)
    reason = page.unsupported_samples()
    if reason is not None:
        raise PictureError(f"{file.name} holds {reason}; save it as RGB with 8 or 16 bits a channel.")
    options: dict[str, Any] = {"page": page.number, "unlimited": True}
    if page.subifd is not None:
        options["subifd"] = page.subifd
    plain = file.with_data(tiff.with_plain_samples(file.data, page)) if page.is_misread else file
    compression = page.unsupported_compression
    image = _open(plain, "tiffload_source", check, compression, **options)
    samples = Samples.of_page(page, image)
    remarks = _channel_remarks(samples)
    return LoadedImage(plain, image, samples, frames=picture.pages, remarks=remarks, compression=compression)


def _channel_remarks(samples: Samples) -> tuple[str, ...]:
    """Say which channels of a TIFF file are left out."""
    if not samples.unspecified:
        return ()
    examples = "spot inks or masks" if samples.model == "cmyk" else "a scanner's infrared or masks"
    number = "a channel" if samples.unspecified == 1 else f"{samples.unspecified} channels"
    it = "it is" if samples.unspecified == 1 else "they are"
    return (f"has {number} of unspecified meaning besides its colors, such as {examples}; {it} left out.",)


_READERS: dict[str, Callable[[ImageFile, SizeCheck], LoadedImage]] = {
    "pngload_source": _load_png,
    "jpegload_source": _load_jpeg,
    "webpload_source": partial(_load_plain, "webpload_source"),
    "tiffload_source": _load_tiff,
    "gifload_source": partial(_load_plain, "gifload_source"),
    "heifload_source": _load_heif,
    "heif": _load_heic,
}
