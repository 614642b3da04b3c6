"""A session at a terminal: the flags of what is shown, the events as they come, and how the command ends."""

import json
from contextlib import closing, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli import display, launcher, signals, viewer
from impasto.cli.flags import GROUPS
from impasto.errors import RunError
from impasto.interactive.progress_bar import bar
from impasto.jobs.amounts import amount
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from impasto.film.session import FilmSession
    from impasto.interactive.progress_bar import Show
    from impasto.jobs.events import Ended, Event
    from impasto.jobs.session import Session

__all__ = ["FilmWatch", "Watch", "show_session"]


@Parameter(name="*", group=GROUPS["Watching"])
@dataclass(frozen=True, kw_only=True)
class Watch:
    """Flags of what is shown while a picture is painted."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record for each evaluation on standard output, for programs."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but errors."""

    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False
    """Print the plan first, with stages, tiles, memory and time, and show the loss while painting."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print the plan and paint nothing."""

    open: Annotated[bool, Parameter(negative="")] = False
    """Show the result in the system's viewer."""

    @property
    def talks(self) -> bool:
        """Whether sentences for people are printed on standard output."""
        return not (self.is_silent or self.json)

    @property
    def is_silent(self) -> bool:
        """Whether only errors are printed: because of `quiet`, or because another process prints everything else."""
        return self.quiet or not launcher.is_lead()

    @property
    def has_plan(self) -> bool:
        """Whether the plan is printed."""
        return self.verbose or self.dry_run

    def progress(self) -> "AbstractContextManager[Show]":
        """Return the display of each evaluation."""
        if self.is_silent or self.dry_run:
            return nullcontext(display.print_nothing)
        return nullcontext(display.print_record) if self.json else bar("stage" if self.verbose else "")


@Parameter(name="*", group=GROUPS["Watching"])
@dataclass(frozen=True, kw_only=True)
class FilmWatch(Watch):
    """Flags of what is shown while a film is painted."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record for each frame on standard output, for programs."""

    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False
    """Print the plan of the first frame, with stages, tiles and memory, and show the loss while painting."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print how many frames, how long and how much memory, and paint nothing."""

    @property
    def has_plan(self) -> bool:
        """Whether the plan of the first frame is printed."""
        return self.verbose

    def progress(self) -> "AbstractContextManager[Show]":
        """Return the display of each evaluation."""
        if not self.talks or self.dry_run:
            return nullcontext(display.print_nothing)
        return bar("frame" if self.verbose else "")


def show_session(session: "Session | FilmSession", job: Job, watch: Watch) -> None:
    """Show the events of a session, its result or why it ended early, and open the result if that is asked for.

    Args:
        session: A session that has not begun.
        job: Its job, or the job of the frames of its film.
        watch: What is shown.

    Raises:
        InputError: the job cannot be carried out as it is.
        RunError: the work failed; the picture so far is saved.
        Interrupted: a signal ended the job early; the picture so far is saved.

    """
    with signals.graceful(session.cancel) as received, closing(session):
        ended = _show_events(session, job, watch)
        if ended is not None and ended.stopped == "unfinished":
            raise signals.Interrupted(ended.sentence, received())
    if ended is None:
        return
    if ended.stopped == "diverged":
        raise RunError(ended.sentence)
    if watch.talks:
        display.say(f"{job.output}: {ended.sentence}")
    if watch.open and job.output is not None and launcher.is_lead():
        viewer.show(job.output)


def _show_events(session: "Session | FilmSession", job: Job, watch: Watch) -> "Ended | None":
    """Show the events of a session; return the event that ended it, or None after the plan of a dry run."""
    from impasto.jobs.events import Ended, Evaluated, Planned  # noqa: PLC0415 (torch)

    with display.while_readable(watch.progress()) as show:
        for event in session:
            if isinstance(event, Evaluated):
                show(event.progress)
            elif isinstance(event, Ended):
                return event
            elif isinstance(event, Planned):
                if watch.has_plan and event.seconds is not None and launcher.is_lead():
                    display.plan(event.plan, event.seconds, has_history=job.settings.optimizer == "lbfgs")
                if watch.dry_run:
                    return None
            else:
                _print_sentence(event, watch)
    return None


def _print_sentence(event: "Event", watch: Watch) -> None:
    """Print what an event says to people, or the record of a frame for programs."""
    from impasto.jobs.events import Announced, Painted, Remarked, Resumed  # noqa: PLC0415 (torch)

    if isinstance(event, Remarked) and not watch.is_silent:
        display.remark(event.sentence)
    elif isinstance(event, Announced) and watch.talks:
        display.say(event.sentence)
    elif isinstance(event, Resumed) and watch.talks:
        display.say(f"Continuing after {amount(event.evaluations, 'evaluation')}, from {event.checkpoint}.")
    elif isinstance(event, Painted) and watch.json:
        display.say(json.dumps(event.as_dict()))
