"""A job as data: the files and options of one picture, and where it is saved.

The command makes a job from its flags. A job opens no file and needs no torch.
"""

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from impasto.errors import InputError
from impasto.files import exists, split_label
from impasto.recipes.print_size import PrintSize
from impasto.settings import Options, Runtime, Settings
from impasto.settings.choices import Color, ColorMatch, one_of
from impasto.settings.limits import MAX_STYLE_SCALE
from impasto.settings.options import option

if TYPE_CHECKING:
    from impasto.images import Picture

__all__ = [
    "AUTO",
    "CHANGEABLE",
    "DATA_URI",
    "FACES",
    "IN_MEMORY",
    "NOTE_FIELDS",
    "Change",
    "Job",
    "Source",
    "StyleSource",
    "source_name",
]

DATA_URI = "data:image/png;base64,"
"""The first characters of a picture that is written into the JSON of a job instead of a path."""

FACES = "faces"
"""The mask of the faces that a picture shows, in place of the path of a mask; `./faces` is the path of such a file."""

AUTO = "auto"
"""The focus on the faces of a photograph or of a film, if it shows some."""

_ACCEPTED_MASKS = f"FILE, FILE#rrggbb or {FACES}"

_STYLE_OPTIONS = ("weight", "scale", "mask", "region", "color", "color_match")
"""The options of a style that may follow its path."""


def _check_source(value: object) -> object:
    """Accept a path, a data URI or a picture in memory."""
    if isinstance(value, str) and not value.startswith(DATA_URI):
        return Path(value)
    if value is None or isinstance(value, str | Path) or hasattr(value, "in_profile"):  # a Picture, without torch
        return value
    raise ValueError("neither a path nor a picture")


def _source_text(value: "str | Path | Picture") -> str:
    """Return the JSON text of a source; a picture in memory becomes a PNG file in base64."""
    return str(value) if isinstance(value, str | Path) else DATA_URI + base64.b64encode(value.png()).decode()


Source = Annotated[
    Any,
    BeforeValidator(_check_source),
    PlainSerializer(_source_text, return_type=str, when_used="json-unless-none"),
    f"the path of a picture, a picture, or its PNG file as {DATA_URI}…",
]
"""A picture: the path of its file, a `Picture`, or a PNG file as a data URI."""


def _check_present(value: object) -> object:
    """Refuse a source that is missing."""
    if value is None:
        raise ValueError("no picture")
    return value


_SHAPE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?):(\d{1,9}(?:\.\d{1,9})?)")


def _check_shape(value: object) -> object:
    """Refuse a value that is not two numbers above 0 with a colon between them."""
    match = _SHAPE.fullmatch(str(value))
    if not (match and min(map(float, match.groups())) > 0):
        raise ValueError("not a shape")
    return value


