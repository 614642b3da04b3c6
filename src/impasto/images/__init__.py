"""Pictures, in files and in memory: upright RGB, (3, H, W), with their color profile, transparency and metadata.

In here: `picture` (a picture, from whatever holds one and to a file) over `reading` and `writing`; `loading`, which
asks each kind of file for what libvips passes over (`tiff`, `png_chunks`, `jpeg_segments`, `heif`, `heif_boxes`,
`formats`); colors (`profiles`, `icc_writer`, `color_codes`, `samples`, `color`), sizes (`resampling`, `cropping`),
metadata (`metadata`, `xmp`, `tiff_tags`); `masks`, with `faces`, which detects what many masks are drawn for, and
`guides`, which say what a mask means to a layer. Not in here: what a picture is used for, and where files may be
written (`files`). It may import `layers`, `files` and `errors`.

Files are read and written with libvips (measured against Pillow in docs/notes/images.md); HEIC files are unpacked by
pillow-heif.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(  # pyright: ignore[reportUnknownVariableType]
    __name__, __file__
)
