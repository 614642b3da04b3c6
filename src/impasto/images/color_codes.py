"""The numbers with which PNG, AVIF and HEIC files tell their colors in place of a profile (ITU-T H.273; PNG 3).

It makes a profile of them, or says why a picture of such colors is not read. The files' layouts are not known here.
"""

from typing import NamedTuple

from impasto.images.icc_writer import SRGB_CURVE, SRGB_PRIMARIES, Curve, Primaries, rgb_profile

__all__ = ["ColorCodes", "profile_of_gamma", "unsupported_colors"]

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)

_PRIMARIES = {
    1: SRGB_PRIMARIES,
    4: Primaries(_C, (0.67, 0.33), (0.21, 0.71), (0.14, 0.08)),
    5: Primaries(_D65, (0.64, 0.33), (0.29, 0.60), (0.15, 0.06)),
    6: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: Primaries(_D65, (0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    8: Primaries(_C, (0.681, 0.319), (0.243, 0.692), (0.145, 0.049)),
    9: Primaries(_D65, (0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: Primaries(_DCI, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    12: Primaries(_D65, (0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: Primaries(_D65, (0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
"""Chromaticities by ColourPrimaries; a code that is not here counts as unspecified, which is sRGB."""

_CURVES = {4: Curve(2.2), 5: Curve(2.8), 8: Curve(1.0), 17: Curve(2.6)}
"""Curves by TransferCharacteristics; those of television (1, 6, 14, 15) and the rest are shown with sRGB's."""

_UNSUPPORTED_TRANSFERS = {9: "logarithmic", 10: "logarithmic", 16: "HDR (PQ)", 18: "HDR (HLG)"}

_GAMMA_TOLERANCE = 0.05
"""Share by which a curve's exponent may differ from 2.2 and count as sRGB's, as libpng has it."""

_CHROMATICITY_TOLERANCE = 0.002
"""Difference of chromaticities from sRGB's up to which they count as sRGB's; files round them in many ways."""


class ColorCodes(NamedTuple):
    """Code points of ITU-T H.273."""

    primaries: int
    transfer: int
    full_range: bool = True

    def profile(self) -> bytes | None:
        """Return the ICC profile of the colors; None: sRGB."""
        primaries, curve = _PRIMARIES.get(self.primaries, SRGB_PRIMARIES), _CURVES.get(self.transfer, SRGB_CURVE)
        return None if (primaries, curve) == (SRGB_PRIMARIES, SRGB_CURVE) else rgb_profile(primaries, curve)


def unsupported_colors(codes: ColorCodes) -> str | None:
    """Say what kind of colors is not read, to stand behind `holds`; None: these are."""
    kind = _UNSUPPORTED_TRANSFERS.get(codes.transfer)
    if kind is not None:
        return f"{kind} colors, which go beyond the white of a picture"
    return None if codes.full_range else "video levels, 16 to 235 of 255"


def profile_of_gamma(gamma: float | None, primaries: Primaries | None) -> bytes | None:
    """Return the profile of colors that a PNG file tells by `gAMA` and `cHRM`; None: sRGB, or such as cannot be.

    Args:
        gamma: The exponent with which light becomes samples, such as 0.45455; None: the file does not say it.
        primaries: The chromaticities of the colors; None: the file does not say it.

    """
    curve = SRGB_CURVE
    if gamma is not None and 0.05 <= gamma <= 5 and abs(1 / (2.2 * gamma) - 1) > _GAMMA_TOLERANCE:
        curve = Curve(1 / gamma)
    if primaries is None or _are_close(primaries, SRGB_PRIMARIES):
        primaries = SRGB_PRIMARIES
    if (primaries, curve) == (SRGB_PRIMARIES, SRGB_CURVE):
        return None
    try:
        return rgb_profile(primaries, curve)
    except ValueError:
        return None


def _are_close(first: Primaries, second: Primaries) -> bool:
    """Tell whether chromaticities are equal but for rounding."""
    pairs = zip(first, second, strict=True)
    return all(
        abs(a - b) <= _CHROMATICITY_TOLERANCE
        for pair, other_pair in pairs
        for a, b in zip(pair, other_pair, strict=True)
    )
