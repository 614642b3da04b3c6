"""The common part of the painting commands: the flags of what is shown, and a job carried out at a terminal."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli import display, launcher, signals, viewer
from impasto.cli.display import Show
from impasto.cli.flags import GROUPS
from impasto.cli.help import BASICS
from impasto.errors import RunError
from impasto.jobs import outputs
from impasto.jobs.amounts import amount
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from impasto.jobs.events import Ended
    from impasto.jobs.session import Session
    from impasto.network.weights import Weights

__all__ = ["Output", "Watch", "carry_out", "load_weights"]

Output = Annotated[Path | None, Parameter(alias="-o", group=GROUPS[BASICS])]


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
    """Show the finished picture in the system's viewer."""

    @property
    def talks(self) -> bool:
        """Whether sentences for people are printed on standard output."""
        return not (self.is_silent or self.json)

    @property
    def is_silent(self) -> bool:
        """Whether only errors are printed: because of `quiet`, or because another process prints the rest."""
        return self.quiet or not launcher.is_lead()

    def progress(self) -> "AbstractContextManager[Show]":
        """Return the display of each evaluation."""
        if self.is_silent:
            return display.silence()
        return display.records() if self.json else display.bar(detailed=self.verbose)


def carry_out(job: Job, watch: Watch | None = None, *, processes: int = 1, painted: Path | None = None) -> None:
    """Carry a job out, and print its progress and its result.

    Args:
        job: What to paint.
        watch: What is shown.
        processes: The number of processes of this machine that divide the picture among them.
        painted: The picture from which the last change of the job continues.

    Raises:
        InputError: the job cannot be carried out as it is.
        RunError: the work failed; the picture so far is saved.
        Interrupted: a signal ended the job early; the picture so far is saved.

    """
    watch = watch or Watch()
    job = outputs.prepare(job)
    if processes > 1 and not launcher.launched():
        launcher.launch(processes)
        return
    from impasto.kernels.cuda.preloading import preload  # noqa: PLC0415 (torch)

    preload(job.runtime.device)
    from impasto.jobs.resources import Resources  # noqa: PLC0415 (loads while the GPU starts)
    from impasto.jobs.session import Session  # noqa: PLC0415
    from impasto.machine.process_start import process_start  # noqa: PLC0415 (psutil)

    session = Session(
        job,
        began=process_start(),
        painted=painted,
        resources=Resources(lambda name: load_weights(name, shown=watch.talks)),
        forecasts=True if watch.verbose or watch.dry_run else None,
    )
    with signals.graceful(session.cancel) as received, closing(session):
        ended = _show(session, watch)
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


def _show(session: "Session", watch: Watch) -> "Ended | None":
    """Show the events of a session; return the event that ended it, or None after the plan of a dry run."""
    from impasto.jobs.events import Announced, Ended, Evaluated, Planned, Remarked, Resumed  # noqa: PLC0415 (torch)

    shown = display.silence() if watch.dry_run else watch.progress()
    with display.while_readable(shown) as show:
        for event in session:
            if isinstance(event, Evaluated):
                show(event.progress)
            elif isinstance(event, Ended):
                return event
            elif isinstance(event, Remarked) and not watch.is_silent:
                display.remark(event.sentence)
            elif isinstance(event, Announced) and watch.talks:
                display.say(event.sentence)
            elif isinstance(event, Resumed) and watch.talks:
                display.say(f"Continuing after {amount(event.evaluations, 'evaluation')}, from {event.checkpoint}.")
            elif isinstance(event, Planned) and (watch.verbose or watch.dry_run):
                if event.seconds is not None and launcher.is_lead():
                    display.plan(event.plan, event.seconds, has_history=session.job.settings.optimizer == "lbfgs")
                if watch.dry_run:
                    break
    return None