class StyleSource(Options):
    """A style image of a job, with its weight, scale, mask, region and colors."""

    owner: ClassVar[str] = "a style's "

    picture: Annotated[Source, AfterValidator(_check_present)]
    """The painting."""
    weight: float = option(1.0, "Style", "Weight relative to the other styles of its region.", ge=0)
    scale: float = option(
        1.0, "Style", "Size of its strokes, multiplied by the style_scale of the settings.", gt=0, le=MAX_STYLE_SCALE
    )
    mask: str | None = option(None, "Style", "Part of the painting that counts.", _ACCEPTED_MASKS)
    region: str | None = option(None, "Style", "Part of the picture that it paints.", _ACCEPTED_MASKS)
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

        Args:
            text: The path of a painting, and its options behind commas.

        Returns:
            The style.

        Raises:
            InputError: an option of the style is unknown, given twice, or its value is not accepted.

        """
        path, options = _split_style(text)
        values: dict[str, Any] = {}
        for name, value in options:
            if name in values:
                raise InputError(f"a style has one {name}, not both {values[name]} and {value}; give it once.")
            values[name] = value
        return cls(picture=path, **values)


class Job(Options):
    """One picture to paint. Frozen; equal jobs paint equal pictures."""

    title: ClassVar[str] = "the job"

    content: Source = None
    """The photograph; without one, a texture of the shape `shape` is painted."""
    styles: tuple[StyleSource, ...] = ()
    """The paintings, blended by their weights in each region."""
    initial: Source = None
    """The picture that the run starts from, in place of the one that `settings.init` names."""
    keep: str | None = option(None, "Picture", "A mask of what stays as it is in the photograph.", _ACCEPTED_MASKS)
    focus: str | None = option(
        AUTO,
        "Picture",
        "A mask of where the photograph counts more; auto finds its faces, if it shows some.",
        f"{_ACCEPTED_MASKS}, or {AUTO}",
    )
    shape: Annotated[str, BeforeValidator(_check_shape)] = option(
        "1:1", "Picture", "Width to height of a texture.", "width to height, such as 3:2"
    )
    print_size: str | None = option(
        None,
        "Picture",
        "Paint as large as fits on paper, at --dpi or else at 300 pixels per inch.",
        "30x40cm, 8x10in, 200x300mm and the like",
    )
    fill: bool = option(
        False, "Picture", "Crop the photograph so that it fills the sheet of the print; otherwise there are margins."
    )
    losses: tuple[str, ...] = ()
    """Losses added to those of the settings, by import path: `package.module:Name`."""
    settings: Settings = Field(default_factory=Settings)
    """The options of what the picture will be."""
    runtime: Runtime = Field(default_factory=Runtime)
    """The options of how the picture is computed."""
    changes: "tuple[Change, ...]" = ()
    """Changes in the middle of the run, in their order."""
    output: Path | None = None
    """Where the picture is saved: a .png, .jpg, .webp or .tif file; None if it stays in memory."""
    overwrite: bool = option(False, "Output", "Replace files that exist already.")
    save_every: int = option(
        0, "Output", "Save the picture so far every N evaluations, as OUTPUT-00050.png and so on; 0 means never.", ge=0
    )
    preview: Path | None = option(
        None, "Output", "Save the picture so far in this file every few seconds, to watch it grow.", "a path"
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

    @model_validator(mode="after")
    def _fits_on_paper(self) -> Self:
        if self.print_size is not None:
            PrintSize.parse(self.print_size, self.settings.dpi)
        return self

    @property
    def proportions(self) -> tuple[float, float]:
        """Width and height of a texture, in any unit."""
        width, height = self.shape.split(":")
        return float(width), float(height)

    @property
    def inputs(self) -> list[Path]:
        """The files that the job reads."""
        masks = [mask for style in self.styles for mask in (style.mask, style.region)]
        masks = [mask for mask in (*masks, self.keep, self.focus) if mask and mask not in {FACES, AUTO}]
        files = [Path(split_label(mask)[0]) for mask in masks]
        pictures = (self.content, self.initial, *(style.picture for style in self.styles))
        return [source for source in (*pictures, *files) if isinstance(source, Path)]

    @property
    def has_pictures(self) -> bool:
        """Whether a source of the job, or of one of its changes, is a picture in memory."""
        return _without_pictures(self) != self

    @property
    def all_inputs(self) -> list[Path]:
        """The files that the job and its changes read, each once."""
        return list(dict.fromkeys(path for job in (self, *(each.job for each in self.changes)) for path in job.inputs))

    def with_files(self, names: Mapping[str, str]) -> "Job":
        """Return the job with other files instead of the ones it reads.

        Args:
            names: The paths of the other files, by the paths of the job's.

        Returns:
            The job.

        """
        return type(self)(**_with_paths(self.model_dump(), names))

    def current(self, count: int | None = None) -> "Job":
        """Return the job after its first `count` changes, or after all of them: what is painted then.

        Args:
            count: The number of changes; None means all.

        Returns:
            The job, with the files that it writes and its changes as before.

        """
        changes = self.changes[:count]
        if not changes:
            return self
        return self.replace(**changes[-1].job.changeable)

    @property
    def changeable(self) -> dict[str, Any]:
        """The fields that a change may replace, by name."""
        return {name: getattr(self, name) for name in CHANGEABLE}

    def changed(self, after: int, job: "Job", *, through: str = "") -> "Job":
        """Return the job with one more change.

        Args:
            after: The number of evaluations before the change.
            job: What is painted from then on; of its fields only those in `CHANGEABLE` count.
            through: The suffix of the file that the picture went through before the change; empty: none.

        Returns:
            The job.

        """
        change = Change(after=after, through=through, job=Job(**job.changeable))
        return self.replace(changes=(*self.changes, change))

    def with_painted_settings(self, change_count: int, settings: Settings) -> "Job":
        """Return the job with the settings that paint the same picture again, in which a budget of time is resolved.

        Args:
            change_count: The number of changes that the run had made; the settings are those after the last of them.
            settings: The settings that `Run.painted_settings` returned.

        Returns:
            The job, with these settings in place of its own or of those of its change.

        """
        if change_count == 0:
            return self.replace(settings=settings)
        change = self.changes[change_count - 1]
        changed = change.replace(job=change.job.replace(settings=settings))
        return self.replace(changes=(*self.changes[: change_count - 1], changed, *self.changes[change_count:]))

    @property
    def description(self) -> str:
        """What is painted from what, in words: `photo.jpg in the style of a.jpg and b.jpg`."""
        styles = _enumeration([_style_name(style) for style in self.styles])
        if self.content is None:
            return f"a texture like {styles}"
        content = source_name(self.content)
        return f"{content} in the style of {styles}" if self.styles else f"{content} from its features"

    @property
    def note(self) -> dict[str, Any]:
        """The names of the job's files and what else it takes to paint the picture again, as metadata have it.

        The settings are left out, since metadata have them, except where a change replaced them.
        """
        job = _without_pictures(self)
        left_out = set[str]() if self.changes else {"settings"}
        return {"job": job.model_dump(mode="json", include=NOTE_FIELDS - left_out, exclude_defaults=True)}


IN_MEMORY = Path("(a picture in memory)")
"""What metadata say instead of the path of a picture that has none."""


def _without_pictures(job: Job) -> Job:
    """Return a job with a remark in place of each picture in memory."""
    return job.replace(
        styles=tuple(style.replace(picture=_file_path(style.picture)) for style in job.styles),
        content=_file_path(job.content),
        initial=_file_path(job.initial),
        changes=tuple(each.replace(job=_without_pictures(each.job)) for each in job.changes),
    )


class Change(Options):
    """A change in the middle of a run."""

    title: ClassVar[str] = "the change"

    after: int = Field(ge=0)
    """The number of evaluations before the change."""
    through: str = ""
    """The suffix of the file that the picture was saved in and read from before the change, which rounds colors; empty:
    none, the run went on as it was."""
    job: Job
    """What is painted from then on: the pictures, masks, settings and print of this job."""


Job.model_rebuild()

CHANGEABLE = ("content", "styles", "keep", "focus", "print_size", "fill", "settings")
"""The fields of a job that a change may replace."""

NOTE_FIELDS = {*CHANGEABLE, "initial", "shape", "losses", "changes"}
"""The fields of a job on which its picture depends; metadata repeat them, and have the settings in their own place."""


def _with_paths(value: Any, names: Mapping[str, str]) -> Any:
    """Return the values of a job with other paths; a color may stand behind that of a mask."""
    if isinstance(value, dict):
        return {name: _with_paths(item, names) for name, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, tuple):
        return [_with_paths(item, names) for item in cast("tuple[Any, ...]", value)]
    if isinstance(value, str | Path):
        path, _, color = str(value).rpartition("#")
        full_path, mask_path = str(Path(value)), str(Path(path))  # as in `Job.inputs`: ./a.png is a.png
        return names.get(full_path) or (f"{names[mask_path]}#{color}" if mask_path in names else value)
    return value


def _file_path(source: object) -> Path | None:
    """Return the path of a source, and `IN_MEMORY` for a picture without one."""
    return source if source is None or isinstance(source, Path) else IN_MEMORY


def source_name(source: "str | Path | Picture") -> str:
    """Return what people are told that a source is.

    Args:
        source: A path, a picture in memory, or its PNG file as a data URI.

    Returns:
        The name of the file without its folder, or the title of the picture.

    """
    if isinstance(source, Path):
        return source.name
    return "a picture in memory" if isinstance(source, str) else source.title


def _style_name(style: StyleSource) -> str:
    """Return the name of a style, with the region that it paints."""
    return source_name(style.picture) + (f" (in {Path(style.region).name})" if style.region else "")


def _enumeration(names: list[str]) -> str:
    """Write names as `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


_OPTION_BOUNDARY = re.compile(rf",(?=(?:{'|'.join(_STYLE_OPTIONS).replace('_', '[-_]')})=)")
_OPTION_NAME = re.compile(r",([\w-]+)=")


def _split_style(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Split the text of a style into its path and its options; the path is the longest one of an existing file."""
    pieces = _OPTION_BOUNDARY.split(text)
    count = next((n for n in range(len(pieces), 0, -1) if exists(",".join(pieces[:n]))), 1)
    path, options = ",".join(pieces[:count]), [_split_option(option) for option in pieces[count:]]
    for piece in (path, *(value for _, value in options)):
        unknown = _OPTION_NAME.search(piece)
        if unknown and not exists(piece):
            raise InputError(f"a style has no option {unknown[1]}; its options are {', '.join(_STYLE_OPTIONS)}.")
    return path, options


def _split_option(option: str) -> tuple[str, str]:
    """Split `color-match=sym` into the name `color_match` and its value."""
    name, _, value = option.partition("=")
    return name.replace("-", "_"), value
