"""The common part of the painting commands: a job carried out at a terminal."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli import display, launcher
from impasto.cli.flags import GROUPS
from impasto.cli.help import BASICS
from impasto.cli.watching import Watch, show_session
from impasto.jobs import outputs
from impasto.jobs.job import Job

if TYPE_CHECKING:
    from impasto.network.weights import Weights

__all__ = ["Output", "carry_out", "load_weights"]

Output = Annotated[Path | None, Parameter(alias="-o", group=GROUPS[BASICS])]


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
    if processes > 1 and not launcher.is_launched():
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
        resources=Resources(lambda name: load_weights(name, has_bar=watch.talks)),
        forecasts=True if watch.has_plan else None,
    )
    show_session(session, job, watch)


def load_weights(name: str, *, has_bar: bool) -> "Weights":
    """Load the network's weights.

    Args:
        name: A name or path that `Settings.weights` accepts.
        has_bar: Whether to draw a bar while they are downloaded.

    Returns:
        The weights.

    Raises:
        WeightsError: the weights are missing or damaged.
        DownloadError: the network failed.

    """
    from impasto.network import weights  # noqa: PLC0415 (torch)

    with display.download() if has_bar else nullcontext() as progress:
        return weights.load_weights(name, progress=progress)
