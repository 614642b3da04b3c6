"""Numbers that bound options or appear in help texts, which other modules read from here, and the number of cores."""

import os

from impasto.errors import SettingsError
from impasto.layers import LAYERS

__all__ = [
    "CHECKPOINT_TIME_FRACTION",
    "GRID",
    "MAX_EVALUATIONS",
    "MAX_PER_CORE",
    "MAX_STYLE_SCALE",
    "MIN_SIDE",
    "NAMED_TWICE",
    "PLATEAU_WINDOW",
    "check_per_core",
    "cores",
]

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

MAX_PER_CORE = 4
"""The most threads, processes or workers for each core that this process may use. More than one thread a core is slower
already; thousands make an evaluation take minutes, and the machine stops answering."""

NAMED_TWICE = "named_twice"
"""The type of the error of a value in which a name is given twice; its message is the name."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_per_core(name: str, count: int) -> None:
    """Refuse far more threads, processes or workers than this process has cores.

    Args:
        name: What is counted: threads, processes or workers.
        count: How many there are to be.

    Raises:
        SettingsError: there are more than `MAX_PER_CORE` for each core.

    """
    most = MAX_PER_CORE * cores()
    if count > most:
        allowed = f"a number of at most {most}, {MAX_PER_CORE} for each core"
        raise SettingsError(f"{name} cannot be {count}; on this machine it takes {allowed}.")
