"""How the picture is computed: every option of it, with its type, default, range, help and group."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from impasto.settings.choices import Dtype, HistoryDtype, Winograd
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION
from impasto.settings.options import EVERY_COMMAND, Options, option

__all__ = ["Runtime"]

_MEMORY = re.compile(r"(\d+(?:\.\d+)?) ?([MG])B?", re.IGNORECASE)


def _memory(value: object) -> object:
    """Refuse what is neither auto nor a size in memory above 0."""
    found = _MEMORY.fullmatch(str(value))
    if value != "auto" and not (found and float(found[1])):
        raise ValueError("not a size in memory")
    return value


class Runtime(Options):
    """How the picture is computed: nothing here changes what it is meant to be. Frozen."""

    device: str = option(
        "auto", "Machine", "Where to compute.", "auto, cpu, cuda, cuda:1 or mps", commands=EVERY_COMMAND
    )
    dtype: Literal["auto", Dtype] = option(
        "auto", "Machine", "Precision of the network's features; auto measures which is faster.", commands=EVERY_COMMAND
    )
    memory: Annotated[str, BeforeValidator(_memory)] = option(
        "auto",
        "Machine",
        "Memory that the process may take; auto is what is free.",
        "auto, or a size above 0 such as 4GB or 800MB",
        commands=("paint", "sweep", "measure", "figures"),
    )
    history_dtype: Literal["auto", HistoryDtype] = option(
        "auto",
        "Machine",
        "Precision of the steps that L-BFGS remembers; bfloat16 takes half the memory.",
        commands=("paint", "sweep", "figures"),
    )
    winograd: Literal["auto", Winograd] = option(
        "auto",
        "Machine",
        "Fewer multiplications a convolution, with more rounding: along lines or, in float32, in tiles; auto measures.",
        commands=EVERY_COMMAND,
    )
    threads: int = option(
        0,
        "Machine",
        "Processor threads; 0 is one for each core, or fewer where that is faster.",
        ge=0,
        le=4096,
        commands=EVERY_COMMAND,
    )

    checkpoint_every: float = option(
        60.0,
        "Machine",
        "Seconds from one checkpoint of a run to the next, at least; they take "
        f"{CHECKPOINT_TIME_FRACTION:.0%} of the time, at most. 0 is none.",
        ge=0,
        commands=("paint",),
    )

    @property
    def bytes(self) -> float | None:
        """`memory` in bytes; None: what is free."""
        found = _MEMORY.fullmatch(self.memory)
        return float(found[1]) * {"M": 1e6, "G": 1e9}[found[2].upper()] if found else None
