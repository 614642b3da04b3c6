"""Measures of a painted picture: its loss, its style at other layers, its structure and its border.

The loss is that of a run's last stage. The only network is the one that painted. This module opens no files.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from math import log, prod, sqrt
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from impasto.errors import InputError, PictureError, out_of_memory_as
from impasto.images import Picture
from impasto.images.masks import Mask
from impasto.losses import DISTANCES, ContentLoss, StyleLoss, moments
from impasto.machine.device import Machine
from impasto.network.vgg import VGG19
from impasto.network.weights import Weights
from impasto.objective.tile_units import Measurement, measure_image
from impasto.planning.plan import Plan, Size
from impasto.planning.tiles import Tiling
from impasto.settings import Runtime, Settings
from impasto.settings.limits import MIN_SIDE
from impasto.settings.options import options_or_default
from impasto.transfer.inputs import Inputs
from impasto.transfer.scene import Scene
from impasto.transfer.style_transfer import StyleTransfer
from impasto.transfer.styles import style_list

__all__ = [
    "STYLE_LAYERS",
    "Metrics",
    "border_energy",
    "measure",
    "structural_distance",
    "style_distances",
]

STYLE_LAYERS = ("conv1_2", "conv2_2", "conv3_4", "conv4_4")
"""Layers that no loss uses by default, so that an optimizer cannot lower these distances without a better style."""

_STRUCTURE_LAYER = "conv3_1"
"""The layer whose features measure how similar each position of an image is to every other position."""

_STRUCTURE_SIDE = 256
"""The side of a square of pixels, the most on which structure is compared: similarities grow with its square."""

_CHUNK_ROWS = 512
"""The number of positions whose similarities with all positions are in memory at once."""

_BORDER_WIDTH = 16
"""The width of the border in pixels; a quarter of the short side if that is less."""

_MIN_ENERGY = 1e-9
"""A gradient, in units of [0, 1] per pixel, that is too small for any file; it makes the ratio of two flat areas 1."""

_MAX_SHAPE_DIFFERENCE = 0.05
"""The largest logarithm of the ratio between the proportions of result and content, which differ since other programs
cut sides to multiples of 8 or 16."""


@dataclass(frozen=True)
class Metrics:
    """The measures of a picture, all of them finite. docs/measure.md explains them."""

    loss: float
    """The sum of `content` and `style`: J, Gatys et al. 2016, eq. 7."""
    content: float
    """The content loss times its weight, at the picture's own size."""
    style: float
    """The style loss times its weight, at the picture's own size."""
    wasserstein: Mapping[str, float]
    """The distance of the features from the style's at each of `STYLE_LAYERS`: see `style_distances`."""
    cfsd: float
    """The distance of the structure from the content's: see `structural_distance`."""
    border: float
    """The `border_energy` of the picture."""
    content_border: float
    """The `border_energy` of the content at the picture's size."""

    def as_dict(self) -> dict[str, Any]:
        """Return the measures by name, as in JSON."""
        return asdict(self)


