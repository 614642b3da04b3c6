"""A job of the studio: what was ordered, its state, the log of its events, and its files.

The log is a file with one JSON record a line; the number of a line is the id of its event. The state is what the log
and a small file say, so it survives the process.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from impasto.errors import WriteError
from impasto.settings.choices import Ending
from impasto.web.files import read_json, write_json
from impasto.web.order import Order
from impasto.web.store import MissingError

__all__ = ["Entry", "State"]

State = Literal["waiting", "painting", "paused"] | Ending
"""paused: ended early, to continue later. A paused or stopped job can continue from its checkpoint."""


class Entry:
    """A job of the studio, read from its folder.

    Args:
        folder: The folder of the job.
        order: What was ordered; None reads it from the folder.

    """

    def __init__(self, folder: Path, order: Order | None = None) -> None:
        self.folder, self.id = folder, folder.name
        self.order = Order(**read_json(folder / "job.json")) if order is None else order
        stored = read_json(folder / "state.json")
        self.state: State = stored.get("state", "waiting")
        self.sentence: str = stored.get("sentence", "")
        self.position: float = stored.get("position", time.time())
        self.deleted: float = stored.get("deleted", 0.0)
        """When the job was deleted, in seconds since 1970; 0 if it was not."""
        self.names: dict[str, str] = stored.get("names", {})
        """The names that the uploads of the order had for people."""
        self.progress: dict[str, Any] | None = None
        self.evaluation_seconds, self.evaluated_pixels = 0.0, 0
        """The seconds of the evaluations so far, and the pixels that were evaluated in them."""
        self.stages: Sequence[dict[str, Any]] = ()
        self.preview = 0
        """The number of the latest preview; 0 if there is none."""
        self.lines: list[bytes] = []
        self._state_changed = asyncio.Event()
        with suppress(FileNotFoundError):
            for line in (folder / "events.jsonl").read_bytes().splitlines():
                self._apply(line)

    def save(self) -> None:
        """Write what was ordered, and the state."""
        write_json(self.folder / "job.json", self.order.json_fields)
        stored = {name: getattr(self, name) for name in ("state", "sentence", "position", "deleted", "names")}
        write_json(self.folder / "state.json", stored)

    def move_to(self, state: State, sentence: str = "") -> None:
        """Give the job another state, and note it in the log.

        Args:
            state: The state.
            sentence: Why, for people.

        """
        self.state, self.sentence = state, sentence
        with suppress(WriteError):  # a full disk: the state is what it is, and the next change is saved again
            self.save()
        self.log({"event": "state", "state": state, "sentence": sentence})
        self._state_changed.set()  # wakes those who wait
        self._state_changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait for another state, some seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._state_changed.wait()

    def log(self, event: dict[str, Any]) -> None:
        """Append an event to the log; where the disk is full, only those who listen now hear of it."""
        try:
            line = json.dumps(event, allow_nan=False, default=str).encode()
        except ValueError:  # a loss that is not a number
            line = b"{}"
        with suppress(OSError), (self.folder / "events.jsonl").open("ab") as file:
            file.write(line + b"\n")
        self._apply(line)

    def file(self, name: str) -> Path:
        """Return the path of a file of the job.

        Raises:
            MissingError: there is no such file yet.

        """
        path = self.folder / name
        if path.is_symlink() or not path.is_file():
            raise MissingError(f"the job {self.id} has no {name} yet; wait for it, or look at its state.")
        return path

    @property
    def is_fixed(self) -> bool:
        """Whether what is painted cannot change any more: a film that has begun is painted to its end as it is."""
        return self.order.is_film and (self.has_begun or self.state == "painting")

    @property
    def has_begun(self) -> bool:
        """Whether a worker has begun with the job."""
        return (self.folder / "run.json").exists()

    @property
    def title(self) -> str:
        """What people call the picture: the name that it was given, or those of its files."""
        if self.order.name:
            return self.order.name
        paintings = " and ".join(self.names.get(style.picture, "a painting") for style in self.order.styles)
        return " in the style of ".join(filter(None, (self.names.get(self.order.content or "", ""), paintings)))

    def summary(self) -> dict[str, Any]:
        """Return the job as the API gives it."""
        has_result = (self.folder / self.order.result).is_file()
        return {
            "id": self.id,
            "state": self.state,
            "sentence": self.sentence,
            "title": self.title,
            "position": self.position,
            "order": self.order.json_fields,
            "names": self.names,
            "progress": self.progress,
            "stages": self.stages,
            "preview": self.preview,
            "is_film": self.order.is_film,
            "is_fixed": self.is_fixed,
            "events": len(self.lines),
            "result": f"/api/jobs/{self.id}/result" if has_result and self.state != "painting" else None,
        }

    def _apply(self, line: bytes) -> None:
        """Take one line of the log into account; a line that was cut by a crash counts as empty."""
        self.lines.append(line)
        try:
            event = json.loads(line)
        except ValueError:
            self.lines[-1] = b"{}"
            return
        match event.get("event"):
            case "progress":
                seconds = event["seconds"] - (self.progress["seconds"] if self.progress else 0.0)
                if seconds >= 0:  # else the run went on from a checkpoint or from its picture
                    self.evaluation_seconds += seconds
                    self.evaluated_pixels += event["width"] * event["height"]
                self.progress = event
            case "planned":
                self.stages = event["stages"]
            case "preview":
                self.preview = len(self.lines)
            case _:
                pass
