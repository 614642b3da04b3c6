"""Masks of faces and shoulders, with which the pictures of the docs are painted."""

import torch

HOPPER = (0.51, 0.34, 0.23, 0.24)
"""The ellipse of the face in the demo's photograph: its center and radii as fractions of width and height."""


def ellipse(width: int, height: int, face: tuple[float, float, float, float], edge: float) -> torch.Tensor:
    """Return a mask that is 1 in an ellipse and falls to 0 around it, (H, W).

    Args:
        width: Of the mask.
        height: Of the mask.
        face: The center (x, y) and the radii (x, y) of the ellipse, as fractions of width and height.
        edge: The width of the soft edge, as a fraction of the radii.

    """
    center_x, center_y, radius_x, radius_y = face
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    distance = (((x - center_x) / radius_x) ** 2 + ((y - center_y) / radius_y) ** 2).sqrt()
    return ((1.1 - distance) / edge).clamp(0, 1)


def person(width: int, height: int, face: torch.Tensor) -> torch.Tensor:
    """Return a mask of the person in the demo's photograph, the face and the shoulders, with a soft edge, (H, W)."""
    y, x = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    shoulders = ((y - 0.58 - 1.3 * (x - 0.5) ** 2) / 0.05 + 0.5).clamp(0, 1)
    return face.maximum(shoulders)
