"""The common part of the painting commands: the flags of what is shown, and a job carried out at a terminal."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from impasto.cli import display, launcher, signals
from impasto.cli.display import Show
from impasto.errors import RunError
from impasto.jobs import outputs
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from impasto.jobs.events import Ended
    from impasto.jobs.session import Session
    from impasto.network.weights import Weights

__all__ = ["Output", "Watch", "carry_out", "load_weights"]

Output = Annotated[Path, Parameter(alias="-o")]


@Parameter(name="*", group=Group("Watching", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Watch:
    """Flags of what is shown while a picture is painted."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record for each evaluation on standard output, for programs."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but errors."""

    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False
    """Print the plan first: stages, tiles, memory and time."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print the plan and paint nothing."""

    @property
    def is_silent(self) -> bool:
        """Whether only errors are printed: because of `quiet`, or because another process prints the rest."""
        return self.quiet or not launcher.is_lead()

    def progress(self) -> "AbstractContextManager[Show]":
        """Return the display of each evaluation."""
        if self.is_silent:
            return display.silence()
        return display.records() if self.json else display.bar()


def carry_out(job: Job, watch: Watch | None = None, *, processes: int = 1) -> None:
    """Carry a job out, and print its progress and its result.

    Args:
        job: What to paint.
        watch: What is shown.
        processes: The number of processes of this machine that divide the picture among them.

    Raises:
        InputError: the job cannot be carried out as it is.
        RunError: the work failed; the picture so far is saved.
        Interrupted: a signal ended the job early; the picture so far is saved.

    """
    watch = watch or Watch()
    job = outputs.prepared(job)
    if processes > 1 and not launcher.launched():
        launcher.launch(processes)
        return
    from impasto.kernels.cuda.preloading import preload  # noqa: PLC0415 (torch)

    preload(job.runtime.device)
    from impasto.jobs.session import Session  # noqa: PLC0415 (loads while the GPU starts)

    session = Session(
        job,
        load=lambda name: load_weights(name, shown=not (watch.is_silent or watch.json)),
        forecasts=watch.verbose or watch.dry_run,
    )
    with signals.graceful(session.cancel) as received, closing(session):
        _show_plan(session, watch)
        ended = None if watch.dry_run else _show_progress(session, watch)
        if ended is not None and ended.stopped == "unfinished":
            raise signals.Interrupted(ended.sentence, received())
    if ended is not None and ended.stopped == "diverged":
        raise RunError(ended.sentence)
    if ended is not None and not (watch.is_silent or watch.json):
        display.say(f"{job.output}: {ended.sentence}")


def load_weights(name: str, *, shown: bool) -> "Weights":
    """Load the network's weights.

    Args:
        name: A name or path that `Settings.weights` accepts.
        shown: Whether to draw a bar while they are downloaded.

    Returns:
        The weights.

    Raises:
        WeightsError: the weights are missing or damaged.
        DownloadError: the network failed.

    """
    from impasto.network import weights  # noqa: PLC0415 (torch)

    with display.download(shown=shown) as progress:
        return weights.load_weights(name, progress=progress)


def _show_plan(session: "Session", watch: Watch) -> None:
    """Show the events of a session up to its plan."""
    from impasto.jobs.events import Planned, Remarked, Resumed  # noqa: PLC0415 (torch)

    for event in session:
        if isinstance(event, Remarked) and not watch.is_silent:
            display.remark(event.sentence)
        elif isinstance(event, Resumed) and not (watch.is_silent or watch.json):
            display.say(f"continuing after {event.evaluations} evaluations, from {event.checkpoint}")
        elif isinstance(event, Planned):
            if event.seconds is not None and launcher.is_lead():
                display.plan(event.plan, event.seconds, has_history=session.job.settings.optimizer == "lbfgs")
            return


def _show_progress(session: "Session", watch: Watch) -> "Ended | None":
    """Show each evaluation, and return the event that ended the session."""
    from impasto.jobs.events import Ended, Evaluated  # noqa: PLC0415 (torch)

    ended = None
    with display.while_readable(watch.progress()) as show:
        for event in session:
            if isinstance(event, Evaluated):
                show(event.progress)
            elif isinstance(event, Ended):
                ended = event
    return ended