def measure(
    content: object,
    style: object,
    result: object,
    settings: Settings | None = None,
    runtime: Runtime | None = None,
    *,
    keep: object = None,
    focus: object = None,
    weights: Weights | str | Path | None = None,
) -> Metrics:
    """Measure a picture that was painted from a content and a style image, in float32 unless `runtime` has a dtype.

    The losses are those of the last stage of a run with these settings: with its colors, masks, normalization and color
    profile. The other measures use VGG-19 with max pooling, whatever the settings say of the network, so that pictures
    that were painted with different settings can be compared; for them, transparent pixels count as white.

    Args:
        content: The photograph, of any size, a `Picture` or whatever `Picture.of` takes, such as a path; it is resized
            to the result's size.
        style: The painting, in any of those forms, or a `Style` with a scale, a mask and a region; it is resized as in
            a run that paints a picture of the result's size.
        result: The painted picture, in any of those forms, from impasto or another program; its short side has at least
            32 pixels, and its proportions differ from the content's by at most 5 %.
        settings: The options of the objective; `size` is replaced by the size of the result.
        runtime: The options of how to compute.
        keep: The mask of what stays of the photograph, a `Mask` or whatever `Mask.of` takes; the style does not count
            where it is white.
        focus: The mask of where the content counts more, in any of those forms.
        weights: The weights of VGG-19, instead of the ones that `settings.weights` names.

    Returns:
        The measures, all finite.

    Raises:
        PictureError: a picture cannot be read, a picture or a region is too small, the style is too thin, or the memory
            does not suffice.
        InputError: the result does not have the content's shape, the style has no weight, or there are several.

    """
    content, result, paintings = Picture.of(content), Picture.of(result), style_list(style)
    if len(paintings) != 1:
        raise InputError(f"a picture is measured with one painting, and not with {len(paintings)}; give one.")
    painting = paintings[0]
    masks = [None if mask is None else Mask.of(mask, name=name) for name, mask in (("keep", keep), ("focus", focus))]
    _check(content, result)
    settings = options_or_default(Settings, settings, "settings").replace(size=max(result.width, result.height))
    if settings.style_weight and not painting.weight:
        raise InputError("the style has a weight of 0; give it a weight above 0, or a style_weight of 0.")
    transfer = StyleTransfer(settings, _exact_runtime(options_or_default(Runtime, runtime, "runtime")), weights=weights)
    with out_of_memory_as("measure the picture"), transfer.machine.computing():
        scene = _scene(Inputs(content, [painting], keep=masks[0], focus=masks[1]), transfer, result)
        plan, machine = _plan(scene.inputs, transfer, result), transfer.machine
        stage = plan.stages[-1]
        losses = _losses(scene, plan, transfer.network, result)
        pictures = (content, painting.picture, result)
        flat_content, flat_style, flat_result = (picture.on_white().in_profile(result.profile) for picture in pictures)
        network = VGG19(transfer.weights, padding="replicate").to(machine.device, machine.features)
        structures = [_structure(network, picture, stage.size, machine) for picture in (flat_content, flat_result)]
        image, target = _tensor(flat_result, stage.size, machine), _tensor(flat_style, stage.styles[0], machine)
        return Metrics(
            loss=sum(losses.values()),
            content=losses[ContentLoss.term],
            style=losses[StyleLoss.term],
            wasserstein=style_distances(network, image, target, stage.layout.tiling),
            cfsd=structural_distance(*structures),
            border=border_energy(flat_result.pixels),
            content_border=border_energy(flat_content.resized(*stage.size).pixels),
        )


def style_distances(network: VGG19, image: Tensor, style: Tensor, tiling: Tiling | None = None) -> dict[str, float]:
    """Return the distance of an image's features from a style's at each of `STYLE_LAYERS`.

        mean((μ - μ*)²) + 1 / C · tr(K + K* - 2 (√K* K √K*)^½)

    This is the square of the Wasserstein-2 distance between the Gaussians with the features' means μ and covariances K,
    divided by the number of channels C: the distance `wasserstein` of `style_loss`. It is 0 for equal Gaussians, and
    grows with the square of the features.

    Args:
        network: VGG-19.
        image: RGB in [0, 1], (3, H, W).
        style: RGB in [0, 1], (3, H, W), of any size.
        tiling: The tiles of both images; by default they are not divided.

    Returns:
        The distance at each layer, at least 0.

    """
    everywhere: dict[str, Tensor | None] = dict.fromkeys(STYLE_LAYERS)
    image_moments, style_moments = (
        measure_image(Measurement(network, pixels, everywhere, moments, tiling or Tiling()))
        for pixels in (image, style)
    )
    distances = {
        name: float(DISTANCES["wasserstein"](style_moments[name].mean).value(image_moments[name].mean))
        for name in STYLE_LAYERS
    }
    return {name: max(0.0, distance) for name, distance in distances.items()}  # rounding may leave -0.01


