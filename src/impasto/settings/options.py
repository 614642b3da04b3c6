"""The base of all options: frozen models whose errors are one sentence, and the descriptions of their options.

A flag, a form or a table is made from `Options.options()`. This module knows no particular option.
"""

import difflib
import json
import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from impasto.errors import SettingsError
from impasto.settings.choices import Command, one_of
from impasto.settings.limits import NAMED_TWICE

__all__ = ["EVERY_COMMAND", "Option", "Options", "as_flags", "as_text", "option", "options_or_default"]

EVERY_COMMAND: Collection[Command] = get_args(Command)
"""The commands with a flag for options that concern every use of the network: all of them."""


Kind = TypeVar("Kind", bound="Options")


class Option(NamedTuple):
    """The description of one option, from which a flag, a form or a row of a table is made."""

    name: str
    group: str
    help: str
    default: str = ""
    """The default value in the form of a flag; empty if there is none."""
    accepts: str = ""
    """The accepted values, as the end of the sentence "it takes …"."""
    is_switch: bool = False
    metavar: str = "VALUE"
    """The word that stands for the value in help: NUMBER, CHOICE, FILE and the like."""
    commands: Collection[Command] = EVERY_COMMAND
    """The commands that have a flag for the option."""
    separator: str = ","
    """The character between several values in one text: a slash if a value may contain commas, else a comma."""


class Options(BaseModel):
    """The base of `Settings`, `Runtime` and `Job`: frozen and hashable; an unknown name or a wrong value is refused."""

    title: ClassVar[str] = "the settings"
    """What messages call the object."""
    owner: ClassVar[str] = ""
    """The text before an option's name in messages."""
    synonyms: ClassVar[Mapping[str, str]] = {}
    """Names that others have for options, which messages answer with ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, validate_default=True)

    def __init__(self, /, *unnamed: object, **values: Any) -> None:
        if unnamed:
            name = next(iter(type(self).model_fields))
            raise SettingsError(
                f"{unnamed[0]!r} has no name; give each option by its name, such as {name}={unnamed[0]!r}."
            )
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(self._explain(error)) from None

    @classmethod
    def options(cls) -> Iterator[Option]:
        """List the options in the order of their definitions, without the fields that `option` did not declare."""
        for name, field in cls.model_fields.items():
            tags = cast("dict[str, Any] | None", field.json_schema_extra)
            if tags is None:
                continue
            yield Option(
                name=name,
                group=tags["group"],
                help=field.description or "",
                default="" if field.default is None else as_text(field.default),
                accepts=_accepted_values(field),
                is_switch=field.annotation is bool,
                metavar=_metavar(field),
                commands=tags["commands"],
                separator="/" if get_origin(field.annotation) is dict else ",",
            )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read the JSON of `model_dump_json`; bytes are UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

        Args:
            text: A JSON object, as text or bytes.

        Returns:
            The options; what is not named has its default.

        Raises:
            SettingsError: the text is not a JSON object, or an option's name or value in it is not accepted.

        """
        try:
            values = json.loads(text)
        except UnicodeDecodeError:
            raise SettingsError(f"{cls.title} cannot be read as JSON: no text in UTF-8 or UTF-16.") from None
        except json.JSONDecodeError as error:
            raise SettingsError(f"{cls.title} cannot be read as JSON: {error.msg} at line {error.lineno}.") from None
        except (ValueError, RecursionError):
            raise SettingsError(f"{cls.title} cannot be read: nested too deeply, or a number is too long.") from None
        except TypeError:
            raise SettingsError(f"{cls.title} cannot be read of {text!r:.80}; give a text or bytes of JSON.") from None
        if not isinstance(values, dict):
            raise SettingsError(f'{cls.title} cannot be read: give a JSON object, such as {{"size": 1024}}.')
        return cls(**cast("dict[str, Any]", values))

    def replace(self, /, **changes: object) -> Self:
        """Return a copy with changed options; all options are checked again.

        Args:
            changes: Values by the names of the options.

        Returns:
            The copy.

        Raises:
            SettingsError: an option's name or value is not accepted.

        """
        return type(self)(**{**dict(self), **changes})

    def __repr__(self) -> str:
        """Return the options that differ from their defaults, as code that makes the same object."""
        fields = type(self).model_fields
        changed = {
            name: value
            for name, value in self
            if value != fields[name].get_default(call_default_factory=True, validated_data={})
        }
        arguments = ", ".join(f"{name}={value!r}" for name, value in changed.items())
        unchanged = f"all {len(fields)} options" if not changed else f"the other {len(fields) - len(changed)} options"
        return f"{type(self).__name__}({arguments})  # {unchanged} have their defaults"

    __str__ = __repr__

    @classmethod
    def _explain(cls, error: ValidationError) -> str:
        """Return the sentence that says what was wrong with the first of the values that were refused."""
        first = error.errors()[0]
        if not first["loc"]:
            return first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0])
        if name in cls.synonyms:
            return f"there is no option {name}; impasto calls it {cls.synonyms[name]}."
        if name not in cls.model_fields:
            near = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
            hint = f"{near[0]} is the nearest" if near else f"the options are {', '.join(cls.model_fields)}"
            return f"there is no option {name}; {hint}."
        if first["type"] == "missing":
            return f"{cls.owner}{name} is missing; it takes {_accepted_values(cls.model_fields[name])}."
        value = cast("Mapping[str, object]", first).get("input")
        if first["type"] == NAMED_TWICE:
            return f"{cls.owner}{name} cannot be {as_text(value)}; {first['msg']} is named twice, so name it once."
        return f"{cls.owner}{name} cannot be {as_text(value)}; it takes {_accepted_values(cls.model_fields[name])}."


