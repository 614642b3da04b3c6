"""What can be measured of a painted picture: its loss, its style where none was optimized, its structure, its border.

Needs no network but the one that painted. Knows nothing of how the picture was made, nor of files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import log, prod, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import InputError, PictureError
from impasto.images import Picture
from impasto.losses import DISTANCES, ContentLoss, StyleLoss, moments_of
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.objective.tile_units import measured
from impasto.planning.plan import SHORTEST, Plan, Size
from impasto.planning.tiles import Tiling
from impasto.settings import Runtime, Settings
from impasto.transfer.style_transfer import StyleTransfer

__all__ = [
    "STYLE_LAYERS",
    "Metrics",
    "border_energy",
    "final_objective",
    "measure",
    "structural_distance",
    "style_distances",
]

STYLE_LAYERS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")
"""Layers that no loss looks at unless it is told to: a style that reaches them is more than a low loss."""

_STRUCTURE_LAYER = "conv3_1"

_STRUCTURE_SIDE = 256
"""Structure is compared in at most this many pixels squared: similarities are as many as positions, squared."""

_ROWS = 512
"""Positions whose similarities with all others are held at a time."""

_BORDER = 16
"""Pixels that count as border on each side, or a quarter of the short side where that is less."""

_FAINT = 1e-9
"""A gradient, in [0, 1] a pixel, that no picture can show: two flat parts have equal energies."""

_SHAPES = 0.05
"""How far the shapes of a result and its content may differ: peers cut sizes to multiples of 8 or 16."""


@dataclass(frozen=True)
class Metrics:
    """A picture in plain numbers, all of them finite. docs/measure.md says how to read them."""

    loss: float
    """The sum of the next two: J, Gatys et al. 2016, eq. 7."""
    content: float
    """The content loss with its weight, at the picture's own size."""
    style: float
    """The style loss with its weight."""
    wasserstein: Mapping[str, float]
    """How far its features are from the style's, by layer, at those of `STYLE_LAYERS`: `style_distances`."""
    cfsd: float
    """How far its structure is from the content's: `structural_distance`."""
    border: float
    """Its `border_energy`."""
    content_border: float
    """The content's, at the picture's size, to compare with."""

    def as_dict(self) -> dict[str, Any]:
        """Return what a JSON record of it holds."""
        return asdict(self)


def measure(
    content: Picture,
    style: Picture,
    result: Picture,
    settings: Settings | None = None,
    runtime: Runtime | None = None,
    *,
    weights: Weights | None = None,
) -> Metrics:
    """Measure a picture that was painted from a content and a style image, in float32 unless the runtime says else.

    The losses are those that the settings describe. All else is seen by VGG-19 with max pooling, whatever the settings
    say of the network, so that it compares pictures that were painted in different ways.

    Args:
        content: The photograph; it is brought to the result's size.
        style: The painting; it is brought to the size that a run would give it beside such a picture.
        result: What was painted, by impasto or by anything else.
        settings: Of the objective; the result's own size stands in for `size`.
        runtime: How to compute.
        weights: VGG-19's weights, in place of those that `settings.weights` names.

    Raises:
        PictureError: a picture is too small, or too large for the memory, or the style is too thin.
        InputError: the result has not the content's shape.

    """
    _check(content, result)
    content, style, result = (each.on_white().in_profile(result.profile) for each in (content, style, result))
    chosen = (settings or Settings()).replace(size=max(result.width, result.height))
    transfer = StyleTransfer(chosen, _exact(runtime or Runtime()), weights=weights)
    plan, machine = transfer.plan(result, [style]), transfer.machine
    stage = plan.stages[-1]
    image, painting = _place(result, stage.size, machine), _place(style, stage.styles[0], machine)
    losses = _losses(final_objective(transfer, plan, content, style), image)
    network = VGG19(transfer.weights, padding="replicate").to(machine.device, machine.features)
    before, after = (_structure(network, picture, stage.size, machine) for picture in (content, result))
    return Metrics(
        loss=sum(losses.values()),
        content=losses[ContentLoss.term],
        style=losses[StyleLoss.term],
        wasserstein=style_distances(network, image, painting, stage.layout.tiling),
        cfsd=structural_distance(before, after),
        border=border_energy(result.pixels),
        content_border=border_energy(content.resized(*stage.size).pixels),
    )


def final_objective(transfer: StyleTransfer, plan: Plan, content: Picture, style: Picture) -> Objective:
    """Return the objective of a plan's last stage, with the network as a run of that plan would have it."""
    settings, network, machine = transfer.settings, transfer.network, transfer.machine
    first, last = (
        [_place(content, stage.size, machine), _place(style, stage.styles[0], machine)]
        for stage in (plan.stages[0], plan.stages[-1])
    )
    if settings.normalize:
        network = network.normalized(first, {**settings.content_layers, **settings.style_layers})
    tiling = plan.stages[-1].layout.tiling
    return Objective.build(settings, network, last[0], [Region([StyleImage(last[1])])], tiling=tiling)


