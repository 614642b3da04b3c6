"""Load the Triton kernels of a network before they are used, several at a time, since the first run compiles them.

Triton caches compiled kernels in the user's cache folder (TRITON_CACHE_DIR, or ~/.triton/cache), by GPU and version.
The first run on a machine compiles about 25 kernels at half a second each; later runs load them.
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
"""The side of the signals for which kernels are loaded, in units."""

_THREADS = 8
"""The most kernels that are compiled at a time."""


def warm_up(weight: Tensor, pool: Pool, padding: Padding, layers: Collection[str]) -> None:
    """Run each kernel once, on a small signal.

    Args:
        weight: The filters of conv1_1, (C, 3, 3, 3); the features have their dtype and device.
        pool: The pooling.
        padding: The padding of the convolutions.
        layers: The names of the layers that losses look at.

    """
    tasks = {**_layer_tasks(weight, pool, padding), **_statistic_tasks(weight, padding, layers)}
    for side in (_SIDE, _SIDE - 1):
        tasks |= _history_tasks(weight, side)
    torch.fft.irfft2(torch.fft.rfft2(_floats(weight, 3, _SIDE, _SIDE)))
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as threads:
        for future in [threads.submit(task) for task in tasks.values()]:
            future.result()


def _layer_tasks(weight: Tensor, pool: Pool, padding: Padding) -> Mapping[object, Callable[[], object]]:
    """Return functions that each load a kernel of the layers."""
    input_frame, frame = (Frame.of(border(padding, first=first), _SIDE, _SIDE) for first in (True, False))
    pooled_frame = Frame.of(border(padding), _SIDE // 2, _SIDE // 2)
    width = len(weight)
    raw, bias, framed_signal = _signal(weight, width, _SIDE), weight.new_zeros(width), _signal(weight, width, _SIDE + 2)
    scale, filters = [1.0] * 3, weight.contiguous()
    gray = _floats(weight, 3, _SIDE, _SIDE)
    scalar = _floats(weight)
    bits = layer_operators.activate(raw, bias, NO_FRAME, True)[1]
    choices = _signal(weight, width, _SIDE // 2)[0].permute(1, 2, 0).to(torch.uint8)
    return {
        "first": lambda: layer_operators.first_forward(gray, input_frame, scale, scale, filters, bias, frame),
        "pool": lambda: layer_operators.pool(raw, bias, *pool, pooled_frame, True),
        "unpool": lambda: layer_operators.unpool(
            _signal(weight, width, _SIDE // 2 + 2), pooled_frame, choices, raw, bias, *pool, _SIDE, _SIDE
        ),
        "bits": lambda: layer_operators.relu_backward(
            framed_signal, frame, None, bits, None, None, True, raw.shape, raw
        ),
        "content": lambda: layer_operators.relu_backward(
            framed_signal, frame, raw, None, scalar, raw[0], True, raw.shape, raw
        ),
        "first back": lambda: layer_operators.first_backward(raw, filters, scale, torch.float32),
        "convolution": lambda: functional.conv2d(raw, _signal(weight, width, 3)),
    }


def _statistic_tasks(
    weight: Tensor, padding: Padding, layers: Collection[str]
) -> Mapping[object, Callable[[], object]]:
    """Return functions that each load a kernel of the statistics that losses measure, or of the gradient by them."""
    width, frame = len(weight), Frame.of(border(padding), _SIDE, _SIDE)
    gray, scalar, total = _floats(weight, 3, _SIDE, _SIDE), _floats(weight), _floats(weight, width, width + 1)
    signal = _signal(weight, width, _SIDE)
    tasks: dict[object, Callable[[], object]] = {
        "distance": lambda: statistic_operators.square_distance(signal[0], signal[0]),
        "excess": lambda: statistic_operators.excess(gray),
        "add excess": lambda: statistic_operators.add_excess(gray, scalar, gray.clone()),
        "gram": lambda: statistic_operators.gram_distance(total, scalar, total, 1.0, weight.dtype),
    }
    deepest = max(layers, key=list(LAYERS).index, default="")
    for name in layers:
        channels = width * LAYERS[name].channels // LAYERS["conv1_1"].channels
        kind = min(channels, 2 * _MAX_BLOCK_CHANNELS)
        features, framed_features = _signal(weight, channels, _SIDE), _signal(weight, channels, _SIDE + 2)
        gram = weight.new_zeros(channels, channels)
        framed = None if name == deepest else framed_features
        arguments = framed, NO_FRAME if framed is None else frame, features, gram, None, None, None
        if not LAYERS[name].is_pool:
            tasks["linear", kind, framed is None] = lambda arguments=arguments: layer_operators.linear(*arguments, True)
        tasks["moments", kind] = lambda features=features: statistic_operators.moments(features[0], None)
    return tasks


_MAX_BLOCK_CHANNELS = 128
"""The most channels of a kernel's block; layers with more channels use kernels with several blocks."""


def _history_tasks(weight: Tensor, side: int) -> Mapping[object, Callable[[], object]]:
    """Return functions that each load a kernel of L-BFGS, for images with a number of pixels along each side.

    Args:
        weight: A tensor on the device, in the precision of the curvature pairs.
        side: The number of pixels; a kernel for lengths that are multiples of 16 reads memory in larger words.

    Returns:
        The functions by kernel and side.

    """
    pairs, length, device = 4, 3 * side**2, weight.device
    steps = torch.zeros(pairs, length, dtype=weight.dtype, device=device)
    vector, scalar = _floats(weight, length), _floats(weight)
    image, flags = vector.view(3, side, side), torch.zeros(2, dtype=torch.int32, device=device)
    ages = torch.zeros(pairs, dtype=torch.int64, device=device)
    small_matrix = torch.zeros(pairs, pairs, dtype=torch.float64, device=device)
    scale, row_products = small_matrix[0, 0], torch.zeros(5, pairs, dtype=torch.float64, device=device)
    step_fraction, max_step, loss, last_loss, step_length = (scalar.clone() for _ in range(5))
    matrices = (
        row_products[:, 0].clone(),
        row_products,
        small_matrix.clone(),
        small_matrix.clone(),
        small_matrix[0].clone(),
        ages.clone(),
    )
    limits = [1.0] * 9

    def _complete() -> object:
        return history_operators.complete(steps, steps.clone(), ages, vector, vector.clone(), scalar, scalar, 1.0)

    def _solve() -> object:
        return history_operators.solve(*matrices, loss, last_loss, step_length, step_fraction, max_step, limits)

    def _advance() -> object:
        history = steps.clone(), ages.clone()
        scalars = scalar, scalar, flags, scalar.clone()
        return history_operators.advance(vector, image, scalar, image, image.clone(), *history, *scalars, 1.0, 1.0)

    return {
        ("complete", side): _complete,
        ("products", side): lambda: history_operators.products(steps, steps, ages, vector),
        "solve": _solve,
        ("combination", side): lambda: history_operators.combination(
            steps, steps, vector, scale, small_matrix[0], small_matrix[0]
        ),
        ("advance", side): _advance,
    }


def _signal(template: Tensor, channels: int, side: int) -> Tensor:
    """Return a square signal of zeros, with the dtype and device of `template`."""
    zeros = torch.zeros(1, channels, side, side, dtype=template.dtype, device=template.device)
    return zeros.contiguous(memory_format=torch.channels_last)


def _floats(template: Tensor, *shape: int) -> Tensor:
    """Return zeros in float32, whatever the default precision is, on the device of `template`."""
    return torch.zeros(shape, dtype=torch.float32, device=template.device)
