"""A job as data: the files and options of one picture, and where it is saved.

The command makes a job from its flags. A job opens no file and needs no torch.
"""

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from impasto.errors import InputError
from impasto.files import exists
from impasto.settings import Options, Runtime, Settings
from impasto.settings.choices import Color, ColorMatch, one_of
from impasto.settings.limits import MAX_STYLE_SCALE
from impasto.settings.options import option

if TYPE_CHECKING:
    from impasto.images import Picture

__all__ = ["DATA_URI", "Job", "Source", "StyleSource"]

DATA_URI = "data:image/png;base64,"
"""The first characters of a picture that stands in the JSON of a job in place of a path."""

_STYLE_OPTIONS = ("weight", "scale", "mask", "region", "color", "color_match")
"""The options of a style that may follow its path."""


def _source(value: object) -> object:
    """Accept a path, a data URI or a picture in memory."""
    if isinstance(value, str) and not value.startswith(DATA_URI):
        return Path(value)
    if value is None or isinstance(value, str | Path) or hasattr(value, "in_profile"):  # a Picture, without torch
        return value
    raise ValueError("neither a path nor a picture")


def _written(value: "str | Path | Picture") -> str:
    """Return the JSON text of a source; a picture in memory becomes a PNG file in base64."""
    return str(value) if isinstance(value, str | Path) else DATA_URI + base64.b64encode(value.png()).decode()


Source = Annotated[
    Any,
    BeforeValidator(_source),
    PlainSerializer(_written, return_type=str, when_used="json-unless-none"),
    f"the path of a picture, a picture, or its PNG file as {DATA_URI}…",
]
"""A picture: the path of its file, a `Picture`, or a PNG file as a data URI."""


def _given(value: object) -> object:
    """Refuse a source that is missing."""
    if value is None:
        raise ValueError("no picture")
    return value


class StyleSource(Options):
    """A style image of a job, with its weight, scale, mask, region and colors."""

    owner: ClassVar[str] = "a style's "

    picture: Annotated[Source, AfterValidator(_given)]
    """The painting."""
    weight: float = option(1.0, "Style", "Weight relative to the other styles of its region.", ge=0)
    scale: float = option(
        1.0, "Style", "Size of its strokes, multiplied by the style_scale of the settings.", gt=0, le=MAX_STYLE_SCALE
    )
    mask: str | None = option(None, "Style", "Part of the painting that counts.", "FILE or FILE#rrggbb")
    region: str | None = option(None, "Style", "Part of the picture that it paints.", "FILE or FILE#rrggbb")
    color: Color | None = option(
        None, "Style", "Colors of what it paints, in place of the color of the settings.", one_of(get_args(Color))
    )
    color_match: ColorMatch | None = option(
        None, "Style", "How content-match matches its colors.", one_of(get_args(ColorMatch))
    )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `PAINTING,weight=2,scale=0.5,mask=FILE,region=FILE,color=content-luminance,color_match=sym`.

        The path of an existing file may hold such words. A name may have a hyphen, as a flag has: `color-match`.

        Raises:
            InputError: an option of the style is unknown, given twice, or its value is not accepted.

        """
        path, words = _parts(text)
        given: dict[str, Any] = {}
        for name, value in words:
            if name in given:
                raise InputError(f"a style has one {name}, not both {given[name]} and {value}; give it once.")
            given[name] = value
        return cls(picture=path, **given)


class Job(Options):
    """One picture to paint. Frozen; equal jobs paint equal pictures."""

    title: ClassVar[str] = "the job"

    content: Source = None
    """The photograph; without one, a texture of the shape `shape` is painted."""
    styles: tuple[StyleSource, ...] = ()
    """The paintings, blended by their weights in each region."""
    initial: Source = None
    """The picture that the run starts from, in place of the one that `settings.init` names."""
    keep: str | None = option(
        None, "Picture", "A mask of what stays as it is in the photograph.", "FILE or FILE#rrggbb"
    )
    focus: str | None = option(
        None, "Picture", "A mask of where the photograph counts more, such as a face.", "FILE or FILE#rrggbb"
    )
    shape: str = option("1:1", "Picture", "Width to height of a texture.", "width to height, such as 3:2")
    print_size: str | None = option(
        None,
        "Picture",
        "Paint as large as fits on paper, at --dpi or else at 300 pixels per inch.",
        "30x40cm, 8x10in, 200x300mm and the like",
    )
    losses: tuple[str, ...] = ()
    """Losses added to those of the settings, by import path: `package.module:Name`."""
    settings: Settings = Field(default_factory=Settings)
    """The options of what the picture will be."""
    runtime: Runtime = Field(default_factory=Runtime)
    """The options of how the picture is computed."""
    output: Path | None = None
    """Where the picture is saved: a .png, .jpg, .webp or .tif file; None if it stays in memory."""
    overwrite: bool = option(False, "Output", "Replace files that exist already.")
    save_every: int = option(
        0, "Output", "Save the picture so far every N evaluations, as OUTPUT-00050.png and so on; 0 means never.", ge=0
    )
    plot: Path | None = option(None, "Output", "Draw the losses over time to this .png, .svg or .pdf file.", "a path")
    checkpoint: Path | None = option(
        None,
        "Output",
        "File of the checkpoint, from which the same job continues if it was ended early; it is deleted when the "
        "picture is done. The default is OUTPUT.checkpoint.",
        "a path",
    )
    allow_large: bool = option(False, "Output", "Open pictures of more than 100 million pixels.")

    @property
    def inputs(self) -> list[Path]:
        """The files that the job reads."""
        masks = [mask for style in self.styles for mask in (style.mask, style.region)]
        files = [Path(mask.rpartition("#")[0] or mask) for mask in (*masks, self.keep, self.focus) if mask is not None]
        pictures = (self.content, self.initial, *(style.picture for style in self.styles))
        return [source for source in (*pictures, *files) if isinstance(source, Path)]


_BOUNDARY = re.compile(rf",(?=(?:{'|'.join(_STYLE_OPTIONS).replace('_', '[-_]')})=)")
_UNKNOWN = re.compile(r",([\w-]+)=")


def _parts(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Split the text of a style into its path and its options; the path is the longest one of an existing file."""
    pieces = _BOUNDARY.split(text)
    count = next((n for n in range(len(pieces), 0, -1) if exists(",".join(pieces[:n]))), 1)
    path, words = ",".join(pieces[:count]), [_word(piece) for piece in pieces[count:]]
    for said in (path, *(value for _, value in words)):
        unknown = _UNKNOWN.search(said)
        if unknown and not exists(said):
            raise InputError(f"a style has no option {unknown[1]}; its options are {', '.join(_STYLE_OPTIONS)}.")
    return path, words


def _word(piece: str) -> tuple[str, str]:
    name, _, value = piece.partition("=")
    return name.replace("-", "_"), value
