"""A session carries a film out: it yields events, and saves the film however it ends.

    session = FilmSession(film)
    for event in session:
        print(event.as_dict())

Each frame is painted by a session of its own. A session starts no thread; `cancel` may come from any thread or from a
signal handler, and is obeyed after the current evaluation.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from typing import cast

from impasto import files
from impasto.errors import InputError
from impasto.film import encoding
from impasto.film.extra import library
from impasto.film.faces import average_faces, lacks_faces, with_neighbors, without_face_styles
from impasto.film.film import Film
from impasto.film.frames import Frames
from impasto.film.motion import MOTION_BYTES, REMEMBERED_FRAMES, Motion
from impasto.film.video import Video
from impasto.film.workload import Workload
from impasto.images import Picture
from impasto.jobs import sources
from impasto.jobs.amounts import amount, cost
from impasto.jobs.events import Announced, Ended, Evaluated, Event, Painted, Planned, PreviewReady, Remarked, Saved
from impasto.jobs.job import AUTO, Job
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.network.weights import Weights
from impasto.transfer.target_cache import TargetCache

__all__ = ["FilmSession"]

PICTURE_BYTES = 256e6
"""The most bytes of paintings that stay opened from one frame to the next."""


class FilmSession:
    """Carries a film out; iterate over its events.

    The events are those of `Session`, of which `Planned` comes once, with the seconds of the whole film; `Evaluated`
    counts frames as stages; and `Painted` comes after each frame.

    Args:
        film: The film.
        load: A function that returns the weights of a name that `Settings.weights` accepts.
        preview_seconds: The least seconds from one `PreviewReady` to the next; infinite for none.

    Raises:
        InputError: the film cannot be painted as it is, or a file could not be written.

    """

    def __init__(
        self, film: Film, *, load: Callable[[str], Weights] | None = None, preview_seconds: float = math.inf
    ) -> None:
        if not isinstance(cast("object", film), Film):
            raise InputError(f"a session of a film cannot carry out {film!r:.80}; give a Film.")
        film.check()
        library("cv2")
        self.film = film
        self._frames = Frames(film.output, film.fingerprint())
        self._frames.check()
        is_own = self._frames.is_begun and (not files.exists(film.output) or bool(encoding.read_note(film.output)))
        self._overwrite = film.job.overwrite or is_own
        files.check_output(film.output, overwrite=self._overwrite, inputs=film.job.all_inputs)
        self._neighbors: Sequence[Picture] = ()
        """The frames around the one that is painted, itself among them."""
        self._resources = Resources(
            load,
            targets=TargetCache(),
            picture_bytes=PICTURE_BYTES,
            find_focus=lambda _: average_faces(self._neighbors),
        )
        self._preview_seconds, self._next_preview = preview_seconds, 0.0
        self._session: Session | None = None
        self._is_cancelled = threading.Event()
        self._events = self._carry_out()

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        return next(self._events)

    def cancel(self) -> None:
        """End the film early: the film of the frames so far is saved, and the last event is `Ended`."""
        self._is_cancelled.set()
        if self._session is not None:
            self._session.cancel()

    def preview(self) -> Picture:
        """Return the frame that is being painted, so far; call it after a `PreviewReady`, before the next event.

        Raises:
            InputError: no frame has been planned yet.

        """
        if self._session is None:
            raise InputError("there is no preview yet: the session has planned no frame; take its events first.")
        return self._session.preview()

    def close(self) -> None:
        """End the session; the painted frames stay in their folder, and no more events come."""
        self._events.close()

    def _carry_out(self) -> Generator[Event, None, None]:
        film = self.film
        video = Video.open(film.source, start=film.start, end=film.end, fps=film.fps)
        yield from map(Remarked, video.remarks)
        count, done = len(video.times), len(self._frames.painted_files(len(video.times)))
        yield Announced(f"Painting {amount(count, 'frame')} of {film.job.description}.")
        if done:
            yield Announced(f"Continuing after {amount(done, 'frame')}, from {self._frames.folder}.")
        workload = Workload(count, done)
        first, self._neighbors = next(with_neighbors(video))
        yield from self._forecast(first, workload)
        old_frames = self._frames.begin()
        if old_frames is not None:
            yield Remarked(f"this is a new film, and the frames of the other one are now in {old_frames}.")
        if done < count:
            yield from self._paint(video, workload)
        yield from self._save(video)

    def _forecast(self, first: Picture, workload: Workload) -> Iterator[Event]:
        """Plan the first frame, and forecast time and memory of the film; nothing is written."""
        title = f"the first frame of {self.film.source.name}"
        job = self._job(0, replace(first, title=title), None).replace(output=None, preview=None)
        if lacks_faces(self.film.job.replace(content=first)):
            yield Remarked(f"no face was found in {title}, so styles whose region is faces do not paint there.")
        with closing(Session(job, resources=self._resources, forecasts=True)) as session:
            for event in session:
                if isinstance(event, Remarked):
                    yield event
                elif isinstance(event, Planned):
                    plan = event.plan
                    seconds = (event.seconds or 0.0) * workload.plan(plan, self.film.following) / plan.work
                    plan = plan._replace(baseline=plan.baseline + MOTION_BYTES * math.prod(plan.asked_size))
                    focus = average_faces(self._neighbors) if job.focus == AUTO else None
                    yield from map(Announced, sources.face_announcements(job, self.film.source.name, focus))
                    yield Announced(cost(seconds, plan.bytes))
                    yield Planned(plan, seconds)
                    return

    def _paint(self, video: Video, workload: Workload) -> Iterator[Event]:
        """Paint the frames that are not painted yet, each from the frame before it."""
        painting: Picture | None = None
        previous: Picture | None = None
        motion = Motion()
        first = len(self._frames.painted_files(len(video.times))) - REMEMBERED_FRAMES
        for number, (frame, self._neighbors) in enumerate(with_neighbors(video)):
            if number < first:
                continue
            content, initial = frame, None
            if painting is not None and previous is not None:
                small = frame.resized(painting.width, painting.height)
                initial = motion.follow(painting, previous, small)
                content = frame if initial is None else small
            if not self._frames.is_painted(number):
                yield from self._paint_frame(self._job(number, content, initial), workload)
                if self._is_cancelled.is_set():
                    return
            painting = Picture.open(self._frames.path(number))
            previous = content.resized(painting.width, painting.height)

    def _job(self, number: int, frame: Picture, initial: Picture | None) -> Job:
        """Return the job of a frame: one that follows another starts from it, and has a single stage."""
        settings = self.film.job.settings if initial is None else self.film.following
        output = self._frames.path(number)
        job = self.film.job.replace(
            content=frame, initial=initial, settings=settings, output=output, checkpoint=None, overwrite=True
        )
        return without_face_styles(job) if lacks_faces(job) else job

    def _paint_frame(self, job: Job, workload: Workload) -> Iterator[Event]:
        """Paint a frame, from its checkpoint if it has one."""
        preview_seconds = self._preview_seconds
        with closing(Session(job, resources=self._resources, preview_seconds=preview_seconds)) as session:
            self._session = session
            if self._is_cancelled.is_set():
                session.cancel()
            for event in session:
                if session.run is None:
                    continue
                if isinstance(event, PreviewReady) and time.monotonic() >= self._next_preview:
                    self._next_preview = time.monotonic() + self._preview_seconds
                    yield event
                elif isinstance(event, Evaluated):
                    yield Evaluated(workload.progress(event.progress, session.run.plan, len(session.run.history)))
                elif isinstance(event, Ended) and event.stopped != "unfinished":
                    workload.add(session.run.plan)
                    if event.stopped == "diverged":
                        yield Remarked(event.sentence)
                    yield Painted(
                        workload.painted, workload.count, job.output.name if job.output else "", event.sentence
                    )

    def _save(self, video: Video) -> Iterator[Event]:
        """Write the film of the frames so far, and tell how it ended."""
        film, output, count = self.film, self.film.output, len(video.times)
        frames = self._frames.painted_files(count)
        hint = f"start the same command again to continue from {self._frames.folder}"
        if not frames:
            yield Ended("unfinished", f"Interrupted before the first frame was painted; {hint}.")
            return
        note = {"impasto": version("impasto"), **film.job.note, "settings": film.job.settings.model_dump()}
        note["film"] = film.model_dump(mode="json", exclude={"job"})
        remarks = encoding.encode(video, frames, output, note=json.dumps(note), overwrite=self._overwrite)
        yield from map(Remarked, remarks)
        yield Saved(output, "film")
        if len(frames) < count:
            yield Ended("unfinished", f"Interrupted after {len(frames)} of {count} frames; they are {output}; {hint}.")
            return
        size = Picture.open(frames[0])
        if not film.save_frames:
            self._frames.delete()
        yield Ended("finished", f"{amount(count, 'frame')}, {size.width} × {size.height}")
