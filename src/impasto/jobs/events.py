"""What a session says while it carries a job out: frozen records of plain values that travel between processes.

`as_dict` is their JSON: `{"event": "progress", "loss": 12.5, …}`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from impasto.planning.plan import Plan
from impasto.transfer.progress import Progress, Stopped

__all__ = [
    "Ended",
    "Evaluated",
    "Event",
    "Painted",
    "Paused",
    "Planned",
    "PreviewReady",
    "Remarked",
    "Resumed",
    "Saved",
]


@dataclass(frozen=True)
class Event:
    """The base of all events."""

    kind: ClassVar[str]
    """The name of the event in JSON."""

    def as_dict(self) -> dict[str, Any]:
        """Return the event as JSON has it."""
        return {"event": self.kind, **{name: _plain(value) for name, value in asdict(self).items()}}


@dataclass(frozen=True)
class Planned(Event):
    """The run is planned; nothing has been evaluated."""

    plan: Plan
    seconds: float | None
    """How long the run will take, where the session was asked for a forecast."""
    kind: ClassVar[str] = "planned"

    def as_dict(self) -> dict[str, Any]:
        """Return sizes and evaluations of the stages, memory in bytes, and the seconds of the forecast."""
        stages = [
            {"width": stage.size.width, "height": stage.size.height, "evaluations": stage.evaluations}
            for stage in self.plan.stages
        ]
        return {"event": self.kind, "stages": stages, "bytes": self.plan.bytes, "seconds": self.seconds}


@dataclass(frozen=True)
class Resumed(Event):
    """The run goes on from a checkpoint."""

    evaluations: int
    """Evaluations that were done before."""
    checkpoint: Path
    kind: ClassVar[str] = "resumed"


@dataclass(frozen=True)
class Remarked(Event):
    """Something happened that the user did not ask for, such as a page of a file that is left out."""

    sentence: str
    kind: ClassVar[str] = "remark"


@dataclass(frozen=True)
class Evaluated(Event):
    """One evaluation is done."""

    progress: Progress
    kind: ClassVar[str] = "progress"

    def as_dict(self) -> dict[str, Any]:
        """Return the progress as a flat record."""
        return {"event": self.kind, **self.progress.as_dict()}


@dataclass(frozen=True)
class PreviewReady(Event):
    """The picture so far may be looked at with `Session.preview` before the session goes on."""

    evaluations: int
    """Evaluations that were done."""
    kind: ClassVar[str] = "preview"


@dataclass(frozen=True)
class Saved(Event):
    """A file was written."""

    path: Path
    what: Literal["picture", "picture so far", "plot", "sheet"]
    size: str = ""
    """Width × height in pixels, of a sheet."""
    kind: ClassVar[str] = "saved"


@dataclass(frozen=True)
class Paused(Event):
    """The session waits for `Session.resume` or `Session.cancel`; a checkpoint was saved if the job names one."""

    evaluations: int
    """Evaluations that were done."""
    kind: ClassVar[str] = "paused"


@dataclass(frozen=True)
class Painted(Event):
    """One picture of several is done."""

    number: int
    """From 1."""
    count: int
    """Pictures in all."""
    name: str
    sentence: str
    """What became of the picture, for people."""
    kind: ClassVar[str] = "painted"


@dataclass(frozen=True)
class Ended(Event):
    """The job is over; what there is of the picture is saved."""

    stopped: Stopped
    """finished, converged, diverged, or unfinished where the job was cancelled."""
    sentence: str
    """What became of the job, for people."""
    kind: ClassVar[str] = "ended"


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
