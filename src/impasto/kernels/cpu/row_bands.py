"""A convolution and the pooling after it, one band of rows at a time, so that the signal between them is never stored.

In block 1 that signal would be the largest of all, and the backward pass would store two of its size. Signals are
(1, C, H, W) in channels_last.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.kernels.borders import Border
from impasto.kernels.cpu.convolution import Convolution
from impasto.kernels.cpu.pooling import Pool, Pullback
from impasto.kernels.cpu.relu import clear_by_bits
from impasto.planning.tiles import bands

__all__ = ["BAND_SIGNALS", "forward"]

BAND_SIGNALS = 3
"""The number of signals of `BAND` units that are alive at the peak of a band, in the forward or backward pass."""


def forward(
    convolution: Convolution, border: Border, pool: Pool, signal: Tensor, *, retain: bool
) -> tuple[Tensor, Pullback | None]:
    """Return the pooled output of a convolution and its ReLU.

    Args:
        convolution: The layer's convolution, with its ReLU.
        border: The padding of the signal, and the sides without padding.
        pool: The pooling after the ReLU.
        signal: The input of the convolution, (1, in, H, W).
        retain: Whether to retain the data that the pullback needs.

    Returns:
        The pooled output, (1, out, H // 2, W // 2), and with `retain` the pullback to the signal.

    """
    above, below, left, right = border.cuts
    height, width = (signal.shape[2] - above - below) // 2, (signal.shape[3] - left - right) // 2
    channels = len(convolution.bias)
    pooled = _empty((1, channels, height, width), signal)
    pullbacks: list[tuple[slice, Pullback]] = []
    for rows in bands(2 * height, 2 * width * channels):
        output = convolution.forward(signal, border, rows)
        pooled_band = pool.forward(output)
        pooled[:, :, rows.start // 2 : rows.stop // 2] = pooled_band
        if retain:
            pullbacks.append((rows, _pool_relu_pullback(pool, output, pooled_band)))
        del output
    if not retain:
        return pooled, None
    shape = signal.shape
    return pooled, lambda cotangent: _convolution_pullback(convolution, border, pullbacks, cotangent, shape)


def _pool_relu_pullback(pool: Pool, output: Tensor, pooled: Tensor) -> Pullback:
    """Return the pullback of a pooling and the ReLU before it."""
    pool_pullback = pool.make_pullback(output, pooled)
    if pool.includes_relu:
        return pool_pullback
    clear = clear_by_bits(output)

    def _pullback(cotangent: Tensor) -> Tensor:
        cotangent = pool_pullback(cotangent)
        clear(cotangent)
        return cotangent

    return _pullback


def _convolution_pullback(
    convolution: Convolution,
    border: Border,
    pullbacks: Sequence[tuple[slice, Pullback]],
    cotangent: Tensor,
    shape: Sequence[int],
) -> Tensor:
    """Return the gradient by the signal, band by band.

    Each band adds to the two rows that it has in common with the band above, and writes its other rows.
    """
    gradient = _empty(shape, cotangent)
    height, cut_above = shape[2], border.cuts.above
    edges: list[Tensor] = []
    for rows, band_pullback in pullbacks:
        output_cotangent = band_pullback(cotangent[:, :, rows.start // 2 : rows.stop // 2])
        band_gradient = convolution.pullback_with_border(output_cotangent, border)
        start = rows.start + cut_above - 1  # the row of the signal that is the band's first
        if rows.start:
            gradient[:, :, start : start + 2] += band_gradient[:, :, :2]
        first = start + 2 if rows.start else 0
        gradient[:, :, first : rows.stop + cut_above + 1] = band_gradient[:, :, first - start :][:, :, : height - first]
        edges = [edges[0] if edges else band_gradient[:, :, 0].clone(), band_gradient[:, :, -1]]
    for end, source in border.copied_edges(2):
        if end == 0 or (height - cut_above) % 2 == 0:  # with an odd height the last row has no gradient
            gradient[:, :, source] += edges[end]
    return gradient


def _empty(shape: Sequence[int], template: Tensor) -> Tensor:
    """Return a tensor in channels_last, with the dtype and device of `template`."""
    return torch.empty(shape, dtype=template.dtype, device=template.device, memory_format=torch.channels_last)
