"""Numbers that bound options or appear in help texts, and that other modules read from here."""

from impasto.layers import LAYERS

__all__ = ["CHECKPOINT_TIME_FRACTION", "GRID", "MAX_EVALUATIONS", "MAX_STYLE_SCALE", "MIN_SIDE", "PLATEAU_WINDOW"]

GRID = LAYERS["conv5_4"].stride
"""The number of pixels that divides the sides of a seamless picture, so that the deepest layer wraps around."""

MIN_SIDE = 2 * GRID
"""The least pixels on the short side of a picture: two units of conv5_1, which padding by reflection requires."""

MAX_EVALUATIONS = 1_000_000
"""The most evaluations of a stage."""

MAX_STYLE_SCALE = 10
"""The largest ratio of the short side of a style image to the short side of the picture."""

PLATEAU_WINDOW = 20
"""The number of evaluations over which the decrease of the loss is compared with `Settings.tolerance`."""

CHECKPOINT_TIME_FRACTION = 0.05
"""The largest fraction of a run's time for saving checkpoints; if they take longer, they are saved less often than
`Runtime.checkpoint_every` says."""
