"""The process that paints: it takes jobs one after another, and gives their events.

It is started as `python -m impasto.web.worker DEVICE`. Messages to it: `{"do": "paint", "folder": …, "order": …}`,
`{"do": "change", "order": …}` and `{"do": "end"}`; the end of standard input ends the job, with a checkpoint, and the
process.
"""

import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from impasto.errors import ImpastoError, sentence_of
from impasto.film.session import FilmSession
from impasto.images import Picture
from impasto.jobs.continuation import find_continuation
from impasto.jobs.events import Changed, Ended, Evaluated, Event, Planned, PreviewReady, Saved
from impasto.jobs.job import Job
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.transfer.run import Run
from impasto.web import record
from impasto.web.child import Lines
from impasto.web.files import write_json
from impasto.web.order import Order

__all__ = ["Worker", "main"]

PREVIEW_SECONDS = 0.5
"""The least seconds from one preview to the next."""

PREVIEW_SIZE = 1280
"""The long side of a preview, in pixels, at most: what a page shows."""

PREVIEW_QUALITY = 85
"""The quality of a preview as a JPEG file."""

NICENESS = 10
"""How much this process stands behind others, by `nice`: the page stays quick."""


class Worker:
    """Paints jobs one after another.

    Args:
        device: The device that computes, where an order does not name one.

    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._lines = Lines()
        self._orders: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._session: Session | FilmSession | None = None
        self._folder = Path()
        self._order: dict[str, Any] = {}
        """The order of the current job; a change of it may come before there is a session."""
        self._is_ended = False
        self._resources = Resources()

    def run(self) -> None:
        """Paint until standard input ends."""
        threading.Thread(target=self._listen, daemon=True).start()
        with suppress(ImpastoError):
            self._resources.weights("codebook")  # the first job starts sooner
        while (message := self._orders.get()) is not None:
            self._folder = Path(message["folder"])
            self._lines.send({"ended": self._paint()})

    def _listen(self) -> None:
        """Obey messages until standard input ends, which ends the job, too."""
        for message in self._lines:
            self._take(message)
        self._orders.put(None)
        self._end()

    def _take(self, message: dict[str, Any]) -> None:
        """Obey one message."""
        if message["do"] == "end":
            self._end()
            return
        self._order = message["order"]
        if message["do"] == "paint":
            self._is_ended = False
            self._orders.put(message)
        elif isinstance(self._session, Session):  # a film that has begun does not change
            self._session.change(self._job(self._order))

    def _end(self) -> None:
        self._is_ended = True
        if self._session is not None:
            self._session.cancel()

    def _job(self, order: dict[str, Any]) -> Job:
        return Order(**order).job(self._folder, self._device)

    def _paint(self) -> dict[str, Any]:
        """Paint one job; return how it ended."""
        try:
            # A worker that its server left behind may still save a checkpoint.
            with FileLock(self._folder / "worker.lock"):
                return self._paint_film() if Order(**self._order).is_film else self._paint_picture()
        except Exception as error:  # the next job gets its chance
            if not isinstance(error, ImpastoError):
                traceback.print_exc()
            return {"state": "failed", "sentence": sentence_of(error)}
        finally:
            self._session = None

    def _paint_film(self) -> dict[str, Any]:
        """Paint a film, or its frames that are not painted yet."""
        film = Order(**self._order).as_film(self._folder, self._device)
        record.write(film.job, self._folder / "run.json")
        session = self._session = FilmSession(film, load=self._resources.weights, preview_seconds=PREVIEW_SECONDS)
        if self._is_ended:
            session.cancel()
        return self._send_events(session, session)

    def _paint_picture(self) -> dict[str, Any]:
        """Paint one picture from its checkpoint, with the changes that were made and the ones that arrive."""
        order = self._order
        session = self._session = self._open_session(order)
        if self._order is not order:  # a change came before there was a session that could take it
            session.change(self._job(self._order))
        if self._is_ended:
            session.cancel()
        return self._send_events(session, self._recorded_events(session))

    def _recorded_events(self, session: Session) -> Iterator[Event]:
        """Yield the events of a picture; record its job, from which it continues, and its needs, for forecasts."""
        is_first = True
        for event in session:
            if isinstance(event, Changed | Ended):
                record.write(session.job, self._folder / "run.json")
            if session.run is not None and is_first and isinstance(event, Planned):
                write_json(self._folder / "needs.json", session.run.needs().as_dict())
            if session.run is not None and is_first and isinstance(event, Evaluated):
                is_first = False
                self._save_first_checkpoint(session.run, session.job)
            yield event

    def _send_events(self, session: Session | FilmSession, events: Iterable[Event]) -> dict[str, Any]:
        """Send the events of a session and save its previews, to the end; return how it ended."""
        ending = {"state": "failed", "sentence": "the run ended without a result."}
        for event in events:
            if isinstance(event, PreviewReady | Ended):
                with suppress(ImpastoError):  # a full disk; or a film whose frames were all painted before
                    self._save_preview(session.preview())
            if isinstance(event, Ended):
                self._lines.send({"event": {"event": "preview"}})
                self._lines.send({"event": {"event": event.kind, "stopped": event.stopped}})
                ending = {"state": event.ending, "sentence": event.sentence}
            elif not isinstance(event, Saved):
                self._lines.send({"event": event.as_dict()})
        return ending

    def _open_session(self, order: dict[str, Any]) -> Session:
        """Return the session of a job: from its checkpoint, or from its picture if that is done, or from the beginning.

        A job that is done and wanted again continues from its picture with what is ordered now.
        """
        path, checkpoint = self._folder / "run.json", self._folder / "run.checkpoint"
        job = self._job(order)
        open_session = partial(Session, resources=self._resources, preview_seconds=PREVIEW_SECONDS)
        if not path.exists():
            record.write(job, path)
        recorded = record.read(path)
        if not checkpoint.exists() and job.output is not None and job.output.exists():
            continuation = find_continuation(job.output)._replace(job=recorded)
            return open_session(continuation.changed(job), painted=continuation.picture)
        session = open_session(recorded if checkpoint.exists() else job)
        if checkpoint.exists() and recorded.current().changeable != job.changeable:
            session.change(job)
        return session

    def _save_first_checkpoint(self, run: Run, job: Job) -> None:
        """Save a checkpoint after the first evaluation: the worker may end before one is due."""
        record.write(job, self._folder / "run.json")
        if job.runtime.checkpoint_every:
            with suppress(ImpastoError):  # the next one says what is wrong
                run.save_checkpoint()

    def _save_preview(self, picture: Picture) -> None:
        """Save the picture so far as the page shows it."""
        picture.within(PREVIEW_SIZE).save(self._folder / "preview.jpg", overwrite=True, quality=PREVIEW_QUALITY)


def main() -> None:
    """Run a worker for the device that the command line names."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    Worker(sys.argv[1]).run()


if __name__ == "__main__":
    main()
