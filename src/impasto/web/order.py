"""An order: what is asked for, as JSON. It is a job whose files are uploads, and it names no path of the system.

It takes the fields of a job that a stranger may set: no outputs, no import path of a loss, no file of weights.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from impasto.film.film import Film
from impasto.jobs.job import AUTO, FACES, Job, StyleSource
from impasto.settings import Options, Runtime, Settings, preset
from impasto.settings.choices import Color, ColorMatch
from impasto.settings.options import option
from impasto.web.store import FILM_PATTERN, PICTURE_PATTERN

__all__ = ["Format", "Order", "StyleOrder"]

Format = Literal["png", "jpg", "webp", "tif"]
"""The format of a picture that is painted."""

CHECKPOINT_SECONDS = 5.0
"""The least seconds from one checkpoint to the next, where an order does not say: a page is closed at any moment."""


def _fits(pattern: str) -> AfterValidator:
    """Return a validator that accepts None and what a pattern matches."""

    def check(value: str | None) -> str | None:
        if value is not None and not re.fullmatch(pattern, value):
            raise ValueError("not an upload")
        return value

    return AfterValidator(check)


_ACCEPTS = "the id of an upload that is a picture"
_Picture = Annotated[str, _fits(PICTURE_PATTERN), _ACCEPTS]
_Content = Annotated[str | None, _fits(f"{PICTURE_PATTERN}|{FILM_PATTERN}"), "the id of an upload"]
_MASK_PATTERN = f"(?:{PICTURE_PATTERN})(?:#[0-9a-fA-F]{{6}})?|{FACES}"
_ACCEPTED_MASKS = f"{_ACCEPTS}, id#rrggbb for one color of it, or {FACES}"
_Mask = Annotated[str | None, _fits(_MASK_PATTERN), _ACCEPTED_MASKS]
_Focus = Annotated[str | None, _fits(f"{_MASK_PATTERN}|{AUTO}"), f"{_ACCEPTED_MASKS}, or {AUTO}"]


class StyleOrder(Options):
    """A painting of an order, with what a job's style has."""

    owner: ClassVar[str] = "a style's "

    picture: _Picture
    """The painting."""
    weight: float = StyleSource.model_fields["weight"]  # pyright: ignore[reportAssignmentType] (the field of a job)
    scale: float = StyleSource.model_fields["scale"]  # pyright: ignore[reportAssignmentType]
    mask: _Mask = None
    region: _Mask = None
    color: Color | None = StyleSource.model_fields["color"]  # pyright: ignore[reportAssignmentType]
    color_match: ColorMatch | None = StyleSource.model_fields["color_match"]  # pyright: ignore[reportAssignmentType]


