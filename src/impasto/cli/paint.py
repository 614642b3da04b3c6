"""The commands that paint: `paint`, `demo`, `texture` and `reconstruct`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.flags import Flags, OutputFlags, choose, given_flags
from impasto.cli.painting import Output, Watch, carry_out
from impasto.errors import InputError
from impasto.files import check_output
from impasto.jobs.job import Job, StyleSource

__all__ = ["demo", "paint", "reconstruct", "texture"]


def paint(
    content: Path,
    style: str,
    /,
    *styles: str,
    output: Output,
    initial: Path | None = None,
    keep: str | None = None,
    focus: str | None = None,
    paper: Annotated[str | None, Parameter(name="--print")] = None,
    processes: int = 1,
    preset: str | None = None,
    settings: Path | None = None,
    files: OutputFlags = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint CONTENT in the style of STYLE.

    Args:
        content: The photograph: a PNG, JPEG, WebP, TIFF, AVIF or HEIC file.
        style: The painting, perhaps with a weight, a scale, a mask and a region:
            PAINTING,weight=2,scale=0.5,mask=FILE,region=FILE. A mask says which part of the painting counts, a region
            which part of the picture it paints. Both are a grayscale image, white inside, or the pixels of one color
            of an image of labels, FILE#ff0000.
        styles: More paintings. Paintings of one region are blended; a painting without a region paints all pixels that
            are in no region.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        initial: A picture to start from, in place of what --init says.
        keep: A mask, FILE or FILE#ff0000, of what stays as it is in the photograph; where it is half-gray, half stays.
        focus: A mask, FILE or FILE#ff0000, of where the photograph counts more, such as a face: --focus-weight times.
        paper: Paint as large as fits on paper, at --dpi or else at 300 pixels an inch: 30x40cm, 8x10in, 200x300mm.
        processes: Divide the picture among this many processes of this machine.
        preset: A named set of options; `impasto presets` lists them.
        settings: Options from a JSON file, or from the metadata of a picture painted earlier.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    chosen, runtime = choose(flags, preset, settings)
    if paper is not None and "size" in given_flags(flags):
        raise InputError("print and size both say how large the picture is; give one of them.")
    if processes < 1:
        raise InputError(f"processes cannot be {processes}; it takes a whole number, at least 1.")
    job = Job(
        content=content,
        styles=tuple(map(StyleSource.parse, (style, *styles))),
        initial=initial,
        keep=keep,
        focus=focus,
        print_size=paper,
        settings=chosen,
        runtime=runtime,
        output=output,
        **given_flags(files),
    )
    carry_out(job, watch, processes=processes)


def demo(
    *,
    output: Output = Path("demo.png"),
    painting: Path | None = None,
    files: OutputFlags = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint matplotlib's sample photograph in the style of a painting that impasto paints itself.

    Args:
        output: Where to save the picture.
        painting: A file to save the painting in.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    chosen, runtime = choose(flags)
    given = given_flags(files)
    if painting is not None:
        check_output(painting, overwrite=bool(given.get("overwrite")))
    from impasto.images import Picture, check_suffix  # noqa: PLC0415 (torch)
    from impasto.recipes import demo  # noqa: PLC0415

    style = Picture(demo.painting())
    if painting is not None:
        style.save(check_suffix(painting), overwrite=bool(given.get("overwrite")))
    sources = StyleSource(picture=style)
    job = Job(content=demo.photograph(), styles=(sources,), settings=chosen, runtime=runtime, output=output, **given)
    carry_out(job, watch)


def texture(
    style: str,
    /,
    *styles: str,
    output: Output,
    shape: str = "1:1",
    files: OutputFlags = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint a texture of any size in the style of a sample, from noise and without a photograph.

    Strokes are as large as in the sample at its own size, times --style-scale. Options that are not given are those of
    the preset texture.

    Args:
        style: The sample, perhaps with a weight, a scale and a mask: SAMPLE,weight=2,scale=0.5,mask=FILE.
        styles: More samples, blended with the first.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        shape: Width to height of the texture.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    chosen, runtime = choose(flags, "texture")
    samples = tuple(map(StyleSource.parse, (style, *styles)))
    carry_out(
        Job(styles=samples, shape=shape, settings=chosen, runtime=runtime, output=output, **given_flags(files)), watch
    )


def reconstruct(
    content: Path,
    /,
    *,
    output: Output,
    files: OutputFlags = None,
    watch: Watch | None = None,
    flags: Flags = None,
) -> None:
    """Paint CONTENT from its features at --content-layers alone, without a style: the preset reconstruction.

    Mahendran and Vedaldi, *Understanding Deep Image Representations by Inverting Them*, CVPR 2015; figure 1 of Gatys et
    al. 2016.

    Args:
        content: The photograph.
        output: Where to save the picture: a .png, .jpg, .webp or .tif file.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    chosen, runtime = choose(flags, "reconstruction")
    carry_out(Job(content=content, settings=chosen, runtime=runtime, output=output, **given_flags(files)), watch)
