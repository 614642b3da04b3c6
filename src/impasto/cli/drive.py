"""How a command drives a run: what is shown and kept, and what is saved whatever happens."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from impasto import files
from impasto.cli import display, launcher, signals
from impasto.errors import ImpastoError, InputError, RunError, WriteError
from impasto.settings import Runtime, Settings

if TYPE_CHECKING:
    from impasto.transfer.run import Run
    from impasto.transfer.scene import Inputs
    from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Output", "Watch", "drive", "ready"]


@Parameter(name="*", group=Group("Watching", sort_key=1))
@dataclass(frozen=True, kw_only=True)
class Watch:
    """What to show and keep while a picture is painted."""

    overwrite: Annotated[bool, Parameter(negative="")] = False
    """Replace files that exist already."""

    save_every: int = 0
    """Save the picture so far every N evaluations, as OUTPUT-00050.png and so on; 0 is never."""

    plot: Path | None = None
    """Draw the losses over time to this .png, .svg or .pdf file."""

    checkpoint: Path | None = None
    """Where to keep what a run takes to go on if it is ended, until the picture is done; OUTPUT.checkpoint, if not
    given."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record an evaluation on standard output, for programs."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but errors."""

    verbose: Annotated[bool, Parameter(alias="-v", negative="")] = False
    """Print the plan first: stages, tiles, memory and time."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print the plan and paint nothing."""


def _is_free(output: Path) -> bool:
    """Tell whether there is nothing but perhaps a picture that impasto painted."""
    if not output.exists():
        return True
    from impasto.images import read_note  # noqa: PLC0415 (torch)

    try:
        return "impasto" in json.loads(read_note(output) or "{}")
    except (InputError, ValueError):
        return False


Output = Annotated[Path, Parameter(alias="-o")]


def ready(watch: Watch | None, output: Path, settings: Settings, device: str = "cpu") -> Watch:
    """Return what was asked for, its names checked before any work begins; of several processes, only the first shows.

    A run that goes on may replace what it has saved before, but no file of anyone else. If `device` may be a GPU, what
    it needs begins to load in the background.

    Raises:
        InputError: a name could not be written at the end, or a number is out of range.

    """
    watch = watch or Watch()
    kept = watch.checkpoint or output.with_name(f"{output.name}.checkpoint")
    watch = replace(watch, checkpoint=kept, overwrite=watch.overwrite or (kept.exists() and _is_free(output)))
    if not launcher.is_lead():
        watch = replace(watch, save_every=0, plot=None, json=False, quiet=True)
    if watch.save_every < 0:
        raise InputError(f"save_every cannot be {watch.save_every}; it takes a whole number, at least 0.")
    files.check_target(output, overwrite=watch.overwrite)
    files.check_target(kept, overwrite=True)
    from impasto.kernels.cuda.wake import wake  # noqa: PLC0415 (torch)

    wake(device)
    from impasto.images import check_suffix  # noqa: PLC0415 (torch)

    check_suffix(output, longest_side=settings.size, deep=settings.bits == "16")
    if watch.plot is not None:
        from impasto.reports.charts import check_plot  # noqa: PLC0415

        check_plot(watch.plot, overwrite=watch.overwrite)
        if watch.plot.resolve() == output.resolve():
            raise InputError(f"the plot and the picture cannot both be {output}; give one of them another name.")
    return watch


def drive(settings: Settings, runtime: Runtime, watch: Watch, output: Path, inputs: "Inputs") -> None:
    """Begin a run or go on with it, drive it to its end, show it, and save what was asked for, whatever happens."""
    content, styles, initial, keep = inputs[:4]
    transfer = _load(settings, runtime, watch)
    run = transfer.start(content, styles, initial=initial, keep=keep, checkpoint=watch.checkpoint)
    if watch.verbose or watch.dry_run:
        _say_plan(run)
    if watch.dry_run:
        return
    for path in _frames(run, output, watch.save_every):
        files.check_target(path, overwrite=watch.overwrite)
    if run.resumed and not (watch.quiet or watch.json):
        display.say(f"going on after {run.resumed} evaluations, from {watch.checkpoint}")
    with signals.gentle() as ended:
        try:
            _paint(run, output, watch, ended)
        except RunError as error:  # another process was lost, or the memory did not suffice
            _save(run, output, watch)
            raise RunError(f"{error} The picture so far is in {output}.") from error
        if run.stopped == "unfinished":
            raise signals.Interrupted(_end_early(run, output, watch), ended())
        _save(run, output, watch)
        run.forget()
    if run.stopped == "diverged":
        raise RunError(
            f"the loss was not finite, or far too large, after {len(run.history)} evaluations; the best picture so far "
            f"is in {output}; try --dtype float32 or smaller weights."
        )
    if not (watch.quiet or watch.json):
        display.say(f"{output}: {_summary(run)}")


