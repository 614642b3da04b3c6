"""The events of a session: frozen records of plain values that can be sent to another process.

`as_dict` is their JSON: `{"event": "progress", "loss": 12.5, …}`.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from impasto.planning.plan import Plan
from impasto.settings.choices import Ending
from impasto.transfer.progress import Progress, Stopped

__all__ = [
    "Announced",
    "Changed",
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
        fields = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}
        return {"event": self.kind, **fields}


@dataclass(frozen=True)
class Planned(Event):
    """The run is planned, and its first evaluation comes next."""

    plan: Plan
    """The stages of the run, and its memory."""
    seconds: float | None
    """The predicted time of the run, or None if none was asked for or the run is short."""
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
    """The run continues from a checkpoint."""

    evaluations: int
    """The number of evaluations before the checkpoint."""
    checkpoint: Path
    """The file of the checkpoint."""
    kind: ClassVar[str] = "resumed"


@dataclass(frozen=True)
class Remarked(Event):
    """Something happened that the user did not ask for; for example, a page of a file was left out."""

    sentence: str
    """A description for people."""
    kind: ClassVar[str] = "remark"


@dataclass(frozen=True)
class Announced(Event):
    """Something to know before painting starts: the size of a print, or a long time."""

    sentence: str
    """A description for people."""
    kind: ClassVar[str] = "announced"


@dataclass(frozen=True)
class Evaluated(Event):
    """One evaluation is done."""

    progress: Progress
    """The loss, the time and the number of the evaluation."""
    kind: ClassVar[str] = "progress"

    def as_dict(self) -> dict[str, Any]:
        """Return the progress as a flat record."""
        return {"event": self.kind, **self.progress.as_dict()}


@dataclass(frozen=True)
class PreviewReady(Event):
    """`Session.preview` may be called now, before the next event is taken from the session."""

    evaluations: int
    """The number of evaluations so far."""
    kind: ClassVar[str] = "preview"


@dataclass(frozen=True)
class Saved(Event):
    """A file was written."""

    path: Path
    """The path of the file."""
    what: Literal["picture", "picture so far", "plot", "sheet", "film"]
    """The content of the file."""
    size: str = ""
    """The width × height of a sheet in pixels; empty for other files."""
    kind: ClassVar[str] = "saved"


@dataclass(frozen=True)
class Changed(Event):
    """The run continues with another job; the next event is its plan."""

    evaluations: int
    """The number of evaluations before the change."""
    kind: ClassVar[str] = "changed"


@dataclass(frozen=True)
class Paused(Event):
    """The session waits for `Session.resume` or `Session.cancel`; a checkpoint was saved if the job names one."""

    evaluations: int
    """The number of evaluations so far."""
    kind: ClassVar[str] = "paused"


@dataclass(frozen=True)
class Painted(Event):
    """One picture of several is done."""

    number: int
    """The number of the picture, counted from 1."""
    count: int
    """The number of all pictures."""
    name: str
    """The name of the picture, without a suffix."""
    sentence: str
    """The result, described for people."""
    kind: ClassVar[str] = "painted"


_ENDINGS: dict[Stopped, Ending] = {
    "finished": "done",
    "converged": "done",
    "diverged": "failed",
    "unfinished": "stopped",
}


@dataclass(frozen=True)
class Ended(Event):
    """The job is over; the picture, or the picture so far, is saved."""

    stopped: Stopped
    """The reason: finished, converged, diverged, or unfinished if the job was cancelled."""
    sentence: str
    """The result, described for people."""
    kind: ClassVar[str] = "ended"

    @property
    def ending(self) -> Ending:
        """How the job ended, by the reason."""
        return _ENDINGS[self.stopped]
