"""Pictures, in files and in memory: upright RGB, (3, H, W), with their color profile, transparency and metadata.

Files are read and written with libvips (measured against Pillow in docs/notes/images.md); HEIC files are unpacked by
pillow-heif. Nothing here knows what a picture is used for.

    resampling · profiles (ICC) · exif
    reading, with heif · writing
    picture
"""

from impasto.images.picture import Picture
from impasto.images.profiles import srgb
from impasto.images.reading import MAX_PIXELS, read_note
from impasto.images.resampling import resample
from impasto.images.writing import check_suffix

__all__ = ["MAX_PIXELS", "Picture", "check_suffix", "read_note", "resample", "srgb"]
