"""The options of how a picture is computed, each with its type, default, range, help and group."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from impasto.settings.choices import Dtype, HistoryDtype, Winograd
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION
from impasto.settings.options import EVERY_COMMAND, Options, option

__all__ = ["Runtime"]

_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([MG])B?", re.IGNORECASE)


_DEVICE = re.compile(r"auto|(cpu|cuda|mps)(:\d{1,4})?")


def _check_device(value: object) -> object:
    """Refuse a value that cannot be the name of a device."""
    if not (isinstance(value, str) and _DEVICE.fullmatch(value)):
        raise ValueError("not a device")
    return value


def _check_memory(value: object) -> object:
    """Refuse a value that is neither auto nor an amount of memory above 0."""
    amount = _MEMORY.fullmatch(str(value))
    if value != "auto" and not (amount and float(amount[1])):
        raise ValueError("not an amount of memory")
    return value


class Runtime(Options):
    """The options of how a picture is computed; all but `seconds` change it by rounding only. Frozen.

    A budget of time stands here, and not in `Settings`, since what it leads to depends on the machine: the same seconds
    paint another picture on a faster one. The settings that a picture records name the stages and evaluations that were
    painted, which paint the same picture everywhere.
    """

    device: Annotated[str, BeforeValidator(_check_device)] = option(
        "auto", "Expert: machine", "The device that computes.", "auto, cpu, cuda, cuda:1 or mps", commands=EVERY_COMMAND
    )
    dtype: Literal["auto", Dtype] = option(
        "auto",
        "Expert: machine",
        "Precision of the network's features; auto measures which is fastest.",
        commands=EVERY_COMMAND,
    )
    memory: Annotated[str, BeforeValidator(_check_memory)] = option(
        "auto",
        "Expert: machine",
        "The most memory that the process may use; auto is what is free.",
        "auto, or an amount above 0 such as 4GB or 800MB",
        commands=("paint", "sweep", "measure", "figures"),
    )
    history_dtype: Literal["auto", HistoryDtype] = option(
        "auto",
        "Expert: machine",
        "Precision of the curvature pairs of L-BFGS; bfloat16 takes half the memory of float32.",
        commands=("paint", "sweep", "figures"),
    )
    winograd: Literal["auto", Winograd] = option(
        "auto",
        "Expert: machine",
        "Winograd's algorithm, with fewer multiplications and more rounding: in one dimension (lines) or, in float32, "
        "in two (tiles); auto measures which is fastest.",
        commands=EVERY_COMMAND,
    )
    threads: int = option(
        0,
        "Expert: machine",
        "Number of processor threads, at most 4 for each core; 0 means one for each core, or fewer if that is faster.",
        ge=0,
        le=4096,
        commands=EVERY_COMMAND,
    )

    checkpoint_every: float = option(
        60.0,
        "Expert: machine",
        "Seconds from one checkpoint of a run to the next, at least; checkpoints take at most "
        f"{CHECKPOINT_TIME_FRACTION:.0%} of the time. 0 means no checkpoints.",
        ge=0,
        commands=("paint",),
    )

    seconds: float = option(
        0.0,
        "Basics",
        "Seconds from start to file; 0: no limit.",
        ge=0,
        commands=("paint",),
    )

    @property
    def bytes(self) -> float | None:
        """`memory` in bytes, or None for the memory that is free."""
        amount = _MEMORY.fullmatch(self.memory)
        return float(amount[1]) * {"M": 1e6, "G": 1e9}[amount[2].upper()] if amount else None
