"""The studio: all jobs of a folder, how they are ordered, changed, deleted and restored."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from impasto.errors import InputError, WriteError
from impasto.web import results
from impasto.web.entry import Entry, State
from impasto.web.order import Order
from impasto.web.queue import Queue
from impasto.web.store import FullError, MissingError, Store
from impasto.web.uploads import Uploads

__all__ = ["READER", "WORKER", "Studio"]

WORKER = (sys.executable, "-m", "impasto.web.worker")
"""How a worker is started; the name of a device follows."""

READER = (sys.executable, "-m", "impasto.web.reader")
"""How the process is started that opens uploads."""

TRASH_SECONDS = 24 * 3600.0
"""Seconds for which a deleted job can be restored; afterward its files are deleted when the studio starts."""

_NEXT_STATES: dict[State, tuple[State, ...]] = {
    "waiting": ("waiting", "paused", "stopped"),
    "painting": ("paused", "stopped", "waiting"),
    "paused": ("waiting", "paused", "stopped"),
    "stopped": ("waiting", "stopped"),
    "failed": ("waiting",),
    "done": ("waiting",),
}
"""The states that can be asked for, by the state of the job."""


class Studio:
    """All jobs of a folder, and the processes that paint them.

    Args:
        store: The folder.
        devices: The devices, each with a worker of its own; `auto` is the fastest one of this machine.
        worker: The command that starts a worker.
        reader: The command that starts the process that opens uploads.
        batch: Records of results of `impasto batch`, which become jobs of the studio.

    """

    def __init__(
        self,
        store: Store,
        *,
        devices: Sequence[str] = ("auto",),
        worker: Sequence[str] = WORKER,
        reader: Sequence[str] = READER,
        batch: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.is_closing = False
        """Whether the server is to end: streams of events end, too."""
        self._batch = batch
        self._import_task: asyncio.Task[None] | None = None
        self.store = store
        self.entries: dict[str, Entry] = {}
        self.uploads = Uploads(store, reader)
        self._queue = Queue(self.entries, [[*worker, device] for device in devices], store.root / "worker.log")

    async def start(self) -> None:
        """Read the jobs of the folder, take up the queue, and start the workers."""
        self.store.delete_unfinished()
        for folder in self.store.job_folders():
            with suppress(InputError):  # a folder without a complete order was never a job
                self.entries[folder.name] = Entry(folder)
        for entry in self.entries.values():
            if entry.state == "painting":
                entry.move_to(
                    "waiting", "The studio was started again; the picture continues from its last checkpoint."
                )
        self._clean(TRASH_SECONDS)
        self._queue.start()
        self._import_task = asyncio.create_task(self._import_results())

    async def _import_results(self) -> None:
        """Show the results of a batch, one after another; a picture that cannot be ordered here is left out."""
        for record in self._batch:
            with suppress(InputError):
                if entry := await results.import_result(record, self.store, self.uploads):
                    self.entries[entry.id] = entry

    async def close(self) -> None:
        """Let the workers save checkpoints, and end all processes."""
        if self._import_task is not None:
            self._import_task.cancel()
        await asyncio.gather(self._queue.close(), self.uploads.close())

    def entry(self, identifier: str) -> Entry:
        """Return a job.

        Raises:
            MissingError: there is none.

        """
        if identifier not in self.entries:
            raise MissingError(f"there is no job {identifier[:60]!r}.")
        return self.entries[identifier]

    def visible_entries(self) -> list[Entry]:
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
        try:
            self.store.add_inputs(folder, order.uploads)
            entry = Entry(folder, order)
            entry.names = self.uploads.names(order.uploads)
            entry.save()
        except Exception:
            self.store.delete_job(folder)
            raise
        self.entries[folder.name] = entry
        entry.move_to("waiting")
        self._queue.wake()
        return entry

    def check_space(self) -> None:
        """Check that the folder may grow; where it may not, what was deleted can no longer be restored.

        Raises:
            FullError: the quota is reached.

        """
        if self.store.is_full():
            self._clean(0.0)
        if self.store.is_full():
            raise FullError(
                f"the studio's folder has reached its quota of {self.store.quota / 1e9:.1f} GB; delete pictures in "
                "the gallery, or start the studio with a larger --quota."
            )

    def _clean(self, trash_seconds: float) -> None:
        """Delete the files of jobs that were deleted some seconds ago, and old uploads that no job uses."""
        for entry in list(self.entries.values()):
            is_old = time.time() - entry.deleted >= trash_seconds
            if entry.deleted and is_old and not self._queue.is_painting(entry):
                del self.entries[entry.id]
                self.store.delete_job(entry.folder)
        self.store.delete_unused({upload for entry in self.entries.values() for upload in entry.order.uploads})

    def change(self, identifier: str, changes: dict[str, Any]) -> Entry:
        """Change a job: its state, its place in the queue, or what is painted, also while it is painted.

        Args:
            identifier: The job.
            changes: `state`, `position`, or fields of an order.

        Returns:
            The job.

        Raises:
            InputError: a change is not accepted, or the job was deleted; then nothing is changed.
            WriteError: the disk is full; then what is painted is not changed.

        """
        entry, fields = self.entry(identifier), dict(changes)
        if entry.deleted:
            raise MissingError(f"the job {identifier} was deleted; restore it first.")
        state, position = fields.pop("state", None), fields.pop("position", None)
        is_painted_film = entry.order.is_film and entry.state == "done"
        next_states = () if is_painted_film else _NEXT_STATES[entry.state]
        if state is not None and state not in next_states:
            accepted = "it takes " + " or ".join(next_states) if next_states else "order another film"
            raise InputError(f"state cannot be {state!r} for a job that is {entry.state}; {accepted}.")
        if position is not None and not (isinstance(position, int | float) and abs(position) < 1e12):
            raise InputError(f"position cannot be {position!r}; it takes a number, and the least is first.")
        if fields:
            repaints = self._reorder(entry, entry.order.changed(fields))
            state = "waiting" if entry.state == "done" and repaints else state
        if position is not None:
            entry.position = float(position)
            entry.save()
        if state is not None:
            if entry.state == "done":
                entry.progress = None  # another run begins, from the picture
            self._queue.ask(entry, state)
        return entry

    def delete(self, identifier: str) -> None:
        """Delete a job, so that it can still be restored for a day; where the disk is full, delete its files."""
        entry = self.entry(identifier)
        if entry.state in {"waiting", "painting", "paused"}:
            self._queue.ask(entry, "stopped")
        entry.deleted = time.time()
        try:
            entry.save()
        except WriteError:
            self._clean(0.0)

    def restore(self, identifier: str) -> Entry:
        """Undo that a job was deleted."""
        entry = self.entry(identifier)
        entry.deleted = 0.0
        entry.save()
        self._queue.wake()  # a job that was painted when the studio was killed waits
        return entry

    def _reorder(self, entry: Entry, order: Order) -> bool:
        """Change what a job paints, which continues from its canvas; return whether more than its name is changed."""
        repaints = order.changed({"name": ""}) != entry.order.changed({"name": ""})
        if repaints and entry.is_fixed:
            raise InputError("a film that has begun is painted to its end as it was ordered; order another film.")
        names = ("initial", "shape", "format", *(() if entry.state == "done" else ("runtime",)))

        def fixed_fields(order: Order) -> tuple[object, ...]:
            return order.content is None, order.is_film, *(getattr(order, name) for name in names)

        if entry.has_begun and fixed_fields(order) != fixed_fields(entry.order):
            raise InputError(f"{', '.join(names)} cannot change once a job has started; order another picture.")
        is_changed = order != entry.order
        self.store.add_inputs(entry.folder, order.uploads)
        previous = entry.order, entry.names
        entry.order, entry.names = order, {**entry.names, **self.uploads.names(order.uploads)}
        try:
            entry.save()
        except WriteError:
            entry.order, entry.names = previous
            raise
        if is_changed:
            entry.log({"event": "ordered"})  # other pages that show the job read it again
        self._queue.change(entry)
        return repaints
