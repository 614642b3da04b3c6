"""Every option, written once: its name, type, default, range, help and group.

`Settings` says what the picture will be, `Runtime` how it is computed. The command's flags, its help and messages, the
tables in the docs and the note inside a painted picture are all read from here. No torch, no files.
"""

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Self, cast, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from impasto.errors import SettingsError
from impasto.layers import LAYERS

__all__ = ["PRESETS", "DistanceWeights", "LayerWeights", "Option", "Options", "Preset", "Runtime", "Settings", "preset"]


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
    "VGG-19 layers from conv1_1 to conv5_4 or pool1 to pool5, with weights if you like: conv1_1,conv2_1:0.5",
]
"""`{layer name: weight}`; as a flag `conv1_1,conv2_1:0.5`, where a weight that is not given is 1."""


_DISTANCES = ("gram", "moments", "covariance", "wasserstein")

DistanceWeights = Annotated[
    dict[str, Annotated[float, Ge(0.0)]],
    BeforeValidator(partial(_weights, names=_DISTANCES)),
    "gram, moments, covariance and wasserstein, with weights if you like: gram,moments:10",
]
"""`{distance: weight}`, written like layers."""

_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([MG])B?", re.IGNORECASE)


def _memory(value: object) -> object:
    """Check a size in memory."""
    if value != "auto" and not _MEMORY.fullmatch(str(value)):
        raise ValueError("not a size in memory")
    return value


class Option(NamedTuple):
    """What a face (flag, form, table) has to know of one option."""

    name: str
    group: str
    help: str
    default: str
    accepts: str
    """What values are accepted, as the end of the sentence "it takes …"."""
    is_switch: bool


class Options(BaseModel):
    """The base of `Settings` and `Runtime`: frozen, closed, with one-sentence errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise SettingsError(self._explain(error)) from None

    @classmethod
    def options(cls) -> Iterator[Option]:
        """List the options in the order in which they are written."""
        for name, field in cls.model_fields.items():
            extra = cast("dict[str, str]", field.json_schema_extra)
            is_switch = field.annotation is bool
            yield Option(
                name, extra["group"], field.description or "", _text(field.default), _accepts(field), is_switch
            )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `model_dump_json` wrote.

        Raises:
            SettingsError: the text is not a JSON object, or an option's name or value in it is not accepted.

        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise SettingsError(f"the settings are not JSON: {error.msg} at line {error.lineno}.") from None
        except (ValueError, RecursionError):
            raise SettingsError("the settings are nested too deeply, or a number in them is too long.") from None
        if not isinstance(values, dict):
            raise SettingsError('the settings must be a JSON object, such as {"size": 1024}.')
        return cls(**cast("dict[str, Any]", values))

    def replace(self, **changes: object) -> Self:
        """Return a copy with some options changed, checked again.

        Raises:
            SettingsError: an option's name or value is not accepted.

        """
        return type(self)(**{**self.model_dump(), **changes})

    @classmethod
    def _explain(cls, error: ValidationError) -> str:
        first = error.errors()[0]
        if not first["loc"]:
            return first["msg"].removeprefix("Value error, ")
        name = str(first["loc"][0])
        if name not in cls.model_fields:
            near = difflib.get_close_matches(name, cls.model_fields, n=1, cutoff=0.5)
            hint = f"{near[0]} is the nearest" if near else f"the options are {', '.join(cls.model_fields)}"
            return f"there is no option {name}; {hint}."
        value = cast("Mapping[str, object]", error.errors()[0]).get("input")
        return f"{name} cannot be {_text(value)}; it takes {_accepts(cls.model_fields[name])}."


def _text(value: object) -> str:
    """Write a value as a flag takes it."""
    if isinstance(value, Mapping):
        layers = cast("Mapping[str, float]", value)
        return ",".join(name if weight == 1.0 else f"{name}:{weight:g}" for name, weight in layers.items())
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _accepts(field: FieldInfo) -> str:
    """Say which values a field accepts."""
    if get_origin(field.annotation) is Literal:
        *first, last = (str(choice) for choice in get_args(field.annotation))
        return f"{', '.join(first)} or {last}"
    for item in field.metadata:
        if isinstance(item, str):
            return item
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    kind = names.get(cast("type", field.annotation), "text")
    words = {Ge: "at least", Gt: "above", Le: "at most"}
    limits = [
        f"{word} {_text(getattr(item, kind_of.__name__.lower()))}"
        for item in field.metadata
        for kind_of, word in words.items()
        if isinstance(item, kind_of)
    ]
    return f"{kind}, {' and '.join(limits)}" if limits else kind


def _option(default: object, group: str, help: str, accepts: str | None = None, **limits: float) -> Any:  # noqa: A002
    """Declare one option; `limits` are pydantic's ge, gt and le."""
    field = cast("FieldInfo", Field(default, description=help, json_schema_extra={"group": group}, **limits))  # pyright: ignore[reportCallIssue, reportArgumentType, reportUnknownVariableType] (pydantic types each limit apart)
    if accepts:
        field.metadata.append(accepts)
    return field


