"""Resampling to another size."""

import pytest
import torch

from impasto.images import Picture, resample


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (7, 90), (31, 40), (64, 64), (200, 33)])
def test_a_constant_stays_constant_to_the_border(size: tuple[int, int], dtype: torch.dtype) -> None:
    resampled = resample(torch.full((2, 50, 60), 0.7, dtype=dtype), *size)
    assert resampled.shape == (2, *size)
    assert resampled.dtype == dtype
    assert (resampled - 0.7).abs().max() < (1e-6 if dtype == torch.float32 else 1e-14)


def test_the_same_size_returns_the_same_tensor() -> None:
    pixels = torch.rand(3, 5, 6)
    assert resample(pixels, 5, 6) is pixels


def test_float64_is_computed_in_float64() -> None:
    pixels = torch.rand(3, 40, 50, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    difference = resample(pixels, 21, 33) - resample(pixels.float(), 21, 33)
    assert 0 < difference.abs().max() < 1e-6


@pytest.mark.parametrize("size", [300, 256, 128])
def test_a_zone_plate_does_not_alias(size: int) -> None:
    side = 1024
    axis = torch.arange(side, dtype=torch.float64) - side / 2 + 0.5
    squared = axis[:, None] ** 2 + axis**2
    plate = 0.5 + 0.5 * torch.cos(torch.pi * squared / side)[None]  # frequency r / side cycles a pixel
    small = resample(plate, size, size)[0]
    radius = resample(squared.sqrt()[None], size, size)[0]
    finer = (radius > size / 2) & (radius < side / 2)  # beyond what the new pixels can hold
    coarse = radius < size / 8
    assert (small[finer] - 0.5).std() < 0.05
    assert (small[(radius > 1.5 * size / 2) & finer] - 0.5).abs().max() < 0.1
    assert plate[0, ::4, ::4].std() > 0.25, "every fourth pixel does alias"
    exact = 0.5 + 0.5 * torch.cos(torch.pi * radius**2 / side)
    assert (small[coarse] - exact[coarse]).abs().max() < 0.15


def test_enlarging_keeps_a_straight_line_straight() -> None:
    ramp = torch.linspace(-2, 5, 20, dtype=torch.float64).expand(1, 9, 20)
    inside = resample(ramp, 9, 80)[0, 4, 8:-8]
    assert inside.diff().diff().abs().max() < 1e-12


def test_only_a_picture_is_clamped() -> None:
    step = torch.cat([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)], dim=2)
    assert resample(step, 16, 64).max() > 1.01
    resized = Picture(step, note="mine").resized(64, 16)
    assert (resized.width, resized.height, resized.note) == (64, 16, "mine")
    assert (resized.pixels.min(), resized.pixels.max()) == (0, 1)
