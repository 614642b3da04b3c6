"""What can be measured of a painted picture: its loss, its style at other layers, its structure and its border.

The loss is that of a run's last stage. No other network is needed than the one that painted. Nothing here knows files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import log, prod, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import InputError, PictureError, out_of_memory_as
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.losses import DISTANCES, ContentLoss, StyleLoss, moments_of
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights
from impasto.objective.tile_units import measured
from impasto.planning.plan import Plan, Size
from impasto.planning.tiles import Tiling
from impasto.settings import Runtime, Settings
from impasto.settings.limits import MIN_SIDE
from impasto.transfer.scene import Inputs, Scene
from impasto.transfer.style_transfer import StyleTransfer
from impasto.transfer.styles import Style

__all__ = [
    "STYLE_LAYERS",
    "Metrics",
    "border_energy",
    "measure",
    "structural_distance",
    "style_distances",
]

STYLE_LAYERS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")
"""Layers at which no loss looks by default: a picture that is near the style here, too, has more than a low loss."""

_STRUCTURE_LAYER = "conv3_1"
"""The layer whose features say how much each position of an image resembles every other."""

_STRUCTURE_SIDE = 256
"""The side of a square: structure is compared in as many pixels at most, since similarities are their square."""

_ROWS_AT_A_TIME = 512
"""Positions whose similarities with all others are in memory at a time."""

_BORDER_WIDTH = 16
"""Pixels that count as border on each side; a quarter of the short side where that is less."""

_MIN_ENERGY = 1e-9
"""A gradient, in [0, 1] a pixel, that no picture can show: it makes the ratio of two flat parts 1."""

_MAX_SHAPE_DIFFERENCE = 0.05
"""The logarithm of the ratio by which a result's proportions may differ from the content's: other programs cut sizes to
multiples of 8 or 16."""


@dataclass(frozen=True)
class Metrics:
    """A picture in plain numbers, all of them finite. docs/measure.md says how to read them."""

    loss: float
    """The sum of `content` and `style`: J, Gatys et al. 2016, eq. 7."""
    content: float
    """The content loss times its weight, at the picture's own size."""
    style: float
    """The style loss times its weight, at the picture's own size."""
    wasserstein: Mapping[str, float]
    """How far the features are from the style's at each of `STYLE_LAYERS`: `style_distances`."""
    cfsd: float
    """How far the structure is from the content's: `structural_distance`."""
    border: float
    """The `border_energy` of the picture."""
    content_border: float
    """The `border_energy` of the content at the picture's size."""

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name, as a JSON record holds them."""
        return asdict(self)


def measure(
    content: Picture,
    style: Style | Picture,
    result: Picture,
    settings: Settings | None = None,
    runtime: Runtime | None = None,
    *,
    keep: Mask | None = None,
    weights: Weights | None = None,
) -> Metrics:
    """Measure a picture that was painted from a content and a style image, in float32 unless the runtime says else.

    The losses are those of the last stage of a run with these settings: with its colors, masks, normalization and color
    profile. All else is seen by VGG-19 with max pooling, whatever the settings say of the network, so that it compares
    pictures that were painted in different ways; there, what is transparent counts as white.

    Args:
        content: The photograph, of any size; it is brought to the result's.
        style: The painting, perhaps with a scale, a mask and a region; it is brought to the size that a run would give
            it beside such a picture.
        result: What was painted, by impasto or by anything else; at least 32 pixels on its short side, and with sides
            in the content's proportion to 5 %.
        settings: The objective; its `size` is replaced by that of the result.
        runtime: How to compute.
        keep: Where the picture stays as the content is, so that no style counts there.
        weights: VGG-19's weights, in place of those that `settings.weights` names.

    Returns:
        The numbers, all finite.

    Raises:
        PictureError: a picture or a region is too small, the style is too thin, or the memory does not suffice.
        InputError: the result has not the content's shape, or the style has no weight.

    """
    _check(content, result)
    painting = Style(style) if isinstance(style, Picture) else style
    chosen = (settings or Settings()).replace(size=max(result.width, result.height))
    if chosen.style_weight and not painting.weight:
        raise InputError("the style has a weight of 0; give it a weight above 0, or a style_weight of 0.")
    transfer = StyleTransfer(chosen, _exact(runtime or Runtime()), weights=weights)
    with out_of_memory_as("measure the picture"), transfer.machine.computing():
        scene = _scene(Inputs(content, [painting], keep=keep), transfer, result)
        plan, machine = _plan(scene.inputs, transfer, result), transfer.machine
        stage = plan.stages[-1]
        losses = _losses(scene, plan, transfer.network, result)
        shown = [each.on_white().in_profile(result.profile) for each in (content, painting.picture, result)]
        network = VGG19(transfer.weights, padding="replicate").to(machine.device, machine.features)
        before, after = (_structure(network, picture, stage.size, machine) for picture in (shown[0], shown[2]))
        image, target = _place(shown[2], stage.size, machine), _place(shown[1], stage.styles[0], machine)
        return Metrics(
            loss=sum(losses.values()),
            content=losses[ContentLoss.term],
            style=losses[StyleLoss.term],
            wasserstein=style_distances(network, image, target, stage.layout.tiling),
            cfsd=structural_distance(before, after),
            border=border_energy(shown[2].pixels),
            content_border=border_energy(shown[0].resized(*stage.size).pixels),
        )


def style_distances(network: VGG19, image: Tensor, style: Tensor, tiling: Tiling | None = None) -> dict[str, float]:
    """Return how far an image's features are from a style's at each of `STYLE_LAYERS`.

        mean((μ - μ*)²) + 1 / C · tr(K + K* - 2 (√K* K √K*)^½)

    Wasserstein-2 of the Gaussians with the features' means μ and covariances K, squared, over the C channels: the
    distance `wasserstein` of `style_loss`. It is 0 for equal Gaussians, and grows with the square of the features.

    Args:
        network: VGG-19.
        image: RGB in [0, 1], (3, H, W).
        style: RGB in [0, 1], (3, H, W), of any size.
        tiling: How both are divided, for memory; by default not at all.

    Returns:
        The distance at each layer, at least 0.

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
    """Return CFSD, how far the structure of an image is from the content's, by their features.

        1 / N · Σ_i KL(softmax_j cos(P_i, P_j) ‖ softmax_j cos(F_i, F_j)),      i, j over the N = H·W positions

    The structure of an image is how much each position resembles every other; colors may change. CFSD is 0 for equal
    images. Chung, Hyun, Heo, *Style Injection in Diffusion*, CVPR 2024, who take inner products; cosines do not depend
    on how large a network's features are, and the original VGG-19's are far larger than torchvision's.

    Args:
        content: The features P of the content image, (C, H, W).
        result: The features F of an image of the same size, (C, H, W).

    Returns:
        The mean divergence, at least 0.

    """
    before, after = (functional.normalize(maps.flatten(1).cpu().double(), dim=0).T for maps in (content, result))
    total = 0.0
    for start in range(0, len(before), _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        expected, found = ((units[rows] @ units.T).log_softmax(1) for units in (before, after))  # (rows, N)
        total += float(functional.kl_div(found, expected, reduction="sum", log_target=True))
    return max(0.0, total / len(before))


def border_energy(pixels: Tensor) -> float:
    """Return the mean |∇x| of the outer 16 pixels of an image (C, H, W) over that of its inside.

    |∇x| = |dx| + |dy| over forward differences; a difference across the line between border and inside counts as
    border. In an image with a short side below 64, the border is a quarter of that side wide.
    """
    width = min(_BORDER_WIDTH, min(pixels.shape[1:]) // 4)
    inside = pixels[:, width:-width, width:-width]
    border = inner = _MIN_ENERGY
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
        if min(size) < MIN_SIDE:
            raise PictureError(f"the {name} is {size} pixels; a picture needs at least {MIN_SIDE} on its short side.")
    shapes = [size.width / size.height for size in sizes.values()]
    if abs(log(shapes[0] / shapes[1])) > _MAX_SHAPE_DIFFERENCE:
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


def _scene(inputs: Inputs, transfer: StyleTransfer, result: Picture) -> Scene:
    """Return what a run paints from, in the result's color profile whatever the settings say of profiles."""
    scene = Scene(inputs, transfer.settings, transfer.machine)
    if scene.profile == result.profile:
        return scene
    inputs = inputs._replace(content=inputs.content.in_profile(result.profile))
    return replace(scene, inputs=inputs, settings=scene.settings.replace(profile="content"))


def _plan(inputs: Inputs, transfer: StyleTransfer, result: Picture) -> Plan:
    """Plan a run whose last stage has the result's size, or the nearest size that the settings allow."""
    plan = transfer.plan(inputs.content, inputs.styles, keep=inputs.keep)
    if plan.stages[-1].size == (result.width, result.height):
        return plan
    return transfer.plan(result, inputs.styles, keep=inputs.keep)


def _losses(scene: Scene, plan: Plan, network: VGG19, result: Picture) -> dict[str, float]:
    """Return the terms content and style of the plan's last stage; a term without a weight is 0."""
    stage = plan.stages[-1]
    objective = scene.objective(stage, scene.normalized(network, plan.stages[0]))
    objective = replace(objective, kept=None)  # the result already has what stays of the content
    terms = objective.evaluate(scene.as_painted(result, stage.size)).terms
    return {term: float(terms.get(term, 0.0)) for term in (ContentLoss.term, StyleLoss.term)}


def _structure(network: VGG19, picture: Picture, size: Size, machine: Machine) -> Tensor:
    """Return the features by which structure is compared, (C, H, W), of at most `_STRUCTURE_SIDE` pixels squared."""
    factor = min(1.0, _STRUCTURE_SIDE / sqrt(prod(size)))
    small = Size(*(max(4, round(side * factor)) for side in size))  # 4: conv3_1 has a position
    return network.forward(_place(picture, small, machine), [_STRUCTURE_LAYER])[_STRUCTURE_LAYER]
