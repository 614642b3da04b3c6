"""The memory that the network needs, step by step: on a CPU as `vgg` computes it, on a GPU as `whole_image` does.

The kernels state how many bytes they retain for each unit of a layer; this module adds these up.
"""

from collections.abc import Collection, Iterator

from impasto.kernels.cpu.pooling import retained_bytes
from impasto.kernels.cpu.relu import RETAINED_BYTES
from impasto.kernels.cpu.row_bands import BAND_SIGNALS
from impasto.kernels.cuda import layer_operators
from impasto.layers import CONVOLUTIONS, steps
from impasto.planning.footprint import IMAGE_BYTES, NetworkFootprint, StepFootprint
from impasto.planning.tiles import BAND, GPU_UNITS
from impasto.settings.choices import Pooling

__all__ = ["footprint"]


def footprint(pooling: Pooling, layers: Collection[str], feature_bytes: int, *, is_fused: bool) -> NetworkFootprint:
    """Return the memory that a tile needs.

    Args:
        pooling: The kind of pooling.
        layers: The names of the layers that losses look at.
        feature_bytes: The size of one feature, in bytes.
        is_fused: Whether each step is computed for the whole tile at once, as on a GPU.

    Returns:
        The bytes per pixel that the tile sees; on a CPU, the bytes of a band of rows; and on a GPU, the number of
        pixels that a tile must stay below.

    """
    if is_fused:
        fused = _fused_steps(pooling, layers, feature_bytes)
        return NetworkFootprint.of_steps(IMAGE_BYTES, fused, max_pixels=GPU_UNITS / CONVOLUTIONS[0].units)
    in_bands = _steps(pooling, layers, feature_bytes)
    return NetworkFootprint.of_steps(3.0 * feature_bytes, in_bands, BAND_SIGNALS * BAND * feature_bytes)


def _steps(pooling: Pooling, layers: Collection[str], feature_bytes: int) -> Iterator[StepFootprint]:
    """List the footprints of the steps on a CPU, where a ReLU retains bits and a convolution retains nothing."""
    input_bytes = 3.0 * feature_bytes
    for step in steps(layers):
        first, last = step[0], step[-1]
        is_requested, output_bytes = last.name in layers, last.units * feature_bytes
        retained = output_bytes if is_requested else 0.0
        if last.is_pool:
            retained += last.units * retained_bytes(pooling, feature_bytes)
        is_cleared_by_output = is_requested and first is last
        is_cleared_by_pooling = last.is_pool and pooling == "max"
        if not (first.is_pool or is_cleared_by_output or is_cleared_by_pooling):
            retained += first.units * RETAINED_BYTES
        yield StepFootprint(output_bytes, retained, input_bytes + output_bytes, retains_output=is_requested)
        input_bytes = output_bytes


def _fused_steps(pooling: Pooling, layers: Collection[str], feature_bytes: int) -> Iterator[StepFootprint]:
    """List the footprints of the steps on a GPU, where a convolution's raw output and the step's output coexist."""
    input_bytes = float(IMAGE_BYTES)
    for step in steps(layers):
        first, last = step[0], step[-1]
        is_first, is_requested = first is CONVOLUTIONS[0], last.name in layers
        output_bytes, raw_bytes = last.units * feature_bytes, first.units * feature_bytes
        retained = output_bytes if is_requested or is_first else 0.0
        if last.is_pool:
            retained += last.units * layer_operators.CHOICE_BYTES + (raw_bytes if pooling == "l2" else 0.0)
        elif not is_requested:
            retained += last.units * layer_operators.RELU_BYTES
        backward = max(output_bytes + raw_bytes, raw_bytes + input_bytes)
        if is_first:
            backward = output_bytes + layer_operators.FIRST_LAYER_TAPS * feature_bytes + IMAGE_BYTES
        scratch = 0.0 if is_first or first.is_pool else raw_bytes
        yield StepFootprint(output_bytes, retained, backward, scratch, retained >= output_bytes)
        input_bytes = output_bytes