class Order(Options):
    """A picture that is asked for. Frozen."""

    title: ClassVar[str] = "the job"

    name: str = option("", "Picture", "What the gallery calls the picture.", "text of at most 200 letters")
    content: _Content = None
    """The photograph, or a film; without one, a texture is painted."""
    styles: Annotated[tuple[StyleOrder, ...], 'a list of paintings, each as {"picture": ID}'] = ()
    """The paintings."""
    initial: _Picture | None = None
    """The picture that painting starts from."""
    keep: _Mask = None
    """A mask of what stays as it is in the photograph."""
    focus: _Focus = AUTO
    """A mask of where the photograph counts more, by the setting focus_weight; auto finds faces, if it shows some."""
    shape: str = Job.model_fields["shape"]  # pyright: ignore[reportAssignmentType]
    print_size: str | None = Job.model_fields["print_size"]  # pyright: ignore[reportAssignmentType]
    fill: bool = Job.model_fields["fill"]  # pyright: ignore[reportAssignmentType]
    preset: str = option("default", "Basics", "A named set of changes to the settings, on which the settings build.")
    format: Format = option("png", "File", "The format of the file.")
    film: Annotated[dict[str, Any], 'an object of options, such as {"start": 5, "end": 15}'] = Field(
        default_factory=dict
    )
    """The options of the film that differ from the defaults, where the content is one."""
    settings: Annotated[dict[str, Any], 'an object of options, such as {"size": 1024}'] = Field(default_factory=dict)
    """The options of what the picture will be that differ from the preset's."""
    runtime: Annotated[dict[str, Any], 'an object of options, such as {"seconds": 30}'] = Field(default_factory=dict)
    """The options of how the picture is computed that differ from the defaults."""

    @model_validator(mode="after")
    def _can_be_painted(self) -> Self:
        weights = self.all_settings.weights
        if weights not in {"codebook", "torchvision"}:
            raise ValueError(f"weights cannot be {weights} here; it takes codebook or torchvision.")
        if self.content is None and not self.styles:
            raise ValueError("there is nothing to paint; give a photograph, and a painting for its style.")
        if len(self.name) > 200:
            raise ValueError("name is too long; it takes at most 200 letters.")
        self._check_film()
        _ = self.job(Path())
        return self

    def _check_film(self) -> None:
        """Refuse options of a film without a film, and options that a film does not have."""
        if self.is_film:
            if not self.styles:
                raise ValueError("there is no painting for the style of the film; give one.")
            if self.format != "png":
                raise ValueError("format is for pictures, and cannot be used in a film; leave it out.")
            if "job" in self.film:
                raise ValueError("there is no option job in film; give its options as settings and runtime.")
            self.as_film(Path()).check()
        elif self.film:
            raise ValueError("film is for a film, and cannot be used where the content is a picture; leave it out.")

    @cached_property
    def json_fields(self) -> dict[str, Any]:
        """The fields that differ from the defaults, as JSON has them."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def all_settings(self) -> Settings:
        """The settings of the preset, with the changes of the order."""
        return preset(self.preset).replace(**self.settings)

    @property
    def is_film(self) -> bool:
        """Whether a film is painted."""
        return self.content is not None and re.fullmatch(FILM_PATTERN, self.content) is not None

    @property
    def result(self) -> str:
        """The name of the file of the picture or film: one that browsers play."""
        if self.is_film:
            return "result.webm" if str(self.content).endswith(".webm") else "result.mp4"
        return f"result.{self.format}"

    @property
    def uploads(self) -> list[str]:
        """The identifiers of the pictures and masks of the order, each once."""
        masks = (self.keep, self.focus, *(mask for style in self.styles for mask in (style.mask, style.region)))
        sources = (self.content, self.initial, *(style.picture for style in self.styles), *masks)
        files = (source for source in sources if source and source not in {FACES, AUTO})
        return list(dict.fromkeys(source.partition("#")[0] for source in files))

    def job(self, folder: Path, device: str = "auto") -> Job:
        """Return the job that paints the order, or each frame of its film.

        Args:
            folder: The folder of the job, with its inputs.
            device: The device that computes, where the order does not name one.

        Returns:
            The job, whose files are all in the folder.

        """

        def path(identifier: str | None) -> Path | None:
            return None if identifier is None else folder / "inputs" / identifier

        def mask(identifier: str | None) -> str | None:
            return identifier if identifier in {None, FACES, AUTO} else str(path(identifier))

        def source(style: StyleOrder) -> StyleSource:
            files: dict[str, Any] = {
                "picture": path(style.picture),
                "mask": mask(style.mask),
                "region": mask(style.region),
            }
            return StyleSource(**{**dict(style), **files})

        return Job(
            content=path(self.content),
            styles=tuple(map(source, self.styles)),
            initial=path(self.initial),
            keep=mask(self.keep),
            focus=mask(self.focus),
            shape=self.shape,
            print_size=self.print_size,
            fill=self.fill,
            settings=self.all_settings,
            runtime=Runtime(device=device, checkpoint_every=CHECKPOINT_SECONDS).replace(**self.runtime),
            output=folder / self.result,
            checkpoint=None if self.is_film else folder / "run.checkpoint",
            overwrite=True,
        )

    def as_film(self, folder: Path, device: str = "auto") -> Film:
        """Return the film that is painted, where the content is one.

        Args:
            folder: The folder of the job, with its inputs.
            device: The device that computes, where the order does not name one.

        """
        values: dict[str, Any] = {**self.film, "job": self.job(folder, device)}
        return Film(**values)

    def changed(self, changes: dict[str, Any]) -> Self:
        """Return the order with changes; settings, runtime and film are merged, and an option that is null is set back.

        Raises:
            SettingsError: a name or a value is not accepted.

        """
        merged = dict(changes)
        for name in ("settings", "runtime", "film"):
            if isinstance(changes.get(name), dict):
                values = {**getattr(self, name), **changes[name]}
                merged[name] = {key: value for key, value in values.items() if value is not None}
        return type(self)(**{**self.model_dump(mode="json"), **merged})


FORMATS = get_args(Format)
"""The formats of a picture that is painted."""