def options_or_default(kind: type[Kind], argument: object, name: str) -> Kind:
    """Return options that were given as an argument, or the defaults where it is None.

    Args:
        kind: The class of the options.
        argument: The options, or None.
        name: The name of the argument.

    Returns:
        The options.

    Raises:
        SettingsError: the argument is something else.

    """
    if argument is None:
        return kind()
    if isinstance(argument, kind):
        return argument
    description = type(argument).__name__ if isinstance(argument, Options) else f"{argument!r:.80}"
    raise SettingsError(f"{name} cannot be {description}; give {kind.__name__}({next(iter(kind.model_fields))}=…).")


def as_flags(changes: Mapping[str, object]) -> str:
    """Write values of options as flags that the command accepts, each number with all of its digits.

    Args:
        changes: The values by the names of the options.

    Returns:
        `--size 1024 --no-normalize`; empty if there are no changes.

    """
    flags: list[str] = []
    for name, value in changes.items():
        flag = name.replace("_", "-")
        is_switch = isinstance(value, bool)
        flags += [f"--{'' if value else 'no-'}{flag}"] if is_switch else [f"--{flag}", as_text(value, exact=True)]
    return " ".join(flags)


def as_text(value: object, *, exact: bool = False) -> str:
    """Write a value in the form of a flag.

    Args:
        value: The value of an option.
        exact: Whether numbers have all of their digits, and not six.

    Returns:
        `1024`, `on`, or `conv1_1,conv2_1:0.5`.

    """
    if isinstance(value, Mapping):
        numbers = cast("Mapping[object, float]", value) or {"none": 1.0}
        return ",".join(
            name if number == 1.0 and isinstance(name, str) else f"{name}:{as_text(number, exact=exact)}"
            for name, number in numbers.items()
        )
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float) and math.isfinite(value):
        short = f"{value:g}"
        return repr(value) if exact and float(short) != value else short
    return str(value)


def _metavar(field: FieldInfo) -> str:
    """Return the word that stands for a value of a field in help."""
    kind = field.annotation
    if get_origin(kind) is dict:
        key = get_args(kind)[0]
        has_numbers = get_origin(key) is Annotated and get_args(key)[0] is int
        return "PIXELS:NUMBER,..." if has_numbers else "NAME[:WEIGHT],..."
    if get_origin(kind) is Literal:
        return "CHOICE"
    names = {int: "NUMBER", float: "NUMBER", Path | None: "FILE"}
    return names.get(cast("Any", kind), "VALUE")


def _accepted_values(field: FieldInfo) -> str:
    """Return which values a field accepts, in words."""
    if get_origin(field.annotation) is Literal:
        return one_of(get_args(field.annotation))
    for item in field.metadata:
        if isinstance(item, str):
            return item
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    kind = names.get(cast("type", field.annotation), "text")
    phrases = {Ge: "at least", Gt: "above", Le: "at most"}
    limits = [
        f"{phrase} {as_text(getattr(item, kind_of.__name__.lower()))}"
        for item in field.metadata
        for kind_of, phrase in phrases.items()
        if isinstance(item, kind_of)
    ]
    return f"{kind}, {' and '.join(limits)}" if limits else kind


def option(
    default: object,
    group: str,
    help: str,  # noqa: A002
    accepts: str | None = None,
    *,
    commands: Collection[Command] = ("paint", "sweep"),
    **limits: float,
) -> Any:
    """Declare one option of a model, as the default of an annotated field.

    Args:
        default: The value if none is given.
        group: The heading under which forms, help and tables list the option.
        help: One sentence that describes the option.
        accepts: The accepted values in words, if the annotation and the limits do not say them.
        commands: The commands that have a flag for the option.
        limits: Bounds of a number, by pydantic's names: ge, gt and le.

    Returns:
        The field, typed as `Any`, as pydantic's own fields are.

    """
    tags: Any = {"group": group, "commands": list(commands)}
    field = cast("FieldInfo", Field(default, description=help, json_schema_extra=tags, **limits))  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType] (pydantic types each limit apart)
    if accepts:
        field.metadata.append(accepts)
    return field