def _load(settings: Settings, runtime: Runtime, watch: Watch) -> "StyleTransfer":
    """Load the network, with a bar if its weights have to be downloaded."""
    from impasto.network.weights import load_weights  # noqa: PLC0415
    from impasto.transfer.style_transfer import StyleTransfer  # noqa: PLC0415 (torch)

    with display.download(shown=not (watch.quiet or watch.json)) as progress:
        weights = load_weights(settings.weights, progress=progress)
    return StyleTransfer(settings, runtime, weights=weights)


def _paint(run: "Run", output: Path, watch: Watch, ended: Callable[[], int]) -> None:
    """Paint until the run is done, or until any of the processes is asked to end."""
    shown = display.silence() if watch.quiet else display.records() if watch.json else display.bar()
    run.report_at = watch.save_every
    reported = len(run.history)
    with display.lasting(shown) as show:
        for _ in run:
            for progress in run.history[reported:]:
                show(progress)
            reported = len(run.history)
            if watch.save_every and len(run.history) % watch.save_every == 0:
                run.save(_numbered(output, len(run.history)), overwrite=watch.overwrite)
            if run.agree(wanted=bool(ended())):
                return


def _end_early(run: "Run", output: Path, watch: Watch) -> str:
    """Save what there is of a picture, and what it takes to go on; return what to say of both."""
    try:
        run.keep()
        later = f"start the same command again to go on from {watch.checkpoint}"
    except ImpastoError as error:
        later = str(error)
    _save(run, output, watch)
    return f"Interrupted after {len(run.history)} evaluations; the picture so far is in {output}; {later}."


def _say_plan(run: "Run") -> None:
    seconds = run.forecast()  # in which all processes take part
    if launcher.is_lead():
        display.plan(run, seconds)


def _frames(run: "Run", output: Path, every: int) -> Iterator[Path]:
    """List the files that --save-every may write."""
    return (_numbered(output, count) for count in range(every, run.plan.evaluations + 1, every or 1) if every)


def _numbered(output: Path, count: int) -> Path:
    return output.with_name(f"{output.stem}-{count:05}{output.suffix}")


def _save(run: "Run", output: Path, watch: Watch) -> None:
    """Save the picture and the plot; where that fails, at least a checkpoint."""
    if not launcher.is_lead():
        return
    try:
        run.save(output, overwrite=watch.overwrite)
    except (InputError, WriteError) as error:  # the disk is full, the folder gone, another file in its place
        raise WriteError(f"{error} {_kept(run, watch)}") from error
    if watch.plot is not None and run.history:
        from impasto.reports.charts import plot_losses  # noqa: PLC0415

        plot_losses(run.history, watch.plot, overwrite=watch.overwrite)


def _kept(run: "Run", watch: Watch) -> str:
    """Leave a checkpoint and say so; several processes would have to do it together, so theirs is an earlier one."""
    try:
        if launcher.launched():
            return f"What was kept before is in {watch.checkpoint}."
        run.keep()
    except ImpastoError as error:
        return str(error)
    return f"The run is kept in {watch.checkpoint}: put that right and start the same command again."


def _summary(run: "Run") -> str:
    """Say in a line what became of a run."""
    size = run.plan.stages[-1].size
    if not run.history:
        return f"{size}, nothing evaluated"
    last = run.history[-1]
    loss = min(progress.loss for progress in run.history if progress.stage == last.stage)
    return f"{size}, loss {loss:.4g}, {len(run.history)} evaluations in {display.clock(last.seconds)} ({run.stopped})"
