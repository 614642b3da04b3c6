"""A convolution and the pooling after it, a band of rows at a time: what lies between them is never there as a whole.

In block 1 that would be the largest of all signals, and twice on the way back. Signals are (1, C, H, W) in
channels_last.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from impasto.kernels.borders import Border
from impasto.kernels.cpu.convolution import Convolution
from impasto.kernels.cpu.pooling import Pool, Pullback
from impasto.kernels.cpu.relu import clear_by_bits
from impasto.planning.tiles import BAND, bands

__all__ = ["BAND_SIGNALS", "forward"]

BAND_SIGNALS = 3
"""Signals of `BAND` units that are alive in a band at the peak, forward or back."""

_BUSY = 4 * BAND
"""Units of a band on a GPU, which is not kept busy by few."""


def forward(
    convolution: Convolution, border: Border, pool: Pool, signal: Tensor, *, retain: bool
) -> tuple[Tensor, Pullback | None]:
    """Return the pooled output of a convolution, (1, out, H // 2, W // 2), and the way back, if it is to be kept."""
    above, below, left, right = border.cuts
    height, width = (signal.shape[2] - above - below) // 2, (signal.shape[3] - left - right) // 2
    channels = len(convolution.bias)
    pooled = _empty((1, channels, height, width), signal)
    pullbacks: list[tuple[slice, Pullback]] = []
    at_once = BAND if signal.device.type == "cpu" else _BUSY
    for rows in bands(2 * height, 2 * width * channels, at_once):
        output = convolution.forward(signal, border, rows)
        part = pool.forward(output)
        pooled[:, :, rows.start // 2 : rows.stop // 2] = part
        if retain:
            pullbacks.append((rows, _through(pool, output, part)))
        del output
    if not retain:
        return pooled, None
    shape = signal.shape
    return pooled, lambda cotangent: _pullback(convolution, border, pullbacks, cotangent, shape)


def _through(pool: Pool, output: Tensor, pooled: Tensor) -> Pullback:
    """Return the way back through a pooling and the ReLU before it."""
    back = pool.make_pullback(output, pooled)
    if pool.includes_relu:
        return back
    clear = clear_by_bits(output)

    def pullback(cotangent: Tensor) -> Tensor:
        cotangent = back(cotangent)
        clear(cotangent)
        return cotangent

    return pullback


def _pullback(
    convolution: Convolution,
    border: Border,
    pullbacks: Sequence[tuple[slice, Pullback]],
    cotangent: Tensor,
    shape: Sequence[int],
) -> Tensor:
    """Go back band by band; each adds to the two rows that it shares with the band above, and writes the others."""
    gradient = _empty(shape, cotangent)
    height, above = shape[2], border.cuts.above
    edges: list[Tensor] = []
    for rows, back in pullbacks:
        clear_by_output = back(cotangent[:, :, rows.start // 2 : rows.stop // 2])
        part = convolution.pullback_with_border(clear_by_output, border)
        start = rows.start + above - 1  # the signal's row that the first of these is
        if rows.start:
            gradient[:, :, start : start + 2] += part[:, :, :2]
        first = start + 2 if rows.start else 0
        gradient[:, :, first : rows.stop + above + 1] = part[:, :, first - start :][:, :, : height - first]
        edges = [edges[0] if edges else part[:, :, 0].clone(), part[:, :, -1]]
    for end, edge in border.copied(2):
        if end == 0 or (height - above) % 2 == 0:  # else nothing comes from the last row
            gradient[:, :, edge] += edges[end]
    return gradient


def _empty(shape: Sequence[int], like: Tensor) -> Tensor:
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=torch.channels_last)