def style_distances(network: VGG19, image: Tensor, style: Tensor, tiling: Tiling | None = None) -> dict[str, float]:
    """Return how far an image's features are from a style's at each of `STYLE_LAYERS`, both (3, H, W) in [0, 1].

        mean((μ - μ*)²) + 1 / C · tr(K + K* - 2 (√K* K √K*)^½)

    Wasserstein-2 of the Gaussians with the features' means μ and covariances K, squared, over the C channels: the
    distance `wasserstein` of `style_loss`. It is 0 for equal Gaussians, and grows with the square of the features.
    """
    everywhere: dict[str, Tensor | None] = dict.fromkeys(STYLE_LAYERS)
    found, target = (
        measured(network, pixels, everywhere, moments_of, tiling=tiling or Tiling()) for pixels in (image, style)
    )
    distances = {
        name: float(DISTANCES["wasserstein"](target[name].mean).value(found[name].mean)) for name in STYLE_LAYERS
    }
    return {name: max(0.0, distance) for name, distance in distances.items()}  # rounding may leave -0.01


def structural_distance(content: Tensor, result: Tensor) -> float:
    """Return CFSD, how far the structure of an image is from the content's, by their features, each (C, H, W).

        1 / N · Σ_i KL(softmax_j cos(P_i, P_j) ‖ softmax_j cos(F_i, F_j)),      i, j over the N = H·W positions

    The structure of an image is how much each place resembles every other; colors may change as they will. It is 0
    for equal images. Chung, Hyun, Heo, *Style Injection in Diffusion*, CVPR 2024, who take inner products; cosines do
    not depend on how large a network's features are, and the original VGG-19's are far larger than torchvision's.
    Memory is that of `_ROWS` rows of similarities in float64.
    """
    places, found = (functional.normalize(maps.flatten(1).cpu().double(), dim=0).T for maps in (content, result))
    total = 0.0
    for start in range(0, len(places), _ROWS):
        rows = slice(start, start + _ROWS)
        before, after = ((units[rows] @ units.T).log_softmax(1) for units in (places, found))  # (rows, N)
        total += float(functional.kl_div(after, before, reduction="sum", log_target=True))
    return max(0.0, total / len(places))


def border_energy(pixels: Tensor) -> float:
    """Return the mean |∇x| of the outer 16 pixels of an image (C, H, W) over that of its inside.

    |∇x| = |dx| + |dy| over forward differences; one across the line between the two counts as border. In an image
    with a short side below 64, a quarter of that stands for the 16.
    """
    width = min(_BORDER, min(pixels.shape[1:]) // 4)
    inside = pixels[:, width:-width, width:-width]
    border = inner = _FAINT
    for dim in (1, 2):
        whole, part = pixels.diff(dim=dim).abs(), inside.diff(dim=dim).abs()
        sums = [float(differences.sum(dtype=torch.float64)) for differences in (whole, part)]
        border += (sums[0] - sums[1]) / (whole.numel() - part.numel())
        inner += sums[1] / part.numel()
    return border / inner


def _check(content: Picture, result: Picture) -> None:
    """Refuse pictures that cannot be compared."""
    sizes = {"content": Size(content.width, content.height), "result": Size(result.width, result.height)}
    for name, size in sizes.items():
        if min(size) < SHORTEST:
            raise PictureError(f"the {name} is {size} pixels; a picture needs at least {SHORTEST} on its short side.")
    shapes = [size.width / size.height for size in sizes.values()]
    if abs(log(shapes[0] / shapes[1])) > _SHAPES:
        raise InputError(
            f"the result is {sizes['result']} pixels and the content {sizes['content']}, which is another shape; "
            "give the content that the result was painted from, cut as the result is."
        )


def _exact(runtime: Runtime) -> Runtime:
    """Choose where a runtime leaves the choice: a number must not depend on which of two things was faster."""
    exact = {"dtype": "float32", "winograd": "off"}
    return runtime.replace(**{name: value for name, value in exact.items() if getattr(runtime, name) == "auto"})


def _place(picture: Picture, size: Size, machine: Machine) -> Tensor:
    """Bring a picture to a size and to the device, (3, H, W)."""
    return picture.resized(*size).pixels.to(machine.device, machine.sums)


def _losses(objective: Objective, image: Tensor) -> dict[str, float]:
    """Return the terms content and style; one without a weight is 0."""
    terms = objective.evaluate(image).terms
    return {term: float(terms.get(term, 0.0)) for term in (ContentLoss.term, StyleLoss.term)}


def _structure(network: VGG19, picture: Picture, size: Size, machine: Machine) -> Tensor:
    """Return the features by which structure is compared, (C, H, W), of at most `_STRUCTURE_SIDE` pixels squared."""
    factor = min(1.0, _STRUCTURE_SIDE / sqrt(prod(size)))
    small = Size(*(max(4, round(side * factor)) for side in size))  # 4: conv3_1 has a position
    return network.forward(_place(picture, small, machine), [_STRUCTURE_LAYER])[_STRUCTURE_LAYER]
