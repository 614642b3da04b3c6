"""Options whose value is a set of names with weights: layers, and distances of the style loss."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, NoReturn, cast, get_args

from annotated_types import Ge
from pydantic import AfterValidator, BeforeValidator

from impasto.layers import LAYERS
from impasto.settings.choices import DistanceName

__all__ = ["DistanceWeights", "LayerWeights"]


class NamedWeights(dict[str, float]):
    """Weights by name that cannot be changed, so that settings with them can be hashed."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("settings are frozen; Settings.replace makes a changed copy.")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse  # pyright: ignore[reportAssignmentType]

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride] (dict has no hash)
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[type["NamedWeights"], tuple[dict[str, float]]]:
        return NamedWeights, (dict(self),)


def _weights(value: object, names: Sequence[str]) -> object:
    """Read `"conv1_1,conv2_1:0.5"`, a list of such words or a mapping as `{name: weight}`, in the order of `names`."""
    if isinstance(value, str):
        value = value.replace(",", " ").split()
    if isinstance(value, Mapping):
        pairs = [(str(name), weight) for name, weight in cast("Mapping[object, object]", value).items()]
    elif isinstance(value, Sequence):
        words = [str(word).partition(":") for word in cast("Sequence[object]", value)]
        pairs = [(name, weight or 1.0) for name, _, weight in words]
    else:
        raise ValueError("not names")  # noqa: TRY004 (pydantic makes a ValidationError of a ValueError only)
    if not pairs or any(name not in names for name, _ in pairs):
        raise ValueError("not names")
    return dict(sorted(pairs, key=lambda pair: names.index(pair[0])))


LayerWeights = Annotated[
    dict[str, Annotated[float, Ge(0.0)]],
    BeforeValidator(partial(_weights, names=list(LAYERS))),
    AfterValidator(NamedWeights),
    "VGG-19 layers from conv1_1 to conv5_4 or pool1 to pool5, perhaps with weights: conv1_1,conv2_1:0.5",
]
"""`{layer name: weight}`; as a flag `conv1_1,conv2_1:0.5`, where a weight that is not given is 1."""


_DISTANCES: tuple[str, ...] = get_args(DistanceName)

DistanceWeights = Annotated[
    dict[DistanceName, Annotated[float, Ge(0.0)]],
    BeforeValidator(partial(_weights, names=_DISTANCES)),
    AfterValidator(NamedWeights),
    f"{', '.join(_DISTANCES[:-1])} and {_DISTANCES[-1]}, perhaps with weights: gram,moments:10",
]
"""`{distance: weight}`; as a flag `gram,moments:10`, where a weight that is not given is 1."""
