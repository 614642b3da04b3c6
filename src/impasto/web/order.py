"""An order: what is asked for, as JSON. It is a job whose files are uploads, and it names no path of the system.

It takes the fields of a job that a stranger may set: no outputs, no import path of a loss, no file of weights.
"""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from impasto.jobs.job import Job, StyleSource
from impasto.recipes.print_size import PrintSize
from impasto.settings import Options, Runtime, Settings, preset
from impasto.settings.choices import Color, ColorMatch
from impasto.settings.options import option
from impasto.web.store import UPLOAD_PATTERN

__all__ = ["Format", "Order", "StyleOrder"]

Format = Literal["png", "jpg", "webp", "tif"]
"""The format of a picture that is painted."""

CHECKPOINT_SECONDS = 5.0
"""The least seconds from one checkpoint to the next, where an order does not say: a page is closed at any moment."""

_PICTURE = re.compile(UPLOAD_PATTERN)
_MASK = re.compile(rf"(?:{UPLOAD_PATTERN})(?:#[0-9a-fA-F]{{6}})?")


def _uploaded(value: str) -> str:
    if not _PICTURE.fullmatch(value):
        raise ValueError("not an upload")
    return value


def _mask(value: str | None) -> str | None:
    if value is not None and not _MASK.fullmatch(value):
        raise ValueError("not an upload")
    return value


_ACCEPTS = "the id of an upload"
_Picture = Annotated[str, AfterValidator(_uploaded), _ACCEPTS]
_Mask = Annotated[str | None, AfterValidator(_mask), f"{_ACCEPTS}, or id#rrggbb for one color of it"]


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
    content: Annotated[str | None, AfterValidator(lambda value: value and _uploaded(value)), _ACCEPTS] = None
    """The photograph; without one, a texture is painted."""
    styles: Annotated[tuple[StyleOrder, ...], 'a list of paintings, each as {"picture": ID}'] = ()
    """The paintings."""
    initial: Annotated[str | None, AfterValidator(lambda value: value and _uploaded(value)), _ACCEPTS] = None
    """The picture that painting starts from."""
    keep: _Mask = None
    """A mask of what stays as it is in the photograph."""
    focus: _Mask = None
    """A mask of where the photograph counts more, by the setting focus_weight."""
    shape: str = Job.model_fields["shape"]  # pyright: ignore[reportAssignmentType]
    print_size: str | None = Job.model_fields["print_size"]  # pyright: ignore[reportAssignmentType]
    fill: bool = Job.model_fields["fill"]  # pyright: ignore[reportAssignmentType]
    preset: str = option("default", "Basics", "A named set of changes to the settings, on which the settings build.")
    format: Format = option("png", "File", "The format of the file.")
    settings: Annotated[dict[str, Any], 'an object of options, such as {"size": 1024}'] = Field(default_factory=dict)
    """The options of what the picture will be that differ from the preset's."""
    runtime: Annotated[dict[str, Any], 'an object of options, such as {"seconds": 30}'] = Field(default_factory=dict)
    """The options of how the picture is computed that differ from the defaults."""

    @model_validator(mode="after")
    def _can_be_painted(self) -> Self:
        weights = self.chosen.weights
        if weights not in {"codebook", "torchvision"}:
            raise ValueError(f"weights cannot be {weights} here; it takes codebook or torchvision.")
        if self.content is None and not self.styles:
            raise ValueError("there is nothing to paint; give a photograph, and a painting for its style.")
        if self.print_size is not None:
            PrintSize.parse(self.print_size, self.chosen.dpi)
        if len(self.name) > 200:
            raise ValueError("name is too long; it takes at most 200 letters.")
        _ = self._runtime()
        return self

    @cached_property
    def written(self) -> dict[str, Any]:
        """The order as JSON has it, without what is as by default."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def chosen(self) -> Settings:
        """The settings: those of the preset with the changes of the order."""
        return preset(self.preset).replace(**self.settings)

    def _runtime(self, device: str = "auto") -> Runtime:
        """Return the options of how the picture is computed, on a device unless the order names one."""
        return Runtime(device=device, checkpoint_every=CHECKPOINT_SECONDS).replace(**self.runtime)

    @property
    def uploads(self) -> list[str]:
        """The identifiers of the pictures and masks of the order, each once."""
        masks = (self.keep, self.focus, *(mask for style in self.styles for mask in (style.mask, style.region)))
        found = (self.content, self.initial, *(style.picture for style in self.styles), *masks)
        return list(dict.fromkeys(each.partition("#")[0] for each in found if each is not None))

    def job(self, folder: Path, device: str = "auto") -> Job:
        """Return the job that paints the order.

        Args:
            folder: The folder of the job, with its inputs.
            device: The device that computes, where the order does not name one.

        Returns:
            The job, whose files are all in the folder.

        """

        def path(identifier: str | None) -> Path | None:
            return None if identifier is None else folder / "inputs" / identifier

        def mask(identifier: str | None) -> str | None:
            return None if identifier is None else str(path(identifier))

        def style(each: StyleOrder) -> StyleSource:
            files: dict[str, Any] = {
                "picture": path(each.picture),
                "mask": mask(each.mask),
                "region": mask(each.region),
            }
            return StyleSource(**{**dict(each), **files})

        return Job(
            content=path(self.content),
            styles=tuple(map(style, self.styles)),
            initial=path(self.initial),
            keep=mask(self.keep),
            focus=mask(self.focus),
            shape=self.shape,
            print_size=self.print_size,
            fill=self.fill,
            settings=self.chosen,
            runtime=self._runtime(device),
            output=folder / f"result.{self.format}",
            checkpoint=folder / "run.checkpoint",
            overwrite=True,
        )

    def changed(self, changes: dict[str, Any]) -> Self:
        """Return the order with changes; settings and runtime are merged, and a setting that is null is set back.

        Raises:
            SettingsError: a name or a value is not accepted.

        """
        merged = dict(changes)
        for name in ("settings", "runtime"):
            if isinstance(changes.get(name), dict):
                values = {**getattr(self, name), **changes[name]}
                merged[name] = {key: value for key, value in values.items() if value is not None}
        return type(self)(**{**self.model_dump(mode="json"), **merged})


FORMATS = get_args(Format)
"""The formats of a picture that is painted."""
