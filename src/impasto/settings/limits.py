"""Numbers that bound options or that a help text names, each read from here by the code that acts on it."""

from impasto.layers import LAYERS

__all__ = ["CHECKPOINT_TIME_FRACTION", "GRID", "MAX_STYLE_SCALE", "MIN_SIDE", "PLATEAU_WINDOW"]

GRID = LAYERS["conv5_4"].stride
"""Pixels of which the sides of a picture are multiples where its edges meet, so that the deepest layer wraps around."""

MIN_SIDE = 2 * GRID
"""Pixels that the short side of every picture needs: two units of conv5_1, which padding by reflection requires."""

MAX_STYLE_SCALE = 10
"""How many times the picture's short side a style image's may be."""

PLATEAU_WINDOW = 20
"""Evaluations over which the fall of the loss is compared with `Settings.tolerance`."""

CHECKPOINT_TIME_FRACTION = 0.05
"""The fraction of a run's time that checkpoints may take, or they become rarer than `Runtime.checkpoint_every`."""
