"""The options of what a picture will be, each with its type, default, range, help and group."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Self, TypeVar, cast

from pydantic import BeforeValidator, model_validator

from impasto.layers import LAYERS
from impasto.settings.choices import (
    Bits,
    Color,
    ColorMatch,
    Command,
    DistanceName,
    Init,
    MaskSpread,
    OptimizerName,
    Padding,
    Pooling,
    Profile,
    Quality,
    Seamless,
    Variation,
)
from impasto.settings.limits import GRID, MAX_EVALUATIONS, MAX_STYLE_SCALE, MIN_SIDE, PLATEAU_WINDOW
from impasto.settings.named_weights import DistanceWeights, LayerWeights, StageEvaluations
from impasto.settings.options import EVERY_COMMAND, Options, option

__all__ = ["QUALITIES", "Settings"]

Name = TypeVar("Name", bound=str)

_COMMANDS: Collection[Command] = ("paint", "sweep", "measure")
"""The commands with a flag for options that change the loss of a painted picture."""


QUALITIES: Mapping[Quality, Mapping[str, float]] = {
    "draft": {"iterations": 40, "middle_iterations": 20, "min_change": 0.0},
    "standard": {"iterations": 100, "middle_iterations": 20, "min_change": 0.0},
    "best": {"iterations": 600, "middle_iterations": 600, "min_change": 1.5},
}
"""The options that a quality stands for; docs/notes/optimizer.md has the measurements."""


class Settings(Options):
    """The options of what a picture will be. Frozen; `replace` makes a changed copy.

    The objective, over features F of the picture, P of the content and Gram matrices G = F Fᵀ / (H·W), A of the style:

        content_weight · Σ_l w_l mean((F - P)²)  +  style_weight · Σ_l w_l / C_l² · mean((G - A)²)  (`style_loss` gram)
        + tv_weight · mean(dx² + dy²)  +  range_weight · E · mean(max(0, x - 255)² + max(0, -x)²)

    for gray levels x in 0 … 255 and their differences dx and dy (`tv_variation` has other conventions).
    E is the sum of the first two terms at F = 0, so that the last term is equally stiff for all networks, layers and
    weights. The first two terms are those of the author's own notebook (Gatys, 2016), where content_weight is 1; at 256
    pixels that value loses faces, so the default is 5.

    Raises:
        SettingsError: an option's name or value is not accepted; the message is one sentence.

    """

    synonyms = {  # noqa: RUF012 (a ClassVar of the base)
        "alpha": "content_weight",
        "beta": "style_weight",
        "steps": "iterations",
        "num_steps": "iterations",
        "epochs": "iterations",
        "lr": "learning_rate",
        "image_size": "size",
    }

    size: int = option(512, "Basics", "Long side of the painted picture, in pixels.", ge=MIN_SIDE)
    content_weight: float = option(
        5.0,
        "Basics",
        "How much the photograph counts: 100 shows its forms clearly, 1 lets the painting take over.",
        ge=0,
        commands=_COMMANDS,
    )
    style_scale: float = option(
        1.0,
        "Basics",
        "Size of the strokes: 2 paints them twice as large.",
        gt=0,
        le=MAX_STYLE_SCALE,
        commands=_COMMANDS,
    )
    color: Color = option(
        "style",
        "Basics",
        "Whose colors the picture has: the painting's (style); the photograph's, and only light and dark are painted "
        "(content-luminance); or the photograph's palette on the painting's strokes (content-match).",
        commands=_COMMANDS,
    )

    quality: Quality = option(
        "standard",
        "Basics",
        "How far to paint.",
    )

    init: Init = option(
        "content",
        "Picture",
        "What painting starts from: the photograph, noise, an even gray (blank) or the painting. The flag also takes "
        "the path of a picture, such as one that was painted and then changed by hand.",
    )
    strength: float = option(
        1.0,
        "Picture",
        "How far the picture may move from the picture that painting starts from: 1 as far as it likes, 0.5 about half "
        "as far, 0.1 hardly. Where the picture at --init is transparent, it does not count.",
        gt=0,
        le=1,
    )
    seed: int = option(
        0, "Picture", "Another number paints another version of a picture that starts from noise.", ge=0, le=2**32 - 1
    )
    focus_weight: float = option(
        3.0,
        "Picture",
        "How much more the photograph counts in focus: content_weight is multiplied by it where faces are found, or "
        "where the mask --focus is white; 1 means no focus.",
        gt=0,
        commands=_COMMANDS,
    )
    color_match: ColorMatch = option(
        "sym",
        "Picture",
        "How content-match matches the palettes: sym, chol and pca match mean and spread; histogram matches how often "
        "each color occurs.",
        commands=_COMMANDS,
    )
    seamless: Seamless = option(
        "none",
        "Picture",
        f"Edges that fit together when the picture is repeated: left and right (x), top and bottom (y), or both; sides "
        f"become multiples of {GRID} pixels.",
        commands=_COMMANDS,
    )

    profile: Profile = option(
        "content", "File", "Color profile in which the picture is painted and saved: the photograph's, or sRGB."
    )
    bits: Annotated[Bits, BeforeValidator(str)] = option(
        "auto",
        "File",
        "Bits per channel in the file; auto is 16 if the photograph has 16 and the file is PNG or TIFF, else 8.",
    )
    dpi: float = option(0.0, "File", "Pixels per inch on paper; 0 means those of the photograph.", ge=0, le=4800)
    keep_position: bool = option(
        False,
        "File",
        "Also save the place where the photograph was taken; its date, camera, author and description always are.",
    )

    style_weight: float = option(
        1000.0,
        "Expert: objective",
        "Weight of the style loss, β; what counts is its ratio to content_weight, α.",
        ge=0,
        commands=_COMMANDS,
    )
    content_layers: LayerWeights = option(
        {"conv4_2": 1.0},
        "Expert: objective",
        "Layers whose features the content loss compares; earlier layers hold finer detail of the photograph.",
        commands=_COMMANDS,
    )
    style_layers: LayerWeights = option(
        dict.fromkeys(("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), 1.0),
        "Expert: objective",
        "Layers whose statistics the style loss compares; earlier layers hold finer strokes.",
        commands=_COMMANDS,
    )
    style_loss: DistanceWeights = option(
        {"gram": 1.0},
        "Expert: objective",
        "How the style loss compares statistics: by Gram matrices, by means and deviations (moments), and so on; "
        "several are added up.",
        commands=_COMMANDS,
    )
    tv_weight: float = option(
        0.0, "Expert: objective", "Weight of total variation; larger values smooth grain and noise away.", ge=0
    )
    tv_variation: Variation = option(
        "mean-squares",
        "Expert: objective",
        "Formula of total variation: a mean of squares, which blurs; a mean of absolute differences, which makes flat "
        "areas with edges; half the sum of squares, as in jcjohnson/neural-style; a sum of absolute differences, as in "
        "neural-style-pt; or a mean with diagonals, as in crowsonkb/style-transfer-pytorch.",
    )
    range_weight: float = option(
        0.002,
        "Expert: objective",
        "Weight of the penalty on gray levels outside 0 … 255, which a file cannot store. The unit is the loss of an "
        "image whose features are all 0.",
        ge=0,
    )

    mask_spread: MaskSpread = option(
        "simple",
        "Expert: masks",
        "Which units of a layer a mask selects: each by the fraction of its pixels that is inside (simple), all whose "
        "receptive field touches the inside (all), or only those whose receptive field is inside (inside).",
        commands=_COMMANDS,
    )
    mask_grow: int = option(
        0,
        "Expert: masks",
        "Number of units by which masks are widened at every layer; a negative number narrows them.",
        ge=-64,
        le=64,
        commands=_COMMANDS,
    )

    weights: str = option(
        "codebook",
        "Expert: network",
        "Source of the weights of VGG-19.",
        "codebook, torchvision or the path of a .pth or .safetensors file",
        commands=EVERY_COMMAND,
    )
    pooling: Pooling = option("max", "Expert: network", "Pooling that halves the size of a layer.", commands=_COMMANDS)
    pooling_rescale: bool = option(
        True,
        "Expert: network",
        "Scale average and L2 pooling so that activations are as large as with max pooling.",
        commands=_COMMANDS,
    )
    padding: Padding = option(
        "replicate",
        "Expert: network",
        "Values beyond the border of a convolution; replicate-first has zeros in all layers but the first.",
        commands=_COMMANDS,
    )
    normalize: bool = option(
        False,
        "Expert: network",
        "Rescale the filters so that every channel has a mean activation of 1, as in the paper.",
        commands=_COMMANDS,
    )

    optimizer: OptimizerName = option("lbfgs", "Expert: optimization", "Algorithm that changes the pixels.")
    iterations: int = option(
        100,
        "Expert: optimization",
        "Evaluations of the objective at the first, smallest stage; later stages get fewer (stage_ratio and "
        "middle_iterations).",
        ge=0,
        le=MAX_EVALUATIONS,
    )
    first_size: int = option(
        256,
        "Expert: optimization",
        "Long side of the first stage, in pixels; each later stage is about twice as large. 0 means one stage.",
        ge=0,
    )
    stage_ratio: float = option(
        0.6,
        "Expert: optimization",
        "Factor of the evaluations of a stage for each stage before it: of three stages the last has iterations times "
        "its square.",
        gt=0,
        le=100,
    )
    middle_iterations: int = option(
        20,
        "Expert: optimization",
        "Evaluations of a stage between the first and the last, at most, whatever stage_ratio says.",
        ge=1,
        le=MAX_EVALUATIONS,
    )
    stages: StageEvaluations = option(
        {},
        "Expert: optimization",
        "Long sides of stages with their evaluations, in place of first_size, iterations and what follows from them; a "
        "picture larger than the last of them continues as those say. --seconds records here what it painted.",
        commands=("paint",),
    )
    tolerance: float = option(
        0.002,
        "Expert: optimization",
        f"A stage ends when {PLATEAU_WINDOW} evaluations lower the loss by less than this fraction.",
        ge=0,
        le=1,
    )
    min_change: float = option(
        0.0,
        "Expert: optimization",
        f"A stage ends when {PLATEAU_WINDOW} evaluations change a preview of the picture by less than this many gray "
        "levels on average; 0 means that this does not count.",
        ge=0,
        le=255,
    )
    history: int = option(50, "Expert: optimization", "Number of curvature pairs that L-BFGS stores.", ge=1, le=10_000)
    learning_rate: float = option(
        1.0,
        "Expert: optimization",
        "For Adam, gray levels per step; for L-BFGS, a factor on the length of its steps.",
        gt=0,
        le=255,
    )
    preconditioner: float = option(
        0.5,
        "Expert: optimization",
        "Power p of the filter 1 / f^p, f the spatial frequency, that is applied to steps; 0 means no filter.",
        ge=0,
        le=2,
    )

    def replace(self, /, **changes: object) -> Self:
        """Return a copy with changed options; a quality also replaces the options that it stands for.

        Args:
            changes: Values by the names of the options.

        Returns:
            The copy.

        Raises:
            SettingsError: an option's name or value is not accepted.

        """
        if "quality" not in changes:
            return super().replace(**changes)
        values: dict[str, Any] = {name: value for name, value in self if name not in QUALITIES["standard"]}
        values.update(changes)
        return type(self)(**values)

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the upper edge meets the lower one, and the left the right."""
        return self.seamless in {"y", "both"}, self.seamless in {"x", "both"}

    @property
    def active_content_layers(self) -> Mapping[str, float]:
        """The layers of the content loss with their weights, all above 0; empty if content_weight is 0."""
        return _positive_weights(self.content_layers) if self.content_weight > 0 else {}

    @property
    def active_style_layers(self) -> Mapping[str, float]:
        """The layers of the style loss with their weights, all above 0; empty if style_weight is 0."""
        return _positive_weights(self.style_layers) if self.style_weight > 0 else {}

    @property
    def active_layers(self) -> tuple[str, ...]:
        """The layers of either loss, in the network's order; the network is computed down to the last of them."""
        active = {*self.active_content_layers, *self.active_style_layers}
        return tuple(name for name in LAYERS if name in active)

    @property
    def active_distances(self) -> Mapping[DistanceName, float]:
        """The distances that the style loss adds up, with their weights, all above 0."""
        return _positive_weights(self.style_loss)

    @model_validator(mode="before")
    @classmethod
    def _apply_quality(cls, values: object) -> object:
        """Fill in the options that a quality stands for, where they are not given."""
        fields: dict[str, Any] = cast("dict[str, Any]", values) if isinstance(values, dict) else {}
        for name, options in QUALITIES.items():
            if fields.get("quality") == name:
                return {**options, **fields}
        return cast("object", values)

    @model_validator(mode="after")
    def _check_objective(self) -> Self:
        """Refuse an objective without a loss, and a loss without a layer or a distance."""
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight cannot both be 0; give at least one of them a weight.")
        for name, term in (("content_layers", "content"), ("style_layers", "style"), ("style_loss", "style")):
            is_active = getattr(self, f"{term}_weight") > 0
            if is_active and not _positive_weights(getattr(self, name)):
                raise ValueError(f"{name} has no weight above 0; for no {term}, give a {term}_weight of 0.")
        return self


def _positive_weights(weights: Mapping[Name, float]) -> dict[Name, float]:
    """Return the weights above 0."""
    return {name: weight for name, weight in weights.items() if weight > 0}
