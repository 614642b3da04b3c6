"""What several tests of pictures share: a smooth picture, its levels, and what a sentence for the user is."""

from pathlib import Path

import numpy as np
import torch

from impasto.images import Picture

SUFFIXES = [".png", ".jpg", ".webp", ".tif"]


def smooth(height: int = 48, width: int = 64) -> Picture:
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return Picture(torch.stack([x, y, 1 - x * y]))


def samples(picture: Picture) -> np.ndarray:
    """Return 8-bit (H, W, 3), and fail unless the picture holds exactly such levels."""
    levels = picture.pixels.permute(1, 2, 0).double().numpy() * 255
    assert abs(levels - levels.round()).max() < 1e-4
    return levels.round().astype(np.uint8)


def assert_one_sentence(error: Exception, path: Path) -> None:
    message = str(error)
    assert message.startswith(str(path))
    rest = message.removeprefix(str(path))
    assert rest.endswith(".")
    assert ". " not in rest
    assert "\n" not in message
    assert "vips" not in rest.lower()
    assert ";" in rest, "it says what to do"
