"""The commands that paint: `paint`, `demo`, `texture` and `reconstruct`."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli import launcher
from impasto.cli.drive import Output, Watch, drive, ready
from impasto.cli.flags import Flags, choose
from impasto.cli.print_size import Paper
from impasto.cli.sources import open_mask, open_picture, open_styles
from impasto.errors import InputError

if TYPE_CHECKING:
    from impasto.images import Picture
    from impasto.transfer.styles import Style

__all__ = ["demo", "paint", "reconstruct", "texture"]


def paint(
    content: Path,
    style: str,
    /,
    *styles: str,
    output: Output,
    initial: Path | None = None,
    keep: str | None = None,
    paper: Annotated[str | None, Parameter(name="--print")] = None,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    processes: int = 1,
    preset: str | None = None,
    settings: Path | None = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint CONTENT in the style of STYLE.

    Args:
        content: The photograph: a PNG, JPEG, WebP, TIFF, AVIF or HEIC file.
        style: The painting, and if you like what of it and where: PAINTING,weight=2,scale=0.5,mask=FILE,region=FILE.
            A mask says which part of the painting counts, a region which part of the picture it paints: a grayscale
            image, white inside, or the pixels of a color of an image of labels, FILE#ff0000.
        styles: More paintings, each blended with those of its region; without a region it paints what no other claims.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        initial: A picture to start from, in place of what --init says.
        keep: A mask, FILE or FILE#ff0000, of what stays as it is in the photograph.
        paper: Paint as large as fits on paper, at --dpi or else 300 pixels an inch: 30x40cm, 8x10in, 200x300mm.
        allow_large: Open pictures of more than 100 million pixels.
        processes: Divide the picture among this many processes of this machine.
        preset: A named set of options; `impasto presets` lists them.
        settings: Options from a JSON file, or from the metadata of a picture painted earlier.
        watch: What to show and keep.
        flags: The options.

    """
    chosen, runtime = choose(flags, preset, settings)
    sheet = None if paper is None else Paper.of(paper, chosen.dpi, flags)
    if sheet is not None:
        chosen = chosen.replace(size=sheet.longest, dpi=sheet.dpi)
    if processes < 1:
        raise InputError(f"processes cannot be {processes}; it takes a whole number, at least 1.")
    watch = ready(watch, output, chosen, runtime.device if processes == 1 or launcher.launched() else "cpu")
    if processes > 1 and not launcher.launched():
        launcher.launch(processes)
        return
    from impasto.transfer.scene import Inputs  # noqa: PLC0415 (torch loads after the cheap checks)

    photograph = open_picture(content, allow_large=allow_large, quiet=watch.quiet)
    if sheet is not None:
        chosen = chosen.replace(size=sheet.fitted(photograph.width, photograph.height))
    paintings = open_styles((style, *styles), allow_large=allow_large, quiet=watch.quiet)
    start = None if initial is None else open_picture(initial, allow_large=allow_large, quiet=watch.quiet)
    kept = None if keep is None else open_mask(keep, allow_large=allow_large)
    drive(chosen, runtime, watch, output, Inputs(photograph, paintings, start, kept))


def demo(
    *,
    output: Output = Path("demo.png"),
    painting: Path | None = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint matplotlib's sample photograph in the style of a painting that impasto paints itself.

    Args:
        output: Where to save the picture.
        painting: Save the painting whose style is taken here, too.
        watch: What to show and keep.
        flags: The options.

    """
    chosen, runtime = choose(flags)
    watch = ready(watch, output, chosen, runtime.device)
    if painting is not None:
        ready(watch, painting, chosen)
    from impasto.images import Picture  # noqa: PLC0415
    from impasto.recipes import demo  # noqa: PLC0415 (torch)
    from impasto.transfer.scene import Inputs  # noqa: PLC0415
    from impasto.transfer.styles import Style  # noqa: PLC0415

    style = Picture(demo.painting())
    if painting is not None:
        style.save(painting, overwrite=watch.overwrite)
    drive(chosen, runtime, watch, output, Inputs(Picture.open(demo.photograph()), [Style(style)]))


def texture(
    style: str,
    /,
    *styles: str,
    output: Output,
    shape: str = "1:1",
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint a texture of any size in the style of a sample, from noise and without a photograph.

    Strokes are as large as in the sample as it is, times --style-scale. Where nothing else is said, options are those
    of the preset texture.

    Args:
        style: The sample, and if you like what of it: SAMPLE,weight=2,scale=0.5,mask=FILE.
        styles: More samples, blended with the first.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        shape: Width to height of the texture.
        allow_large: Open pictures of more than 100 million pixels.
        watch: What to show and keep.
        flags: The options.

    """
    chosen, runtime = choose(flags, "texture")
    watch = ready(watch, output, chosen, runtime.device)
    from impasto.transfer.scene import Inputs  # noqa: PLC0415 (torch)

    sides = _sides(shape, chosen.size)
    given = open_styles((style, *styles), allow_large=allow_large, quiet=watch.quiet)
    samples = [_at_own_size(sample, min(sides)) for sample in given]
    drive(chosen, runtime, watch, output, Inputs(_blank(*sides, given[0].picture), samples))


def reconstruct(
    content: Path,
    /,
    *,
    output: Output,
    allow_large: Annotated[bool, Parameter(negative="")] = False,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint what the layers of --content-layers know of CONTENT, as the preset reconstruction does: without a style.

    Mahendran and Vedaldi, *Understanding Deep Image Representations by Inverting Them*, CVPR 2015; figure 1 of Gatys et
    al. 2016.

    Args:
        content: The photograph.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        allow_large: Open pictures of more than 100 million pixels.
        watch: What to show and keep.
        flags: The options.

    """
    chosen, runtime = choose(flags, "reconstruction")
    watch = ready(watch, output, chosen, runtime.device)
    from impasto.transfer.scene import Inputs  # noqa: PLC0415 (torch)

    photograph = open_picture(content, allow_large=allow_large, quiet=watch.quiet)
    drive(chosen, runtime, watch, output, Inputs(photograph, ()))


def _sides(shape: str, longest: int) -> tuple[int, int]:
    """Return width and height from words such as 3:2."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)", shape)
    parts = [float(part) for part in found.groups()] if found else [0.0]
    if min(parts) <= 0:
        raise InputError(f"shape cannot be {shape}; it takes width to height, such as 3:2.")
    width, height = (max(1, round(longest * part / max(parts))) for part in parts)
    return width, height


def _blank(width: int, height: int, like: "Picture") -> "Picture":
    """Return a gray picture, which takes no memory: all that it gives is its size, and the file of another."""
    import torch  # noqa: PLC0415 (seconds)

    from impasto.images import Picture  # noqa: PLC0415

    gray = torch.full((3, 1, 1), 128, dtype=torch.uint8).expand(3, height, width)
    return Picture(gray, profile=like.profile, bits=like.bits, dpi=like.dpi)


def _at_own_size(style: "Style", short: int) -> "Style":
    """Scale a sample so that it is used pixel by pixel beside a texture with a short side of `short`."""
    return replace(style, scale=style.scale * min(style.picture.width, style.picture.height) / short)
