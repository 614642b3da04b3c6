"""The commands that paint one picture: `paint`, `demo`, `texture` and `reconstruct`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from impasto.cli.flags import (
    GROUPS,
    Flags,
    OutputFlags,
    ReconstructFlags,
    TextureFlags,
    choose,
    given_flags,
    split_init,
)
from impasto.cli.help import BASICS
from impasto.cli.painting import Output, carry_out
from impasto.cli.watching import Watch
from impasto.errors import InputError
from impasto.files import check_output
from impasto.jobs.job import AUTO, Job, StyleSource
from impasto.jobs.outputs import free_name, latest_name
from impasto.settings.limits import check_per_core

if TYPE_CHECKING:
    from impasto.jobs.continuation import Continuation

__all__ = ["check_paper", "demo", "paint", "reconstruct", "texture"]


def _basic(metavar: str, **options: Any) -> Parameter:
    """Return the description of a flag that the short help shows."""
    return Parameter(group=GROUPS[BASICS], metavar=metavar or None, **options)


def paint(
    content: Annotated[Path, Parameter(name="PHOTO")],
    /,
    *styles: Annotated[str, Parameter(name="PAINTING")],
    output: Output = None,
    keep: Annotated[str | None, _basic("MASK")] = None,
    focus: Annotated[str | None, _basic("MASK")] = None,
    paper: Annotated[str | None, _basic("PAPER", name="--print")] = None,
    fill: Annotated[bool, _basic("", negative="--fit")] = False,
    preset: Annotated[str | None, _basic("NAME")] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings", group=GROUPS["Picture"])] = None,
    processes: Annotated[int, Parameter(group=GROUPS["Expert: machine"])] = 1,
    continues: Annotated[bool, Parameter(name="--continue", negative="", group=GROUPS["Output"])] = False,
    files: OutputFlags = None,
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
        keep: A mask, white where the photograph stays as it is; half-gray keeps half of it.
        focus: A mask, white where the photograph counts more, or the word faces; auto finds faces. [default: auto]
        paper: Paint for a sheet of paper, at --dpi or else at 300 pixels per inch: 30x40cm, 8x10in, 200x300mm.
        fill: With --print, crop the photograph so that it fills the sheet; --fit leaves margins.
        preset: A set of options that `impasto presets` lists.
        settings_file: Options from a JSON file, or from a picture that impasto painted.
        processes: Divide the picture among this many processes of this machine.
        continues: Paint on from OUTPUT, or from its checkpoint, with the options that are given now and the rest as
            before.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    if not styles:
        raise InputError(f"there is no painting; name one: impasto {content} painting.jpg.")
    check_paper(paper, fill=fill, flags=flags)
    if processes < 1:
        raise InputError(f"processes cannot be {processes}; it takes a whole number, at least 1.")
    check_per_core("processes", processes)
    paintings = tuple(map(StyleSource.parse, styles))
    output = output or (latest_name if continues else free_name)(content, *(style.picture for style in paintings))
    continuation = _continuation(output, files) if continues else None
    flags, initial = split_init(flags)
    base = None if continuation is None else continuation.job.current().settings.replace(stages={})
    settings, runtime = choose(flags, preset, settings_file, base)
    sources = {"content": content, "styles": paintings, "keep": keep, "focus": focus, "print_size": paper, "fill": fill}
    if continuation is None:
        sources["focus"] = focus or AUTO
        job = Job(**sources, initial=initial, settings=settings, runtime=runtime, output=output, **given_flags(files))
        carry_out(job, watch, processes=processes)
        return
    if initial is not None:
        raise InputError("continue and init both say where painting begins; give one of them.")
    job = continuation.job.current().replace(**{name: value for name, value in sources.items() if value})
    if "size" in given_flags(flags):
        job = job.replace(print_size=None, fill=False)
    job = job.replace(settings=settings, runtime=runtime, output=output, **given_flags(files))
    carry_out(continuation.changed(job), watch, processes=processes, painted=continuation.picture)


def _continuation(output: Path, files: OutputFlags) -> "Continuation":
    """Return what a command with --continue starts from."""
    from impasto.jobs.continuation import find_continuation  # noqa: PLC0415 (torch)

    return find_continuation(output, given_flags(files).get("checkpoint"))


def check_paper(paper: str | None, *, fill: bool, flags: object) -> None:
    """Refuse flags of a print that contradict each other.

    Args:
        paper: The size of the sheet, or None for no print.
        fill: Whether the picture fills the sheet.
        flags: The flags of the options.

    Raises:
        InputError: there are a paper and a size, or a picture fills no paper.

    """
    if paper is not None and "size" in given_flags(flags):
        raise InputError("print and size both say how large the picture is; give one of them.")
    if fill and paper is None:
        raise InputError("fill says how a picture is put on paper; name the paper too, such as --print 30x40cm.")


def demo(
    *,
    output: Output = Path("demo.png"),
    painting: Annotated[Path | None, _basic("FILE")] = None,
    files: OutputFlags = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint matplotlib's sample photograph at the defaults, in the style of a painting by impasto itself.

    Args:
        output: Where to save the picture.
        painting: A file to save the painting in.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    settings, runtime = choose(flags)
    outputs = given_flags(files)
    overwrite = bool(outputs.get("overwrite"))
    if painting is not None:
        check_output(painting, overwrite=overwrite)
    from impasto.images import Picture, check_suffix  # noqa: PLC0415 (torch)
    from impasto.recipes import demo  # noqa: PLC0415

    style = Picture(demo.painting(), title="the demo's own painting")
    if painting is not None:
        style.save(check_suffix(painting), overwrite=overwrite)
    styles = (StyleSource(picture=style),)
    job = Job(content=demo.photograph(), styles=styles, settings=settings, runtime=runtime, output=output, **outputs)
    carry_out(job, watch)


def texture(
    style: Annotated[str, Parameter(name="SAMPLE")],
    /,
    *styles: Annotated[str, Parameter(name="SAMPLES")],
    output: Output = None,
    shape: Annotated[str, _basic("W:H")] = "1:1",
    files: OutputFlags = None,
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
        shape: Width to height of the texture.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    settings, runtime = choose(flags, "texture")
    samples = tuple(map(StyleSource.parse, (style, *styles)))
    output = output or free_name(samples[0].picture, "texture")
    carry_out(
        Job(styles=samples, shape=shape, settings=settings, runtime=runtime, output=output, **given_flags(files)), watch
    )


def reconstruct(
    content: Annotated[Path, Parameter(name="PHOTO")],
    /,
    *,
    output: Output = None,
    files: OutputFlags = None,
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
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    settings, runtime = choose(flags, "reconstruction")
    output = output or free_name(content, "reconstruction")
    carry_out(Job(content=content, settings=settings, runtime=runtime, output=output, **given_flags(files)), watch)
