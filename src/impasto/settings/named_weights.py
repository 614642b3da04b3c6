"""Options whose value is a set of names with weights, and stages with their evaluations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any, NoReturn, TypeVar, cast, get_args

from annotated_types import Ge, Le
from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from impasto.layers import LAYERS
from impasto.settings.choices import DistanceName
from impasto.settings.limits import MAX_EVALUATIONS, MIN_SIDE, NAMED_TWICE

__all__ = ["DistanceWeights", "LayerWeights", "StageEvaluations"]


Key = TypeVar("Key")
Number = TypeVar("Number")


class NamedNumbers(dict[Key, Number]):
    """Numbers by name that cannot be changed, so that settings with them can be hashed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("settings are frozen; Settings.replace makes a changed copy.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] (dict has no hash)
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type["NamedNumbers[Key, Number]"], tuple[dict[Key, Number]]]:
        return NamedNumbers, (dict(self),)


def _refuse_repeated(names: Sequence[object]) -> None:
    """Refuse a name that is given twice, of which one value would be lost."""
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise PydanticCustomError(NAMED_TWICE, "{repeated}", {"repeated": str(repeated)})


def _pairs(value: object, default: object) -> list[tuple[Any, Any]]:
    """Read `"a:1,b:2"`, a list of such words or a mapping as pairs of a name and a number; a word may have none."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if isinstance(value, Mapping):
        return list(cast("Mapping[Any, Any]", value).items())
    if isinstance(value, Sequence):
        entries = [str(entry).partition(":") for entry in cast("Sequence[object]", value)]
        return [(name, number or default) for name, _, number in entries]
    raise ValueError("not names")


def _parse_weights(value: object, names: Sequence[str]) -> object:
    """Return `{name: weight}` in the order of `names`; a weight that is not given is 1."""
    pairs = _pairs(value, 1.0)
    if not pairs or any(name not in names for name, _ in pairs):
        raise ValueError("not names")
    _refuse_repeated([name for name, _ in pairs])
    return dict(sorted(pairs, key=lambda pair: names.index(pair[0])))


LayerWeights = Annotated[
    dict[str, Annotated[float, Ge(0.0)]],
    BeforeValidator(partial(_parse_weights, names=list(LAYERS))),
    AfterValidator(NamedNumbers),
    "VGG-19 layers from conv1_1 to conv5_4 or pool1 to pool5, perhaps with weights: conv1_1,conv2_1:0.5",
]
"""`{layer name: weight}`; as a flag `conv1_1,conv2_1:0.5`, where a weight that is not given is 1."""


_DISTANCES: tuple[str, ...] = get_args(DistanceName)

DistanceWeights = Annotated[
    dict[DistanceName, Annotated[float, Ge(0.0)]],
    BeforeValidator(partial(_parse_weights, names=_DISTANCES)),
    AfterValidator(NamedNumbers),
    f"{', '.join(_DISTANCES[:-1])} and {_DISTANCES[-1]}, perhaps with weights: gram,moments:10",
]
"""`{distance: weight}`; as a flag `gram,moments:10`, where a weight that is not given is 1."""


def _parse_evaluations(value: object) -> object:
    """Return `{long side: evaluations}`, the smallest side first; `"none"` is an empty mapping."""
    pairs = [] if value == "none" else _pairs(value, "")
    if any(count == "" for _, count in pairs):
        raise ValueError("a size without evaluations")
    _refuse_repeated([int(side) for side, _ in pairs])
    return dict(sorted((int(side), count) for side, count in pairs))


StageEvaluations = Annotated[
    dict[Annotated[int, Ge(MIN_SIDE)], Annotated[int, Ge(1), Le(MAX_EVALUATIONS)]],
    BeforeValidator(_parse_evaluations),
    AfterValidator(NamedNumbers),
    f"none, or long sides of at least {MIN_SIDE} pixels with evaluations: 256:100,512:60",
]
"""`{long side in pixels: evaluations}`; as a flag `256:100,512:60`."""
