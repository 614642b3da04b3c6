"""The studio: all jobs, the queue in which they wait, and the processes that work for them.

One worker a device paints the jobs in order. A worker that dies is started again, and its job goes on from the
checkpoint. Whatever happens is in the log of the job.
"""

import asyncio
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from impasto.errors import InputError
from impasto.web.child import Child
from impasto.web.entry import Entry, State
from impasto.web.order import Order
from impasto.web.store import FullError, MissingError, Store, write_json

__all__ = ["READER", "WORKER", "Studio"]

WORKER = (sys.executable, "-m", "impasto.web.worker")
"""How a worker is started; the name of a device follows."""

READER = (sys.executable, "-m", "impasto.web.reader")
"""How the process is started that opens uploads."""

MAX_DEATHS = 3
"""How often a worker may die at one job without a new event in between, before the job counts as failed."""

END_SECONDS = 30.0
"""Seconds that a worker has to save a checkpoint when the studio closes."""

READER_SECONDS = 120.0
"""Seconds that a picture may take to be opened."""

TRASH_SECONDS = 24 * 3600.0
"""Seconds for which a deleted job can be restored; afterward its files are deleted when the studio starts."""

UNUSED_SECONDS = 24 * 3600.0
"""Seconds after which an upload that no job uses is deleted when the studio starts."""

_ENDS: dict[str, State] = {"finished": "done", "converged": "done", "diverged": "failed", "failed": "failed"}
"""The state of a job by the reason why its run ended."""

_NEXT: dict[State, tuple[State, ...]] = {
    "waiting": ("waiting", "paused", "stopped"),
    "painting": ("paused", "stopped", "waiting"),
    "paused": ("waiting", "paused", "stopped"),
    "stopped": ("waiting", "stopped"),
    "failed": ("waiting",),
    "done": (),
}
"""The states that can be asked for, by the state of the job."""


