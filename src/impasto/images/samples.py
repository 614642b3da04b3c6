"""What the samples of an image file mean, and how they become RGB with alpha.

Gray, inks, CIE L*a*b*, YCbCr and channels besides the colors become RGB with alpha here. Which file held them is not
known.
"""

from typing import Any, NamedTuple, Self

import pyvips

from impasto.images import profiles, tiff

__all__ = ["Samples", "to_rgb"]


class Samples(NamedTuple):
    """What the channels of an image mean."""

    model: str
    """`gray`, `rgb`, `cmyk`, `ycbcr`, `cielab` or `icclab`."""
    colors: int
    """The first channels, which are color."""
    alpha: int | None = None
    """The number of the channel that is opacity, counted from 0."""
    is_premultiplied: bool = False
    """Whether colors are multiplied by the alpha still; libvips divides those of plain files."""
    unspecified: int = 0
    """Channels whose meaning the file does not tell."""
    reference: tuple[float, ...] = ()
    """Black and white of each channel of YCbCr."""

    @classmethod
    def of_image(cls, image: Any) -> Self:
        """Return what libvips says of an image."""
        gray = image.interpretation in {"b-w", "grey16"} or image.bands < 3
        model, colors = ("gray", 1) if gray else ("cmyk", 4) if image.interpretation == "cmyk" else ("rgb", 3)
        extra = image.bands - colors
        return cls(model, colors, colors if extra > 0 else None, unspecified=max(0, extra - 1))

    @classmethod
    def of_page(cls, page: tiff.Page, image: Any) -> Self:
        """Return what a page of a TIFF file says of its samples.

        Args:
            page: The page.
            image: Its samples, as libvips unpacks them.

        """
        if page.photometric == tiff.YCBCR and (page.compression == tiff.JPEG_COMPRESSION or page.subsampling != (1, 1)):
            return cls("rgb", 3)  # it converts those, and adds an alpha to some
        if page.photometric == tiff.PALETTE:
            return cls.of_image(image)
        extra = (*page.extra, *[0] * (page.channels - page.colors))[: page.channels - page.colors]
        alpha = next((index for index, kind in enumerate(extra) if kind in {tiff.ASSOCIATED, tiff.UNASSOCIATED}), None)
        return cls(
            _MODELS.get(page.photometric, "gray"),
            page.colors,
            None if alpha is None else page.colors + alpha,
            is_premultiplied=alpha is not None and extra[alpha] == tiff.ASSOCIATED and page.is_misread,
            unspecified=len(extra) - (alpha is not None),
            reference=page.reference if len(page.reference) == 6 else (0, 255, 128, 255, 128, 255),
        )


_MODELS = {
    tiff.RGB: "rgb",
    tiff.INKS: "cmyk",
    tiff.YCBCR: "ycbcr",
    tiff.CIELAB: "cielab",
    tiff.ICCLAB: "icclab",
}

_INTERPRETATIONS = {
    "gray": ("b-w", "grey16"),
    "cmyk": ("cmyk", "cmyk"),
    "rgb": ("srgb", "rgb16"),
}
"""What libvips calls a model, with 8 and with 16 bits."""


def to_rgb(image: Any, samples: Samples, implied_profile: bytes | None = None) -> tuple[Any, bytes | None]:
    """Return an image in RGB with its alpha, at the depth that it has, and the profile in whose RGB it is.

    A profile that cannot be used counts as none, as in viewers.

    Args:
        image: The libvips image, 8 or 16 bits a channel, with the file's profile.
        samples: What its channels mean.
        implied_profile: The profile of colors that the file tells without one.

    Returns:
        The libvips image of 3 channels, or 4 with the alpha, and its profile: the file's own, where a picture can be
        painted in it, or else None for sRGB.

    """
    is_deep = image.format == "ushort"
    color = image.extract_band(0, n=samples.colors) if image.bands > samples.colors else image
    alpha = None if samples.alpha is None else image.extract_band(samples.alpha)
    if alpha is not None and samples.is_premultiplied:
        white = 65535 if is_deep else 255
        color = color.bandjoin(alpha).unpremultiply(max_alpha=white).extract_band(0, n=samples.colors)
        color = (color + 0.5).cast(image.format)
    colored, profile = _color_to_rgb(color, samples, implied_profile, is_deep=is_deep)
    return (colored if alpha is None else colored.bandjoin(alpha)), profile


def _color_to_rgb(
    color: Any, samples: Samples, implied_profile: bytes | None, *, is_deep: bool
) -> tuple[Any, bytes | None]:
    """Return the color channels in RGB and its profile, None for sRGB."""
    if samples.model in {"cielab", "icclab"}:
        return _lab_to_srgb(color, samples.model, is_deep=is_deep), None
    color = _ycbcr_to_rgb(color, samples.reference) if samples.model == "ycbcr" else color
    name = _INTERPRETATIONS["rgb" if samples.model == "ycbcr" else samples.model][is_deep]
    color = color.copy(interpretation=name)
    is_rgb, profile = name in {"srgb", "rgb16"}, profiles.embedded(color)
    if profile is not None and is_rgb and profiles.can_paint(profile):
        return color, profile
    if profile is not None and (profiles.is_usable(profile) or not is_rgb):
        try:
            return profiles.to_srgb(color, 16 if is_deep else 8).colourspace("rgb16" if is_deep else "srgb"), None
        except pyvips.Error:
            color = profiles.embed(color, None)  # or colourspace would try it again for CMYK
    color = color.colourspace("rgb16" if is_deep else "srgb")
    if implied_profile is None or profiles.is_srgb(implied_profile):
        return color, None
    if profiles.can_paint(implied_profile):
        return color, implied_profile
    return profiles.to_srgb(profiles.embed(color, implied_profile), 16 if is_deep else 8), None


def _ycbcr_to_rgb(color: Any, reference: tuple[float, ...]) -> Any:
    """Convert 8 bits of YCbCr, whose black and white are given by channel, to RGB (TIFF 6.0, section 21)."""
    blacks, whites = reference[::2], reference[1::2]
    scales = [full / (white - black or 1) for full, black, white in zip((255, 127, 127), blacks, whites, strict=True)]
    full = color.linear(scales, [-scale * black for scale, black in zip(scales, blacks, strict=True)])
    weights = (0.299, 0.587, 0.114)
    red, blue = 2 - 2 * weights[0], 2 - 2 * weights[2]
    green = (-blue * weights[2] / weights[1], -red * weights[0] / weights[1])
    matrix = pyvips.Image.new_from_array([[1, 0, red], [1, *green], [1, blue, 0]])
    return (full.recomb(matrix) + 0.5).cast("uchar")


def _lab_to_srgb(color: Any, model: str, *, is_deep: bool) -> Any:
    """Convert CIE L*a*b* under D50, as TIFF files hold it in 8 or 16 bits, to sRGB (TIFF 6.0, section 23; ICC.1)."""
    levels = 65536 if is_deep else 256
    white, unit = (65280 if model == "icclab" and is_deep else levels - 1), levels // 256
    light = color[0] * (100 / white)
    tints = color.extract_band(1, n=2)
    if model == "cielab":
        tints = (tints + levels / 2).remainder(levels)  # they are signed
    tints = (tints - levels / 2) / unit
    lab = profiles.embed(light.bandjoin(tints).cast("float"), None).copy(interpretation="lab")
    return profiles.lab_to_srgb(lab, 16 if is_deep else 8)