def structural_distance(content: Tensor, result: Tensor) -> float:
    """Return the content feature structural distance (CFSD) of an image from the content.

        1 / N · Σ_i KL(softmax_j cos(P_i, P_j) ‖ softmax_j cos(F_i, F_j)),      i, j over the N = H·W positions

    The structure of an image is the similarity of each position to every other position; it does not depend on colors.
    CFSD is 0 for equal images. It is from Chung, Hyun, Heo, *Style Injection in Diffusion*, CVPR 2024, who use inner
    products. Here it uses cosines, which do not depend on the scale of a network's features: those of the original
    VGG-19 are far larger than those of torchvision's.

    Args:
        content: The features P of the content image, (C, H, W).
        result: The features F of an image of the same size, (C, H, W).

    Returns:
        The mean divergence, at least 0.

    """
    pair = [functional.normalize(maps.flatten(1).cpu().double(), dim=0).T for maps in (content, result)]  # (N, C)
    total, count = 0.0, len(pair[0])
    for start in range(0, count, _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        expected, actual = ((units[rows] @ units.T).log_softmax(1) for units in pair)  # (rows, N)
        total += float(functional.kl_div(actual, expected, reduction="sum", log_target=True))
    return max(0.0, total / count)


def border_energy(pixels: Tensor) -> float:
    """Return the mean |∇x| of the border of an image (C, H, W), 16 pixels wide, divided by that of its inside.

    |∇x| = |dx| + |dy| over forward differences; a difference between a border pixel and an inside pixel counts as
    border. In an image with a short side below 64 pixels, the border is a quarter of that side wide.

    Args:
        pixels: The image, (C, H, W).

    Returns:
        The ratio; 1 means that the border changes as much as the inside.

    """
    width = min(_BORDER_WIDTH, min(pixels.shape[1:]) // 4)
    inside = pixels[:, width:-width, width:-width]
    border = inner = _MIN_ENERGY
    for dim in (1, 2):
        all_steps, inner_steps = pixels.diff(dim=dim).abs(), inside.diff(dim=dim).abs()
        sums = [float(steps.sum(dtype=torch.float64)) for steps in (all_steps, inner_steps)]
        border += (sums[0] - sums[1]) / (all_steps.numel() - inner_steps.numel())
        inner += sums[1] / inner_steps.numel()
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
            "give the content that the result was painted from, cropped as the result is."
        )


def _exact_runtime(runtime: Runtime) -> Runtime:
    """Replace `auto` in a runtime: a measure must not depend on which kernel was faster."""
    exact = {"dtype": "float32", "winograd": "off"}
    return runtime.replace(**{name: value for name, value in exact.items() if getattr(runtime, name) == "auto"})


def _tensor(picture: Picture, size: Size, machine: Machine) -> Tensor:
    """Return the pixels of a picture at a size, on the device, (3, H, W)."""
    return picture.resized(*size).pixels.to(machine.device, machine.sums)


def _scene(inputs: Inputs, transfer: StyleTransfer, result: Picture) -> Scene:
    """Return the scene of a run, in the result's color profile whatever the settings say of profiles."""
    scene = Scene(inputs, transfer.settings, transfer.machine)
    if scene.profile == result.profile:
        return scene
    inputs = inputs._replace(content=inputs.content.in_profile(result.profile))
    return replace(scene, inputs=inputs, settings=scene.settings.replace(profile="content"))


def _plan(inputs: Inputs, transfer: StyleTransfer, result: Picture) -> Plan:
    """Plan a run whose last stage has the result's size, or the nearest size that the settings allow."""
    plan = transfer.plan(inputs.content, inputs.styles, keep=inputs.keep, focus=inputs.focus)
    if plan.stages[-1].size == (result.width, result.height):
        return plan
    return transfer.plan(result, inputs.styles, keep=inputs.keep, focus=inputs.focus)


def _losses(scene: Scene, plan: Plan, network: VGG19, result: Picture) -> dict[str, float]:
    """Return the terms content and style of the plan's last stage; a term without a weight is 0."""
    stage = plan.stages[-1]
    objective = scene.objective(stage, scene.normalized(network, plan.stages[0]))
    objective = replace(objective, kept=None)  # the result already contains what stays of the content
    terms = objective.evaluate(scene.loss_image(result, stage.size)).terms
    return {term: float(terms.get(term, 0.0)) for term in (ContentLoss.term, StyleLoss.term)}


def _structure(network: VGG19, picture: Picture, size: Size, machine: Machine) -> Tensor:
    """Return the features of the structure, (C, H, W), of a picture resized to at most `_STRUCTURE_SIDE`² pixels."""
    factor = min(1.0, _STRUCTURE_SIDE / sqrt(prod(size)))
    small = Size(*(max(4, round(side * factor)) for side in size))  # conv3_1 has at least one position
    return network.compute(_tensor(picture, small, machine), [_STRUCTURE_LAYER])[_STRUCTURE_LAYER]
