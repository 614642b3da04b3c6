"""The commands that paint one picture: `paint`, `demo`, `texture` and `reconstruct`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.flags import GROUPS, DemoFlags, Flags, ReconstructFlags, TextureFlags, given_flags, make_job
from impasto.cli.help import BASICS
from impasto.cli.painting import Output, carry_out
from impasto.cli.watching import Watch
from impasto.errors import InputError
from impasto.files import check_output
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.outputs import free_name, latest_name
from impasto.settings import preset
from impasto.settings.limits import check_per_core

__all__ = ["demo", "paint", "reconstruct", "texture"]


def paint(
    content: Annotated[Path, Parameter(name="PHOTO")],
    /,
    *styles: Annotated[str, Parameter(name="PAINTING")],
    output: Output = None,
    processes: Annotated[int, Parameter(group=GROUPS["Expert: machine"])] = 1,
    continues: Annotated[bool, Parameter(name="--continue", negative="", group=GROUPS["Output"])] = False,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint PHOTO in the style of PAINTING.

    A first picture, larger strokes in the photograph's own palette, and a print:

        impasto photo.jpg painting.jpg
        impasto photo.jpg painting.jpg --style-scale 1.5 --color content-match
        impasto photo.jpg painting.jpg -o poster.tif --print 30x40cm

    Args:
        content: The photograph: a PNG, JPEG, WebP, TIFF, AVIF or HEIC file.
        styles: The painting. Several are blended. Options of a painting follow its name: a.jpg,weight=2 counts twice;
            a.jpg,scale=2 has strokes twice as large; a.jpg,region=sky.png paints the white part of the mask sky.png,
            and a painting without a region paints the rest; a.jpg,mask=part.png uses the white part of the painting;
            a.jpg,color=content-luminance takes the photograph's colors where it paints.
            FILE#ff0000 is a mask of the pixels of one color.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file. [default: PHOTO-PAINTING.png beside the
            photograph]
        processes: Divide the picture among this many processes of this machine.
        continues: Paint on from OUTPUT, or from its checkpoint, with the options that are given now and the rest as
            before.
        watch: The flags of what is shown.
        flags: The options.

    """
    if not styles:
        raise InputError(f"there is no painting; name one: impasto {content} painting.jpg.")
    if processes < 1:
        raise InputError(f"processes cannot be {processes}; it takes a whole number, at least 1.")
    check_per_core("processes", processes)
    paintings = tuple(map(StyleSource.parse, styles))
    names = (content, *(style.picture for style in paintings))
    if continues:
        job, painted = _continued_job(flags, output or latest_name(*names), content, paintings)
    else:
        job, painted = make_job(flags, content=content, styles=paintings, output=output or free_name(*names)), None
    carry_out(job, watch, processes=processes, painted=painted)


def _continued_job(
    flags: Flags, output: Path, content: Path, paintings: tuple[StyleSource, ...]
) -> tuple[Job, Path | None]:
    """Return the job that paints on, and the finished picture from which it does, if that is not its checkpoint."""
    values = given_flags(flags)
    if "initial" in values:
        raise InputError("continue and init both say where painting begins; give one of them.")
    from impasto.jobs.continuation import find_continuation  # noqa: PLC0415 (torch)

    continuation = find_continuation(output, values.get("checkpoint"))
    current = continuation.job.current()
    base = current.replace(settings=current.settings.replace(stages={}))
    job = make_job(flags, base, content=content, styles=paintings, output=output)
    return continuation.changed(job), continuation.picture


def demo(
    *,
    output: Output = Path("demo.png"),
    painting: Annotated[Path | None, Parameter(group=GROUPS[BASICS], metavar="FILE")] = None,
    watch: Watch | None = None,
    flags: DemoFlags = None,
) -> None:
    """Paint matplotlib's sample photograph at the defaults, in the style of a painting by impasto itself.

    Args:
        output: Where to save the picture.
        painting: A file to save the painting in.
        watch: The flags of what is shown.
        flags: The options.

    """
    overwrite = bool(given_flags(flags).get("overwrite"))
    if painting is not None:
        check_output(painting, overwrite=overwrite)
    from impasto.images import Picture, check_suffix  # noqa: PLC0415 (torch)
    from impasto.recipes import demo  # noqa: PLC0415

    style = Picture(demo.painting(), title="the demo's own painting")
    if painting is not None:
        style.save(check_suffix(painting), overwrite=overwrite)
    styles = (StyleSource(picture=style),)
    carry_out(make_job(flags, content=demo.photograph(), styles=styles, output=output), watch)


def texture(
    style: Annotated[str, Parameter(name="SAMPLE")],
    /,
    *styles: Annotated[str, Parameter(name="SAMPLES")],
    output: Output = None,
    watch: Watch | None = None,
    flags: TextureFlags = None,
) -> None:
    """Paint a texture of any size in the style of a sample, from noise and without a photograph.

    Strokes are as large as in the sample at its own size, times --style-scale. Options that are not given are those of
    the preset texture.

    Args:
        style: The sample, perhaps with a weight, a scale and a mask: SAMPLE,weight=2,scale=0.5,mask=FILE.
        styles: More samples, blended with the first.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file. [default: SAMPLE-texture.png beside the
            sample]
        watch: The flags of what is shown.
        flags: The options.

    """
    samples = tuple(map(StyleSource.parse, (style, *styles)))
    output = output or free_name(samples[0].picture, "texture")
    job = make_job(flags, Job(settings=preset("texture")), styles=samples, output=output)
    if job.initial is not None:
        raise InputError(f"a texture cannot start from {job.initial}; init takes content, noise, blank or style here.")
    carry_out(job, watch)


def reconstruct(
    content: Annotated[Path, Parameter(name="PHOTO")],
    /,
    *,
    output: Output = None,
    watch: Watch | None = None,
    flags: ReconstructFlags = None,
) -> None:
    """Paint PHOTO from its features at --content-layers alone, without a style: the preset reconstruction.

    Mahendran and Vedaldi, *Understanding Deep Image Representations by Inverting Them*, CVPR 2015; figure 1 of Gatys et
    al. 2016.

    Args:
        content: The photograph.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file. [default: PHOTO-reconstruction.png beside
            the photograph]
        watch: The flags of what is shown.
        flags: The options.

    """
    output = output or free_name(content, "reconstruction")
    carry_out(make_job(flags, Job(settings=preset("reconstruction")), content=content, output=output), watch)
