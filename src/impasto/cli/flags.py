"""Flags, made from the options of Settings, Runtime and Job; each option names the commands that have its flag."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from cyclopts import Group, Parameter

from impasto.cli.help import BASICS
from impasto.errors import SettingsError
from impasto.files import exists
from impasto.film.film import UNUSED_OPTIONS, Film
from impasto.jobs.fingerprint import FILES
from impasto.jobs.job import Job
from impasto.settings import PRESETS, Option, Options, Runtime, Settings, preset
from impasto.settings.choices import Command, Init
from impasto.settings.options import as_text

__all__ = [
    "GROUPS",
    "BatchOutputFlags",
    "FiguresFlags",
    "FilmFlags",
    "FilmOutputFlags",
    "Flags",
    "InfoFlags",
    "MeasureFlags",
    "OutputFlags",
    "ReconstructFlags",
    "RepaintFlags",
    "SweepFlags",
    "TextureFlags",
    "choose",
    "given_flags",
    "read_job",
    "split_init",
]


_OPTIONS = [option for model in (Settings, Runtime) for option in model.options()]
_OUTPUT = [option for option in Job.options() if option.group == "Output"]
_ONE_FILE = {"preview", "plot", "checkpoint"}
"""Options that name one file, which many pictures cannot share."""
_FILM = [*Film.options(), *(option for option in _OPTIONS if option.name not in UNUSED_OPTIONS)]
_FILM_OUTPUT = [option for option in _OUTPUT if option.name in {"overwrite", "preview", "allow_large"}]
_HEADINGS = dict.fromkeys((BASICS, "Film", "Watching", "Output", *(option.group for option in _OPTIONS)))
GROUPS = {name: Group(name, sort_key=order) for order, name in enumerate(_HEADINGS, start=1)}
"""The headings of help, in their order."""


def _field(option: Option, *, several: bool) -> tuple[str, Any, Any]:
    """Return the name, type and default of the flag of an option."""
    notes = ("" if option.is_switch else option.accepts, option.default and f"default: {option.default}")
    note = "; ".join(filter(None, notes))
    help = f"{option.help} [{note}]" if note else option.help  # noqa: A001
    kind: Any = (bool | str | None if several else bool | None) if option.is_switch else str | None
    return (
        option.name,
        Annotated[kind, Parameter(help=help, group=GROUPS[option.group], metavar=option.metavar)],
        dataclasses.field(default=None),
    )


def _flags(command: Command, options: Sequence[Option] = _OPTIONS, *, several: bool = False) -> Any:
    """Return the type of a parameter that cyclopts unfolds into the flags of a command.

    Each flag is a text, which the models check, or None. With `several`, a switch also takes a text, so that it can be
    given several values.
    """
    fields = [_field(option, several=several) for option in options if command in option.commands]
    flags = dataclasses.make_dataclass("Flags", fields, kw_only=True, frozen=True)
    flags.__module__ = __name__  # cyclopts does not unfold a class of the module "types", make_dataclass's default
    return Annotated[flags | None, Parameter(name="*")]


def _preset_options(name: str) -> Sequence[Option]:
    """Return the options with the defaults that they have in a preset."""
    changes = PRESETS[name].changes
    return [
        option._replace(default=as_text(changes[option.name])) if option.name in changes else option
        for option in _OPTIONS
    ]


if TYPE_CHECKING:
    Flags = OutputFlags = BatchOutputFlags = FilmFlags = FilmOutputFlags = object | None
    SweepFlags = MeasureFlags = FiguresFlags = InfoFlags = object | None
    TextureFlags = ReconstructFlags = RepaintFlags = object | None
else:
    Flags = _flags("paint")
    TextureFlags = _flags("paint", _preset_options("texture"))
    ReconstructFlags = _flags("paint", _preset_options("reconstruction"))
    RepaintFlags = _flags("paint", [*(each._replace(default="") for each in Settings.options()), *Runtime.options()])
    OutputFlags = _flags("paint", _OUTPUT)
    BatchOutputFlags = _flags("paint", [option for option in _OUTPUT if option.name not in _ONE_FILE])
    FilmFlags = _flags("paint", _FILM)
    FilmOutputFlags = _flags("paint", _FILM_OUTPUT)
    SweepFlags = _flags("sweep", several=True)
    MeasureFlags = _flags("measure")
    FiguresFlags = _flags("figures")
    InfoFlags = _flags("info")
"""The flags of each command; the flags of the command of a preset show its defaults. `Flags` and `OutputFlags` are the
flags of all commands that paint one picture, and `FilmFlags` have the options of a `Film`, too."""


def choose(
    flags: object, preset_name: str | None = None, source: Path | None = None, base: Settings | None = None
) -> tuple[Settings, Runtime]:
    """Return the default options, changed by a settings file, then by a preset, then by flags.

    Args:
        flags: The command's flags, each a text or None; None for no flags.
        preset_name: The name of a preset.
        source: A JSON file, or a picture with settings in its metadata.
        base: Settings in place of the default ones.

    Returns:
        The settings and the runtime.

    Raises:
        SettingsError: a name or value is not accepted, or the file holds no settings.

    """
    values = given_flags(flags)
    settings = base or Settings() if source is None else _read_settings(source)
    if preset_name is not None:
        settings = settings.replace(**preset(preset_name).model_dump(exclude_unset=True))
    return settings.replace(**_fields(Settings, values)), Runtime(**_fields(Runtime, values))


def given_flags(flags: object) -> dict[str, Any]:
    """Return the values of the flags that were given, by the names of the options."""
    return {} if flags is None else {name: value for name, value in vars(flags).items() if value is not None}


def split_init(flags: Any) -> tuple[Any, Path | None]:
    """Return the flags without the path of a picture at --init, and that path, if one is given there."""
    value = given_flags(flags).get("init")
    if value is None or value in get_args(Init) or not (Path(value).suffix or exists(value)):
        return flags, None
    return dataclasses.replace(flags, init=None), Path(value)


def _fields(model: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of flags that are options of a model."""
    return {name: value for name, value in values.items() if name in model.model_fields}


def read_job(picture: Path) -> tuple[dict[str, Any], object]:
    """Read the job of a picture from its metadata.

    Args:
        picture: A picture that impasto painted.

    Returns:
        The fields of the job, such as the paths of its files, and the hashes of these files, for `replaced_file`.

    Raises:
        SettingsError: the metadata hold no job.

    """
    note = _read_impasto_note(picture)
    job = note.get("job")
    if not isinstance(job, dict):
        raise SettingsError(
            f"{picture} does not say what it was painted from; name the files: impasto PHOTO PAINTING --settings "
            f"{picture}."
        )
    return cast("dict[str, Any]", job), note.get(FILES)


def _read_settings(source: Path) -> Settings:
    """Read settings from a JSON file, or from the metadata of a picture painted earlier."""
    if source.suffix.lower() == ".json":
        try:
            text = source.read_bytes()
        except OSError:
            raise SettingsError(f"the settings file {source} cannot be read; give a JSON file or a picture.") from None
        return Settings.from_json(text)
    return Settings.from_json(json.dumps(_read_impasto_note(source)["settings"]))


def _read_impasto_note(picture: Path) -> dict[str, Any]:
    """Read the note that impasto wrote in the metadata of a picture: a JSON object with settings."""
    from impasto.images import read_note  # noqa: PLC0415 (torch)

    with suppress(ValueError):
        note: Any = json.loads(read_note(picture) or "")
        if isinstance(note, dict) and "settings" in note:
            return cast("dict[str, Any]", note)
    raise SettingsError(f"{picture} holds no settings of impasto; give a picture that impasto painted.")
