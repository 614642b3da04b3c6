"""Flags, made from the options of Settings, Runtime and Job; each option names the commands that have its flag."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

from cyclopts import Group, Parameter

from impasto.cli.help import BASICS
from impasto.errors import InputError, SettingsError
from impasto.files import exists
from impasto.film.film import UNUSED_OPTIONS, Film
from impasto.jobs import notes
from impasto.jobs.fingerprint import FILES
from impasto.jobs.job import Job
from impasto.settings import PRESETS, Option, Options, Runtime, Settings, preset
from impasto.settings.choices import Command, Init
from impasto.settings.options import EVERY_COMMAND, as_text

__all__ = [
    "GROUPS",
    "BatchFlags",
    "DemoFlags",
    "FiguresFlags",
    "FilmFlags",
    "Flags",
    "InfoFlags",
    "MeasureFlags",
    "ReconstructFlags",
    "RepaintFlags",
    "SweepFlags",
    "TextureFlags",
    "choose",
    "given_flags",
    "make_job",
    "read_job",
    "read_settings",
]


_OPTIONS = [option for model in (Settings, Runtime) for option in model.options()]
_WITHOUT_DEFAULTS = [option._replace(default="") for option in Settings.options()]
_SOURCES = [
    Option("preset", BASICS, "A set of options that `impasto presets` lists.", metavar="NAME"),
    Option(
        "settings_file", "Picture", "Options from a JSON file, or from a picture that impasto painted.", metavar="FILE"
    ),
]
"""The flags by which options come from somewhere else."""
_JOB = {option.name: option._replace(commands=EVERY_COMMAND) for option in Job.options()}
_MASKS = [_JOB["keep"], _JOB["focus"]]
_PICTURE = [*_MASKS, _JOB["print_size"], _JOB["fill"]]
_OUTPUT = [option for option in _JOB.values() if option.group == "Output"]
_MANY_OUTPUTS = [_JOB["overwrite"], _JOB["save_every"], _JOB["allow_large"]]
"""The options of outputs that do not name one file, which many pictures cannot share."""
_FRAME = [option for option in _OPTIONS if option.name not in UNUSED_OPTIONS]
_FILM_OUTPUT = [_JOB["overwrite"], _JOB["preview"], _JOB["allow_large"]]
_SHEET_OUTPUT = [_JOB["overwrite"], _JOB["allow_large"]]
_HEADINGS = dict.fromkeys((BASICS, "Film", "Watching", "Output", *(option.group for option in _OPTIONS)))
GROUPS = {name: Group(name, sort_key=order) for order, name in enumerate(_HEADINGS, start=1)}
"""The headings of help, in their order."""

_PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "keep": {"metavar": "MASK"},
    "focus": {"metavar": "MASK"},
    "print_size": {"name": "--print", "metavar": "PAPER"},
    "fill": {"negative": "--fit"},
    "shape": {"metavar": "W:H"},
    "settings_file": {"name": "--settings"},
}
"""What cyclopts is told of the flags of some options, besides what the options say."""


def _field(option: Option, *, several: bool) -> tuple[str, Any, Any]:
    """Return the name, type and default of the flag of an option."""
    notes = ("" if option.is_switch else option.accepts, option.default and f"default: {option.default}")
    note = "; ".join(filter(None, notes))
    help = f"{option.help} [{note}]" if note else option.help  # noqa: A001
    kind: Any = (bool | str | None if several else bool | None) if option.is_switch else str | None
    words: dict[str, Any] = {"metavar": option.metavar, **_PARAMETERS.get(option.name, {})}
    return (
        option.name,
        Annotated[kind, Parameter(help=help, group=GROUPS[option.group], **words)],
        dataclasses.field(default=None),
    )


def _flags(command: Command, options: Iterable[Option], *, several: bool = False) -> Any:
    """Return the type of a parameter that cyclopts unfolds into the flags of a command.

    Each flag is a text, which the models check, or None. With `several`, a switch of the settings also takes a text, so
    that it can be given several values.
    """
    fields = [
        _field(option, several=several and option.name in Settings.model_fields)
        for option in options
        if command in option.commands
    ]
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
    Flags = DemoFlags = TextureFlags = ReconstructFlags = RepaintFlags = BatchFlags = FilmFlags = object | None
    SweepFlags = MeasureFlags = FiguresFlags = InfoFlags = object | None
else:
    Flags = _flags("paint", [*_SOURCES, *_OPTIONS, *_PICTURE, *_OUTPUT])
    DemoFlags = _flags("paint", [*_OPTIONS, *_OUTPUT])
    TextureFlags = _flags("paint", [_JOB["shape"], *_preset_options("texture"), *_OUTPUT])
    ReconstructFlags = _flags("paint", [*_preset_options("reconstruction"), *_OUTPUT])
    RepaintFlags = _flags("paint", [*_WITHOUT_DEFAULTS, *Runtime.options(), *_OUTPUT])
    BatchFlags = _flags("paint", [*_SOURCES, *_OPTIONS, *_PICTURE, *_MANY_OUTPUTS])
    FilmFlags = _flags("paint", [*_SOURCES, *Film.options(), *_FRAME, *_MASKS, *_FILM_OUTPUT])
    SweepFlags = _flags("sweep", [*_SOURCES, *_OPTIONS, *_PICTURE, *_SHEET_OUTPUT], several=True)
    MeasureFlags = _flags("measure", [*_OPTIONS, *_MASKS, _JOB["allow_large"]])
    FiguresFlags = _flags("figures", [*_OPTIONS, *_SHEET_OUTPUT])
    InfoFlags = _flags("info", _OPTIONS)
"""The flags of each command; the flags of the command of a preset show its defaults."""


def choose(flags: object, base: Settings | None = None) -> tuple[Settings, Runtime]:
    """Return the default options, changed by a settings file, then by a preset, then by other flags.

    Args:
        flags: The command's flags; None for no flags.
        base: Settings in place of the default ones.

    Returns:
        The settings and the runtime.

    Raises:
        SettingsError: a name or value is not accepted, or the file holds no settings.

    """
    values = given_flags(flags)
    settings = read_settings(Path(values["settings_file"])) if "settings_file" in values else base or Settings()
    if "preset" in values:
        settings = settings.replace(**preset(values["preset"]).model_dump(exclude_unset=True))
    return settings.replace(**_fields(Settings, values)), Runtime(**_fields(Runtime, values))


def make_job(flags: object, base: Job | None = None, **fields: object) -> Job:
    """Return the job that the flags of a command describe.

    Args:
        flags: The command's flags; None for no flags.
        base: What flags that are not given leave as it is; None: the default job.
        fields: The fields that are no flags, such as the files of the job.

    Returns:
        The job.

    Raises:
        InputError: a name or value is not accepted, the settings file holds no settings, or there are flags of a print
            that contradict each other.

    """
    values, base = given_flags(flags), base or Job()
    if "size" in values:
        if "print_size" in values:
            raise InputError("print and size both say how large the picture is; give one of them.")
        base = base.replace(print_size=None, fill=False)
    if values.get("fill") and "print_size" not in values:
        raise InputError("fill says how a picture is put on paper; name the paper too, such as --print 30x40cm.")
    settings, runtime = choose(flags, base.settings)
    return base.replace(settings=settings, runtime=runtime, **_fields(Job, values), **fields)


def given_flags(flags: object) -> dict[str, Any]:
    """Return the values of the flags that were given, by the names of the options; a path at --init is `initial`."""
    values = {} if flags is None else {name: value for name, value in vars(flags).items() if value is not None}
    init = values.get("init")
    if init is None or init in get_args(Init) or not (Path(init).suffix or exists(init)):
        return values
    return {"initial" if name == "init" else name: value for name, value in values.items()}


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
    note = notes.read(picture)
    job = note.get("job")
    if not isinstance(job, dict):
        raise SettingsError(
            f"{picture} does not say what it was painted from; name the files: impasto PHOTO PAINTING --settings "
            f"{picture}."
        )
    return cast("dict[str, Any]", job), note.get(FILES)


def read_settings(source: Path) -> Settings:
    """Read settings from a JSON file, or from the metadata of a picture painted earlier.

    Raises:
        SettingsError: the file holds no settings, or a name or value in it is not accepted.

    """
    if source.suffix.lower() == ".json":
        try:
            text = source.read_bytes()
        except OSError:
            raise SettingsError(f"the settings file {source} cannot be read; give a JSON file or a picture.") from None
        return Settings.from_json(text)
    note = notes.read(source)
    if "settings" not in note:
        raise SettingsError(f"{source} holds no settings of impasto; give a picture that impasto painted.")
    return Settings.from_json(json.dumps(note["settings"]))