class Settings(Options):
    """What the picture will be. Frozen; `replace` makes a changed copy.

    The objective, over features F of the picture, P of the content and Gram matrices G = F Fᵀ / (H·W), A of the style:

        content_weight · Σ_l w_l mean((F - P)²)  +  style_weight · Σ_l w_l / C_l² · mean((G - A)²)  (`style_loss` gram)
        + tv_weight · mean(dx² + dy²)  +  range_weight · E · mean(max(0, x - 255)² + max(0, -x)²)

    for gray levels x in 0 … 255 and their differences dx and dy (`tv_variation` has other conventions).
    E is the first two terms at F = 0, so that the last one is as stiff whatever network, layers and weights are chosen.
    The first two terms are those of the author's own notebook (Gatys, 2016), where content_weight is 1; at 256 pixels
    that loses faces, so the default is 5.

    Raises:
        SettingsError: an option's name or value is not accepted; the message is one sentence.

    """

    size: int = _option(512, "Picture", "Long side of the painted picture, in pixels.", ge=32)
    init: Literal["content", "noise", "blank", "style"] = _option(
        "content", "Picture", "What the canvas shows at the start; blank is mid-gray."
    )
    seed: int = _option(0, "Picture", "Seed of the noise start.", ge=0, le=2**32 - 1)
    color: Literal["style", "content-luminance", "content-match"] = _option(
        "style",
        "Picture",
        "Whose colors the picture takes: the style's; the content's, of which only the luminance is painted; or those "
        "of a style brought to the content's colors.",
    )
    color_match: Literal["chol", "pca", "sym", "histogram"] = _option(
        "sym", "Picture", "How colors are matched with content-match: linearly in one of three ways, or by histogram."
    )
    seamless: Literal["none", "x", "y", "both"] = _option(
        "none", "Picture", "Which opposite edges meet: left and right, top and bottom; sizes become multiples of 16."
    )
    mask_spread: Literal["simple", "all", "inside"] = _option(
        "simple",
        "Picture",
        "Which units of a layer belong to a mask: by their share of its pixels, all that see it, or those that see "
        "nothing else.",
    )
    mask_grow: int = _option(
        0, "Picture", "Units by which masks are widened at every layer; narrowed, if below 0.", ge=-64, le=64
    )

    content_weight: float = _option(5.0, "Objective", "Weight of the content loss, α.", ge=0)
    style_weight: float = _option(1000.0, "Objective", "Weight of the style loss, β.", ge=0)
    content_layers: LayerWeights = _option(
        {"conv4_2": 1.0}, "Objective", "Layers whose features the content loss compares."
    )
    style_layers: LayerWeights = _option(
        dict.fromkeys(("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), 1.0),
        "Objective",
        "Layers whose Gram matrices the style loss compares.",
    )
    style_loss: DistanceWeights = _option(
        {"gram": 1.0}, "Objective", "Which distances of the styles' features the style loss adds up, with weights."
    )
    style_scale: float = _option(
        1.0,
        "Objective",
        "Short side of the painting over the picture's, at every stage; larger means larger strokes.",
        gt=0,
        le=10,
    )
    tv_weight: float = _option(0.0, "Objective", "Weight of total variation; more makes it smoother.", ge=0)
    tv_variation: Literal["mean-squares", "half-squares", "absolute", "nine-point"] = _option(
        "mean-squares",
        "Objective",
        "Total variation as a mean of squares; as half their sum, as in jcjohnson/neural-style; as a sum of absolute "
        "differences, as in neural-style-pt; or with diagonals, as in crowsonkb/style-transfer-pytorch.",
    )
    range_weight: float = _option(
        0.002,
        "Objective",
        "Weight that keeps gray levels in 0 … 255, so that saving changes nothing; times the loss of one in which "
        "the network sees nothing.",
        ge=0,
    )

    weights: str = _option(
        "codebook", "Network", "VGG-19's weights.", "codebook, torchvision or the path of a .pth or .safetensors file"
    )
    pooling: Literal["max", "average", "l2"] = _option("max", "Network", "How a layer is halved in size.")
    pooling_rescale: bool = _option(
        True, "Network", "Scale average and L2 pooling so that activations stay as large as with max."
    )
    padding: Literal["zeros", "replicate", "reflect", "replicate-first"] = _option(
        "replicate", "Network", "What a convolution sees beyond the border; replicate-first: zeros but in the first."
    )
    normalize: bool = _option(
        False, "Network", "Rescale the network to a mean activation of 1 a channel, as the paper does."
    )

    optimizer: Literal["lbfgs", "adam"] = _option("lbfgs", "Optimization", "How the pixels are changed.")
    iterations: int = _option(
        100, "Optimization", "Evaluations of the objective at the first, smallest stage.", ge=0, le=1_000_000
    )
    first_size: int = _option(
        256,
        "Optimization",
        "Long side of the first stage, each later one is about twice as large; 0 is one stage.",
        ge=0,
    )
    stage_ratio: float = _option(
        0.6, "Optimization", "Evaluations of a stage over those of the stage before.", gt=0, le=100
    )
    tolerance: float = _option(
        0.002, "Optimization", "A stage ends when 20 evaluations lower the loss by less than this share.", ge=0, le=1
    )
    history: int = _option(50, "Optimization", "Steps that L-BFGS remembers.", ge=1, le=10_000)
    learning_rate: float = _option(
        1.0, "Optimization", "Adam: gray levels a step; L-BFGS: share of its own step.", gt=0, le=255
    )
    preconditioner: float = _option(
        0.5, "Optimization", "Power p of the filter 1 / f^p that steps pass through; 0 is none.", ge=0, le=2
    )

    profile: Literal["content", "srgb"] = _option(
        "content", "File", "Color profile in which the picture is painted and saved: the content's, or sRGB."
    )
    bits: Annotated[Literal["auto", "8", "16"], BeforeValidator(str)] = _option(
        "auto",
        "File",
        "Bits of a channel in the file; auto is 16 where the content has them and the file is PNG or TIFF.",
    )
    dpi: float = _option(0.0, "File", "Pixels an inch on paper; 0 is the content's.", ge=0, le=4800)
    keep_position: bool = _option(
        False, "File", "Keep the place where the photograph was taken, beside its date, camera, author and description."
    )

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the upper edge meets the lower one, and the left the right."""
        return self.seamless in {"y", "both"}, self.seamless in {"x", "both"}

    @model_validator(mode="after")
    def _has_an_objective(self) -> Self:
        if not any(
            weight > 0 and any(layers.values())
            for weight, layers in ((self.content_weight, self.content_layers), (self.style_weight, self.style_layers))
        ):
            raise ValueError("content_weight and style_weight cannot both be 0; give at least one of them a weight.")
        if not any(self.style_loss.values()):
            raise ValueError("style_loss has no weight above 0; for no style, give a style_weight of 0.")
        return self


class Runtime(Options):
    """How the picture is computed: nothing here changes what it is meant to be. Frozen."""

    device: str = _option("auto", "Machine", "Where to compute.", "auto, cpu, cuda, cuda:1 or mps")
    dtype: Literal["auto", "float32", "bfloat16", "float64"] = _option(
        "auto", "Machine", "Precision of the network's features; auto measures which is faster."
    )
    memory: Annotated[str, BeforeValidator(_memory)] = _option(
        "auto",
        "Machine",
        "Memory that the process may take; auto is what is free.",
        "auto or a size such as 4GB or 800MB",
    )
    history_dtype: Literal["auto", "float32", "bfloat16"] = _option(
        "auto", "Machine", "Precision of the steps that L-BFGS remembers; bfloat16 takes half the memory."
    )
    winograd: Literal["auto", "off", "lines", "tiles"] = _option(
        "auto",
        "Machine",
        "Fewer multiplications a convolution, with more rounding: along lines or, in float32, in tiles; auto measures.",
    )
    threads: int = _option(
        0, "Machine", "Processor threads; 0 is one for each core, or fewer where that is faster.", ge=0, le=4096
    )

    checkpoint_every: float = _option(
        60.0,
        "Machine",
        "Seconds from one checkpoint of a run to the next, at least; they take a twentieth of the time, at most. 0 is "
        "none.",
        ge=0,
    )

    @property
    def bytes(self) -> float | None:
        """`memory` in bytes; None: what is free."""
        found = _MEMORY.fullmatch(self.memory)
        return float(found[1]) * {"M": 1e6, "G": 1e9}[found[2].upper()] if found else None


class Preset(NamedTuple):
    """A named set of changes to the defaults."""

    help: str
    changes: Mapping[str, Any]


_NOTEBOOK = {
    "content_weight": 1.0,
    "padding": "zeros",
    "first_size": 0,
    "iterations": 500,
    "history": 100,
    "tolerance": 0.0,
}

_NEURAL_STYLE = {
    **_NOTEBOOK,
    "init": "noise",
    "content_weight": 5.0,
    "style_weight": 100.0,
    "tv_weight": 1e-3,
    "tv_variation": "half-squares",
    "range_weight": 0.0,
    "iterations": 1000,
}

PRESETS: Mapping[str, Preset] = {
    "default": Preset("The defaults: coarse to fine, the notebook's objective with five times its content.", {}),
    "texture": Preset(
        "What `impasto texture` does: no content, from noise, whose grain total variation smooths.",
        {"init": "noise", "content_weight": 0.0, "tv_weight": 2000.0},
    ),
    "reconstruction": Preset(
        "What `impasto reconstruct` does: no style, from noise.", {"init": "noise", "style_weight": 0.0}
    ),
    "gatys-notebook": Preset(
        "The author's own notebook (2016): one size, 500 evaluations from the content, nothing stops early.",
        _NOTEBOOK,
    ),
    "neural-style": Preset("jcjohnson/neural-style at its defaults: 1000 evaluations from noise.", _NEURAL_STYLE),
    "neural-style-pt": Preset(
        "neural-style-pt at its defaults: the same with another total variation.",
        {**_NEURAL_STYLE, "tv_variation": "absolute"},
    ),
    "crowsonkb": Preset(
        "crowsonkb/style-transfer-pytorch: Wasserstein-2, fine strokes before coarse ones, Adam, other weights.",
        {
            "content_weight": 0.015,
            "style_weight": 1.0,
            "style_layers": {f"conv{block}_1": 4.0 ** (5 - block) / 341 for block in range(1, 6)},
            "style_loss": {"wasserstein": 1.0},
            "tv_weight": 2 / 255**2,
            "tv_variation": "nine-point",
            "range_weight": 0.0,
            "weights": "torchvision",
            "padding": "replicate-first",
            "optimizer": "adam",
            "learning_rate": 5.1,
            "preconditioner": 0.0,
            "first_size": 128,
            "iterations": 1000,
            "stage_ratio": 0.5,
            "tolerance": 0.0,
        },
    ),
    "spst": Preset(
        "Scaling Painting Style Transfer (Galerne et al. 2024): means and deviations beside the notebook's Gram "
        "matrices, a third of the evaluations at each larger size.",
        {
            **_NOTEBOOK,
            "style_loss": {"gram": 1.0, "moments": 10.0},
            "first_size": 768,
            "iterations": 600,
            "stage_ratio": 1 / 3,
        },
    ),
    "pastiche": Preset(
        "pastiche's objective: the notebook's, divided by 100.",
        {**_NOTEBOOK, "content_weight": 0.01, "style_weight": 10.0},
    ),
}
"""The presets by name."""


def preset(name: str) -> Settings:
    """Return the settings of a preset.

    Raises:
        SettingsError: there is no preset of that name.

    """
    if name not in PRESETS:
        raise SettingsError(f"there is no preset {name}; the presets are {', '.join(PRESETS)}.")
    return Settings(**PRESETS[name].changes)
