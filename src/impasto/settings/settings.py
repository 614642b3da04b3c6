"""What the picture will be: every option of it, with its type, default, range, help and group."""

from collections.abc import Collection, Mapping
from typing import Annotated, Self, TypeVar

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
    Seamless,
    Variation,
)
from impasto.settings.limits import GRID, MAX_STYLE_SCALE, MIN_SIDE, PLATEAU_WINDOW
from impasto.settings.named_weights import DistanceWeights, LayerWeights
from impasto.settings.options import EVERY_COMMAND, Options, option

__all__ = ["Settings"]

Name = TypeVar("Name", bound=str)

_MEASURED: Collection[Command] = ("paint", "sweep", "measure")
"""The commands of options on which the loss of a painted picture depends."""


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

    size: int = option(512, "Picture", "Long side of the painted picture, in pixels.", ge=MIN_SIDE)
    init: Init = option("content", "Picture", "What the canvas shows at the start; blank is mid-gray.")
    seed: int = option(0, "Picture", "Seed of the noise start.", ge=0, le=2**32 - 1)
    color: Color = option(
        "style",
        "Picture",
        "Whose colors the picture takes: the style's; the content's, of which only the luminance is painted; or those "
        "of a style brought to the content's colors.",
        commands=_MEASURED,
    )
    color_match: ColorMatch = option(
        "sym",
        "Picture",
        "How colors are matched with content-match: linearly in one of three ways, or by histogram.",
        commands=_MEASURED,
    )
    seamless: Seamless = option(
        "none",
        "Picture",
        f"Which opposite edges meet: left and right, top and bottom; sizes become multiples of {GRID}.",
        commands=_MEASURED,
    )
    mask_spread: MaskSpread = option(
        "simple",
        "Picture",
        "Which units of a layer belong to a mask: by their share of its pixels, all that see it, or those that see "
        "nothing else.",
        commands=_MEASURED,
    )
    mask_grow: int = option(
        0,
        "Picture",
        "Units by which masks are widened at every layer; narrowed, if below 0.",
        ge=-64,
        le=64,
        commands=_MEASURED,
    )

    content_weight: float = option(5.0, "Objective", "Weight of the content loss, α.", ge=0, commands=_MEASURED)
    style_weight: float = option(1000.0, "Objective", "Weight of the style loss, β.", ge=0, commands=_MEASURED)
    content_layers: LayerWeights = option(
        {"conv4_2": 1.0}, "Objective", "Layers whose features the content loss compares.", commands=_MEASURED
    )
    style_layers: LayerWeights = option(
        dict.fromkeys(("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"), 1.0),
        "Objective",
        "Layers whose Gram matrices the style loss compares.",
        commands=_MEASURED,
    )
    style_loss: DistanceWeights = option(
        {"gram": 1.0},
        "Objective",
        "Which distances of the styles' features the style loss adds up, with weights.",
        commands=_MEASURED,
    )
    style_scale: float = option(
        1.0,
        "Objective",
        "Short side of the painting over the picture's, at every stage; larger means larger strokes.",
        gt=0,
        le=MAX_STYLE_SCALE,
        commands=_MEASURED,
    )
    tv_weight: float = option(0.0, "Objective", "Weight of total variation; more makes it smoother.", ge=0)
    tv_variation: Variation = option(
        "mean-squares",
        "Objective",
        "Total variation as a mean of squares; as half their sum, as in jcjohnson/neural-style; as a sum of absolute "
        "differences, as in neural-style-pt; or with diagonals, as in crowsonkb/style-transfer-pytorch.",
    )
    range_weight: float = option(
        0.002,
        "Objective",
        "Weight that keeps gray levels in 0 … 255, so that saving changes nothing; times the loss of one in which "
        "the network sees nothing.",
        ge=0,
    )

    weights: str = option(
        "codebook",
        "Network",
        "VGG-19's weights.",
        "codebook, torchvision or the path of a .pth or .safetensors file",
        commands=EVERY_COMMAND,
    )
    pooling: Pooling = option("max", "Network", "How a layer is halved in size.", commands=_MEASURED)
    pooling_rescale: bool = option(
        True,
        "Network",
        "Scale average and L2 pooling so that activations stay as large as with max.",
        commands=_MEASURED,
    )
    padding: Padding = option(
        "replicate",
        "Network",
        "What a convolution sees beyond the border; replicate-first: zeros but in the first.",
        commands=_MEASURED,
    )
    normalize: bool = option(
        False,
        "Network",
        "Rescale the network to a mean activation of 1 a channel, as the paper does.",
        commands=_MEASURED,
    )

    optimizer: OptimizerName = option("lbfgs", "Optimization", "How the pixels are changed.")
    iterations: int = option(
        100, "Optimization", "Evaluations of the objective at the first, smallest stage.", ge=0, le=1_000_000
    )
    first_size: int = option(
        256,
        "Optimization",
        "Long side of the first stage, each later one is about twice as large; 0 is one stage.",
        ge=0,
    )
    stage_ratio: float = option(
        0.6, "Optimization", "Evaluations of a stage over those of the stage before.", gt=0, le=100
    )
    tolerance: float = option(
        0.002,
        "Optimization",
        f"A stage ends when {PLATEAU_WINDOW} evaluations lower the loss by less than this share.",
        ge=0,
        le=1,
    )
    history: int = option(50, "Optimization", "Steps that L-BFGS remembers.", ge=1, le=10_000)
    learning_rate: float = option(
        1.0, "Optimization", "Adam: gray levels a step; L-BFGS: share of its own step.", gt=0, le=255
    )
    preconditioner: float = option(
        0.5, "Optimization", "Power p of the filter 1 / f^p that steps pass through; 0 is none.", ge=0, le=2
    )

    profile: Profile = option(
        "content", "File", "Color profile in which the picture is painted and saved: the content's, or sRGB."
    )
    bits: Annotated[Bits, BeforeValidator(str)] = option(
        "auto",
        "File",
        "Bits of a channel in the file; auto is 16 where the content has them and the file is PNG or TIFF.",
    )
    dpi: float = option(0.0, "File", "Pixels an inch on paper; 0 is the content's.", ge=0, le=4800)
    keep_position: bool = option(
        False, "File", "Keep the place where the photograph was taken, beside its date, camera, author and description."
    )

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the upper edge meets the lower one, and the left the right."""
        return self.seamless in {"y", "both"}, self.seamless in {"x", "both"}

    @property
    def active_content_layers(self) -> Mapping[str, float]:
        """The layers that the content loss looks at, with their weights, all above 0; none without content_weight."""
        return _positive(self.content_layers) if self.content_weight > 0 else {}

    @property
    def active_style_layers(self) -> Mapping[str, float]:
        """The layers that the style loss looks at, with their weights, all above 0; none without style_weight."""
        return _positive(self.style_layers) if self.style_weight > 0 else {}

    @property
    def active_layers(self) -> tuple[str, ...]:
        """The layers that any loss looks at, in the network's order: the network is computed down to the last."""
        active = {*self.active_content_layers, *self.active_style_layers}
        return tuple(name for name in LAYERS if name in active)

    @property
    def active_distances(self) -> Mapping[DistanceName, float]:
        """The distances that the style loss adds up, with their weights, all above 0."""
        return _positive(self.style_loss)

    @model_validator(mode="after")
    def _has_an_objective(self) -> Self:
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight cannot both be 0; give at least one of them a weight.")
        for name, term in (("content_layers", "content"), ("style_layers", "style"), ("style_loss", "style")):
            is_asked_for = getattr(self, f"{term}_weight") > 0
            if is_asked_for and not _positive(getattr(self, name)):
                raise ValueError(f"{name} has no weight above 0; for no {term}, give a {term}_weight of 0.")
        return self


def _positive(weights: Mapping[Name, float]) -> dict[Name, float]:
    """Leave out what has no weight."""
    return {name: weight for name, weight in weights.items() if weight > 0}
