"""Load the Triton kernels of a network before they are used; several at a time, since at first they are compiled.

Triton keeps what it compiled in the user's cache folder (TRITON_CACHE_DIR, or ~/.triton/cache), by GPU and version. The
first run ever on a machine compiles some 25 kernels at half a second each; later ones load them.
"""

import os
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from torch.nn import functional

from impasto.kernels.borders import border
from impasto.kernels.cpu.pooling import Pool
from impasto.kernels.cuda import history_operators, layer_operators, statistic_operators
from impasto.kernels.cuda.frame import NO_FRAME, Frame
from impasto.layers import LAYERS
from impasto.settings.choices import Padding

__all__ = ["warm_up"]

_SIDE = 16
"""Units of a side of the signals that kernels are loaded with."""

_THREADS = 8
"""Kernels that are compiled at a time, at most."""


def warm_up(weight: Tensor, pool: Pool, padding: Padding, layers: Collection[str]) -> None:
    """Run each kernel once, on few units.

    Args:
        weight: Of conv1_1; the features have its dtype and device.
        pool: How layers are halved.
        padding: What convolutions see beyond the border.
        layers: At which losses look.

    """
    tasks = {**_of_layers(weight, pool, padding, layers), **_of_history(weight)}
    torch.fft.irfft2(torch.fft.rfft2(torch.zeros(3, _SIDE, _SIDE, device=weight.device)))
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        for done in [threads.submit(task) for task in tasks.values()]:
            done.result()


def _of_layers(
    weight: Tensor, pool: Pool, padding: Padding, layers: Collection[str]
) -> Mapping[object, Callable[[], object]]:
    """Return what loads the kernels of layers and of the statistics of their features."""
    own, frame = (Frame.of(border(padding, first=first), _SIDE, _SIDE) for first in (True, False))
    halved = Frame.of(border(padding), _SIDE // 2, _SIDE // 2)
    width = len(weight)
    raw, bias, wide = _signal(weight, width, _SIDE), weight.new_zeros(width), _signal(weight, width, _SIDE + 2)
    scale, filters = [1.0] * 3, weight.contiguous()
    gray = torch.zeros(3, _SIDE, _SIDE, device=weight.device)
    scalar = torch.zeros((), device=weight.device)
    bits = layer_operators.activate(raw, bias, NO_FRAME, True)[1]
    small = _signal(weight, width, _SIDE // 2)[0].permute(1, 2, 0).to(torch.uint8)
    tasks: dict[object, Callable[[], object]] = {
        "first": lambda: layer_operators.first_forward(gray, own, scale, scale, filters, bias, frame),
        "pool": lambda: layer_operators.pool(raw, bias, *pool, halved, True),
        "unpool": lambda: layer_operators.unpool(
            _signal(weight, width, _SIDE // 2 + 2), halved, small, raw, bias, *pool, _SIDE, _SIDE
        ),
        "bits": lambda: layer_operators.relu_backward(wide, frame, None, bits, None, None, True, raw.shape, raw),
        "content": lambda: layer_operators.relu_backward(wide, frame, raw, None, scalar, raw[0], True, raw.shape, raw),
        "first back": lambda: layer_operators.first_backward(raw, filters, scale, torch.float32),
        "convolution": lambda: functional.conv2d(raw, _signal(weight, width, 3)),
        "distance": lambda: statistic_operators.square_distance(raw[0], raw[0]),
        "excess": lambda: statistic_operators.excess(gray),
        "add excess": lambda: statistic_operators.add_excess(gray, scalar, gray.clone()),
    }
    total = torch.zeros(width, width + 1, device=weight.device)
    tasks["gram"] = lambda: statistic_operators.gram_distance(total, scalar, total, 1.0, weight.dtype)
    deepest = max(layers, key=list(LAYERS).index, default="")
    for name in layers:
        channels = width * LAYERS[name].channels // LAYERS["conv1_1"].channels
        kind = min(channels, 2 * _WIDE)
        features, around = _signal(weight, channels, _SIDE), _signal(weight, channels, _SIDE + 2)
        gram = weight.new_zeros(channels, channels)
        base = None if name == deepest else around
        final = base, NO_FRAME if base is None else frame, features, gram, None, None, None
        if not LAYERS[name].is_pool:
            tasks["linear", kind, base is None] = lambda final=final: layer_operators.linear(*final, True)
        tasks["moments", kind] = lambda features=features: statistic_operators.moments(features[0], None)
    return tasks


_WIDE = 128
"""Channels up to which kernels work on all at once."""


def _of_history(weight: Tensor) -> Mapping[object, Callable[[], object]]:
    """Return what loads the kernels of L-BFGS, for pairs in the precision of the features."""
    pairs, length, device = 4, 3 * _SIDE**2, weight.device
    steps = torch.zeros(pairs, length, dtype=weight.dtype, device=device)
    vector, scalar = torch.zeros(length, device=device), torch.zeros((), device=device)
    image, flags = vector.view(3, _SIDE, _SIDE), torch.zeros(2, dtype=torch.int32, device=device)
    ages = torch.zeros(pairs, dtype=torch.int64, device=device)
    exact = torch.zeros(pairs, pairs, dtype=torch.float64, device=device)
    one, five = exact[0, 0], torch.zeros(5, pairs, dtype=torch.float64, device=device)
    share, longest, loss, last_loss, moved = (scalar.clone() for _ in range(5))
    small = five[:, 0].clone(), five, exact.clone(), exact.clone(), exact[0].clone(), ages.clone()
    limits = [1.0] * 9

    def complete() -> object:
        return history_operators.complete(steps, steps.clone(), ages, vector, vector.clone(), scalar, scalar, 1.0)

    def solve() -> object:
        return history_operators.solve(*small, loss, last_loss, moved, share, longest, limits)

    def advance() -> object:
        changed = steps.clone(), ages.clone()
        numbers = scalar, scalar, flags, scalar.clone()
        return history_operators.advance(vector, image, scalar, image, image.clone(), *changed, *numbers, 1.0, 1.0)

    return {
        "complete": complete,
        "products": lambda: history_operators.products(steps, steps, ages, vector),
        "solve": solve,
        "combination": lambda: history_operators.combination(steps, steps, vector, one, exact[0], exact[0]),
        "advance": advance,
    }


def _signal(like: Tensor, channels: int, side: int) -> Tensor:
    zeros = torch.zeros(1, channels, side, side, dtype=like.dtype, device=like.device)
    return zeros.contiguous(memory_format=torch.channels_last)
