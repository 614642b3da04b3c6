"""The arguments that users give to the network: an image in any form, and names of layers; both are checked here.

The engine passes checked tensors to `VGG19.compute` and does not come here.
"""

import difflib
import math
import re
from collections.abc import Collection, Iterable
from typing import cast

import torch
from torch import Tensor

from impasto.errors import InputError
from impasto.images import Picture
from impasto.layers import LAYERS

__all__ = ["input_images", "layer_names"]

MAX_SAMPLE = 16.0
"""The sample above which an image has gray levels up to 255: an image that is being painted exceeds 1 by less."""

MIN_SAMPLE = -1.0
"""The sample of a photograph below which it was normalized for another network, whose samples begin at -2."""

_OTHER_NAME = re.compile(r"\D*(\d)\D+(\d)")
"""The name of a convolution in other programs: relu4_2, block4_conv2, r42."""


def input_images(image: object, layers: Collection[str], device: torch.device) -> Tensor:
    """Return an image in the form that the network takes.

    Args:
        image: RGB in [0, 1], a floating-point tensor (3, H, W) or (B, 3, H, W) on the network's device; a `Picture`; or
            whatever `Picture.of` takes.
        layers: The layers that are asked for.
        device: The network's device.

    Returns:
        The image, (3, H, W) or (B, 3, H, W); a picture is in sRGB, and laid over white.

    Raises:
        InputError: it is none of those, has another range than 0 to 1, or is too small for the layers.

    """
    if not isinstance(image, Tensor):
        image = Picture.of(image).in_profile(None).on_white().pixels.to(device)
    _check_form(image, device)
    _check_range(image)
    _check_size(image, layers)
    return image


def _check_form(image: Tensor, device: torch.device) -> None:
    """Refuse a tensor of another shape, dtype or device."""
    shape = tuple(image.shape)
    if len(shape) not in {3, 4} or shape[-3] != 3 or 0 in shape:
        hint = "bring the channels first, as by image.permute(2, 0, 1)" if shape[-1:] == (3,) else "give three channels"
        raise InputError(f"the image has the shape {shape}; the network takes (3, H, W) or (B, 3, H, W): {hint}.")
    if not image.is_floating_point():
        raise InputError(f"the image holds {image.dtype}; the network takes floats from 0 to 1: give image / 255.")
    if image.device != device:
        raise InputError(f"the image is on {image.device} and the network on {device}; give image.to({str(device)!r}).")


def _check_range(image: Tensor) -> None:
    """Refuse samples that are gray levels, normalized for another network, or no numbers."""
    darkest, brightest = (float(sample) for sample in image.detach().aminmax())
    requirement = "the network takes RGB from 0 to 1 and subtracts the mean itself"
    if math.isnan(darkest + brightest):
        raise InputError("the image holds a value that is not a number; the steps before it may have been too large.")
    if brightest > MAX_SAMPLE:
        raise InputError(f"the image goes up to {brightest:g}; {requirement}: give image / 255.")
    if darkest < MIN_SAMPLE and not image.requires_grad:
        raise InputError(
            f"the image goes from {darkest:g} to {brightest:g}; {requirement}: give it before it is normalized."
        )


def _check_size(image: Tensor, layers: Collection[str]) -> None:
    """Refuse an image of which a layer would see too little."""
    height, width = image.shape[-2:]
    sides = {name: LAYERS[name].stride * (1 if LAYERS[name].is_pool else 2) for name in layers}
    deepest = max(sides, key=lambda name: sides[name])
    if min(height, width) < sides[deepest]:
        raise InputError(
            f"the image is {width} × {height} pixels; {deepest} needs at least {sides[deepest]} on each side."
        )


def layer_names(layers: object) -> list[str]:
    """Return names of layers as a list.

    Args:
        layers: One name, or several.

    Returns:
        The names, at least one, in the order in which they were given.

    Raises:
        InputError: there is none, or one is not that of a layer of VGG-19.

    """
    is_one = isinstance(layers, str) or not isinstance(layers, Iterable)
    names: list[object] = [layers] if is_one else list(cast("Iterable[object]", layers))
    unknown = [name for name in names if not (isinstance(name, str) and name in LAYERS)]
    if unknown:
        raise InputError(f"there is no layer {unknown[0]}; {_suggest_layer(unknown[0])}.")
    if not names:
        raise InputError("no layer is named; name at least one, such as conv4_2.")
    return cast("list[str]", names)


def _suggest_layer(name: object) -> str:
    """Return a clause that suggests a layer for a wrong name."""
    match = _OTHER_NAME.fullmatch(str(name))
    convolution = f"conv{match[1]}_{match[2]}" if match else ""
    if isinstance(name, str) and convolution in LAYERS:
        return f"give {convolution}, which is that convolution after its ReLU"
    matches = difflib.get_close_matches(str(name), LAYERS, n=1, cutoff=0.5)
    return f"{matches[0]} is the nearest" if matches else "the layers are conv1_1 to conv5_4 and pool1 to pool5"