class Studio:
    """All jobs of a folder, and the processes that paint them.

    Args:
        store: The folder.
        devices: The devices, each with a worker of its own; `auto` is the fastest one of this machine.
        worker: The command that starts a worker.
        reader: The command that starts the process that opens uploads.

    """

    def __init__(
        self,
        store: Store,
        *,
        devices: Sequence[str] = ("auto",),
        worker: Sequence[str] = WORKER,
        reader: Sequence[str] = READER,
    ) -> None:
        self.store = store
        self.entries: dict[str, Entry] = {}
        self.workers = {device: Child([*worker, device], store.root / "worker.log") for device in devices}
        self._reader = Child(reader, store.root / "reader.log")
        self._reading = asyncio.Lock()
        self._painting: dict[str, Child] = {}
        self._wishes: dict[str, State] = {}
        """The states that were asked for while a job is painted."""
        self._deaths: dict[str, tuple[int, int]] = {}
        """How often a worker died at a job, and the number of its events then."""
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the jobs of the folder, take up the queue, and start the workers."""
        for folder in self.store.job_folders():
            with suppress(InputError):  # a folder without a whole order was never a job
                self.entries[folder.name] = Entry(folder)
        for entry in list(self.entries.values()):
            if entry.deleted and time.time() - entry.deleted > TRASH_SECONDS:
                del self.entries[entry.id]
                await asyncio.to_thread(shutil.rmtree, entry.folder)
            elif entry.state == "painting":
                entry.move_to("waiting", "The studio was started again; the picture goes on from its last checkpoint.")
        self.store.forget_unused(
            {each for entry in self.entries.values() for each in entry.order.uploads}, UNUSED_SECONDS
        )
        self._tasks = [asyncio.create_task(self._work(child)) for child in self.workers.values()]

    async def close(self) -> None:
        """Let the workers save checkpoints, and end all processes."""
        for identifier in self._painting:
            self._wishes.setdefault(identifier, "waiting")
        await asyncio.gather(*(child.end(END_SECONDS) for child in self.workers.values()), self._reader.end(1))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def entry(self, identifier: str) -> Entry:
        """Return a job.

        Raises:
            MissingError: there is none.

        """
        if identifier not in self.entries:
            raise MissingError(f"there is no job {identifier[:60]!r}.")
        return self.entries[identifier]

    def shown(self) -> list[Entry]:
        """List the jobs that are not deleted, the newest first."""
        return [entry for entry in reversed(self.entries.values()) if not entry.deleted]

    def add(self, order: Order) -> Entry:
        """Put a job into the queue.

        Args:
            order: What is asked for.

        Returns:
            The job.

        Raises:
            MissingError: one of its pictures is not uploaded.
            FullError: the quota is reached.

        """
        self.check_space()
        for identifier in order.uploads:
            self.store.upload(identifier)
        folder = self.store.new_job()
        self.store.take(folder, order.uploads)
        entry = self.entries[folder.name] = Entry(folder, order)
        entry.names = self._names(order)
        entry.move_to("waiting")
        self._wake.set()
        return entry

    def check_space(self) -> None:
        """Check that the folder may grow; where it may not, what was deleted can no longer be restored.

        Raises:
            FullError: the quota is reached.

        """
        if self.store.is_full():
            self._clean(0.0, UNUSED_SECONDS)
        if self.store.is_full():
            raise FullError(
                f"the studio's folder has reached its quota of {self.store.quota / 1e9:.1f} GB; delete pictures in "
                "the gallery, or start the studio with a larger --quota."
            )

    def _clean(self, trash_seconds: float, unused_seconds: float) -> None:
        """Delete the files of jobs that were deleted, and uploads that no job uses, some seconds ago."""
        for entry in list(self.entries.values()):
            is_old = time.time() - entry.deleted >= trash_seconds
            if entry.deleted and is_old and entry.id not in self._painting:
                del self.entries[entry.id]
                shutil.rmtree(entry.folder)
        used = {each for entry in self.entries.values() for each in entry.order.uploads}
        self.store.forget_unused(used, unused_seconds)

    def change(self, identifier: str, changes: dict[str, Any]) -> Entry:
        """Change a job: its state, its place in the queue, or what is painted, also while it is painted.

        Args:
            identifier: The job.
            changes: `state`, `position`, or fields of an order.

        Returns:
            The job.

        Raises:
            InputError: a change is not accepted; then nothing is changed.

        """
        entry, fields = self.entry(identifier), dict(changes)
        state, position = fields.pop("state", None), fields.pop("position", None)
        if state is not None and state not in _NEXT[entry.state]:
            accepted = " or ".join(_NEXT[entry.state]) or "no other state; order another picture"
            raise InputError(f"state cannot be {state!r} for a job that is {entry.state}; it takes {accepted}.")
        if position is not None and not (isinstance(position, int | float) and abs(position) < 1e12):
            raise InputError(f"position cannot be {position!r}; it takes a number, and the least is first.")
        if fields:
            self._reorder(entry, entry.order.changed(fields))
        if position is not None:
            entry.position = float(position)
            entry.save()
        if state is not None:
            self._ask(entry, state)
        return entry

    def delete(self, identifier: str) -> None:
        """Delete a job, so that it can still be restored for a day."""
        entry = self.entry(identifier)
        if entry.state in {"waiting", "painting", "paused"}:
            self._ask(entry, "stopped")
        entry.deleted = time.time()
        entry.save()

    def restore(self, identifier: str) -> Entry:
        """Undo that a job was deleted."""
        entry = self.entry(identifier)
        entry.deleted = 0.0
        entry.save()
        return entry

    async def opened(self, source: Path, name: str) -> dict[str, Any]:
        """Take a file that was uploaded: move it into the folder, open it, and make its thumbnail.

        Args:
            source: The file.
            name: Its name for people.

        Returns:
            What is known of the picture, with its `id`.

        Raises:
            InputError: the file is not a picture, or cannot be read.

        """
        path = await asyncio.to_thread(self.store.received, source)
        record = path.with_suffix(".json")
        if not record.exists():
            found = await self.read({"open": str(path)})
            if "error" in found:
                self.store.forget(path.name)
                raise InputError(found["error"].replace(str(path), "the picture").replace(path.name, "the picture"))
            write_json(record, {"id": path.name, "name": name[:200], **found})
        path.touch()
        return {**self.store.info(path.name), "name": name[:200]}

    async def read(self, message: dict[str, Any]) -> dict[str, Any]:
        """Ask the process that opens pictures; one that crashes or takes too long is ended, and the next gets its turn.

        Args:
            message: What `reader.answer` takes.

        Returns:
            Its answer, with a sentence as `error` if there is none.

        """
        async with self._reading:
            await self._reader.start()
            self._reader.send(message)
            try:
                answer = await asyncio.wait_for(self._reader.receive(), READER_SECONDS)
            except TimeoutError:
                answer = None
            if answer is None:
                await self._reader.end(0.1)
                return {"error": "the picture ended the program that reads it; save it again in another format."}
            return answer

    def _names(self, order: Order) -> dict[str, str]:
        return {identifier: Path(self.store.info(identifier).get("name", "")).stem for identifier in order.uploads}

    def _reorder(self, entry: Entry, order: Order) -> None:
        """Change what a job paints; a worker that paints it goes on from its canvas."""
        if entry.state == "done":
            raise InputError(f"the job {entry.id} is done; order another picture with what you want to change.")
        fixed = ("initial", "shape", "format", "runtime")
        is_fixed = (order.content is None) == (entry.order.content is None) and all(
            getattr(order, name) == getattr(entry.order, name) for name in fixed
        )
        if not is_fixed and (entry.folder / "run.json").exists():
            raise InputError(f"{', '.join(fixed)} cannot change once a job is begun; order another picture.")
        self.store.take(entry.folder, order.uploads)
        entry.order, entry.names = order, {**entry.names, **self._names(order)}
        entry.save()
        if entry.id in self._painting:
            self._painting[entry.id].send({"do": "change", "order": order.written})

    def _ask(self, entry: Entry, state: State) -> None:
        """Bring a job to another state, at once or when its worker has obeyed."""
        if entry.id in self._painting:
            self._wishes[entry.id] = state
            self._painting[entry.id].send({"do": "end"})
            return
        if state == "waiting" and entry.state != "waiting":
            waiting = [each.position for each in self.entries.values() if each.state == "waiting"]
            entry.position = min([*waiting, entry.position]) - 1
        entry.move_to(state)
        self._wake.set()

    async def _work(self, child: Child) -> None:
        """Paint the jobs of the queue with one worker."""
        while True:
            await child.start()
            waiting = [each for each in self.entries.values() if each.state == "waiting" and not each.deleted]
            if not waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            entry = min(waiting, key=lambda each: each.position)
            self._painting[entry.id] = child
            try:
                await self._carry_out(child, entry)
            finally:
                del self._painting[entry.id]

    async def _carry_out(self, child: Child, entry: Entry) -> None:
        """Let a worker paint a job, and write down what it says until it ends."""
        entry.move_to("painting")
        child.send({"do": "paint", "folder": str(entry.folder), "order": entry.order.written})
        while (message := await child.receive()) is not None:
            if "event" in message:
                entry.log(_named(message["event"], entry.names))
            if "ended" in message:
                self._end(entry, message["ended"]["state"], message["ended"]["sentence"])
                return
        await self._mourn(child, entry)

    def _end(self, entry: Entry, reason: str, sentence: str) -> None:
        """Write down how a run ended."""
        wish = self._wishes.pop(entry.id, "stopped")
        state = _ENDS.get(reason, wish)
        entry.move_to(state, sentence if reason in _ENDS else "")

    async def _mourn(self, child: Child, entry: Entry) -> None:
        """Write down that a worker died; its job waits to go on, or failed if no worker survives it."""
        code = await child.end(1)
        wish = self._wishes.pop(entry.id, "waiting")
        count, events = self._deaths.get(entry.id, (0, -1))
        count = 1 if len(entry.lines) > events + 2 else count + 1
        self._deaths[entry.id] = count, len(entry.lines)
        cause = f"ended by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
        if count >= MAX_DEATHS:
            entry.move_to("failed", f"the worker was {cause} {count} times at this picture; try a smaller size.")
            return
        entry.log({"event": "restarted", "sentence": f"The worker was {cause}. It was started again and goes on."})
        entry.move_to(wish)


def _named(event: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return an event whose sentence names pictures as people do, not by their identifiers."""
    sentence = event.get("sentence")
    for identifier, name in names.items():
        sentence = sentence and sentence.replace(identifier, name)
    return event if sentence is None else {**event, "sentence": sentence}
