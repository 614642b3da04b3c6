"""The command that paints many pictures: `batch`."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.batch import naming
from impasto.batch.combination import Combination, Pair, Pairing, open_styles
from impasto.batch.manifest import STANDARD_INPUT, Manifest
from impasto.batch.ordering import WINDOW
from impasto.cli import display, signals
from impasto.cli.flags import GROUPS, BatchFlags, make_job
from impasto.cli.help import BASICS
from impasto.cli.painting import Output
from impasto.errors import InputError, RunError
from impasto.jobs import outputs
from impasto.jobs.amounts import amount, duration
from impasto.jobs.job import Job, StyleSource
from impasto.settings.limits import check_per_core

if TYPE_CHECKING:
    from impasto.batch.forecast import Forecast
    from impasto.batch.outcome import Tally
    from impasto.batch.scheduler import Scheduler
    from impasto.batch.workers import Workers
    from impasto.cli.batch_display import Show

__all__ = ["batch"]

Jobs = Combination | Manifest


@Parameter(name="*", group=GROUPS["Watching"])
@dataclass(frozen=True, kw_only=True)
class BatchWatch:
    """Flags of what is shown while pictures are painted."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record for each job that ends on standard output, for programs."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but errors."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print how many pictures, how long and how much memory, and paint nothing."""

    def progress(self, scheduler: "Scheduler", workers: "Workers", tally: "Tally") -> "AbstractContextManager[Show]":
        """Return the display of the outcomes of the jobs: failures alone, JSON records, or lines and bars."""
        from impasto.cli import batch_display  # noqa: PLC0415 (rich's tables, for this command only)

        if self.quiet:
            return nullcontext(batch_display.print_failure)
        return nullcontext(batch_display.print_record) if self.json else batch_display.bars(scheduler, workers, tally)


@Parameter(name="*", group=GROUPS[BASICS])
@dataclass(frozen=True, kw_only=True)
class Crew:
    """Flags of who paints."""

    workers: int = 1
    """Workers that paint at the same time, over Ray; 0 means one for each GPU of the cluster, or each processor."""

    ray: Annotated[str | None, Parameter(metavar="ADDRESS")] = None
    """Paint over Ray: local starts it on this machine, auto finds the one that runs here, or an address."""

    send_files: Annotated[bool, Parameter(negative="")] = False
    """Send its files with each job, to workers that do not see the folders of this machine."""


def batch(
    *photos: Annotated[str, Parameter(name="PHOTO")],
    style: Annotated[list[str] | None, Parameter(negative="", metavar="PAINTING", group=GROUPS[BASICS])] = None,
    output: Output = None,
    name: Annotated[str, Parameter(metavar="PATTERN", group=GROUPS[BASICS])] = naming.DEFAULT_PATTERN,
    pair: Annotated[Pair | None, Parameter(group=GROUPS[BASICS])] = None,
    blend: Annotated[bool, Parameter(negative="", group=GROUPS[BASICS])] = False,
    manifest: Annotated[Path | None, Parameter(metavar="FILE", group=GROUPS[BASICS], allow_leading_hyphen=True)] = None,
    waits: Annotated[bool, Parameter(name="--watch", negative="", group=GROUPS[BASICS])] = False,
    log: Annotated[Path | None, Parameter(metavar="FILE", group=GROUPS["Output"])] = None,
    crew: Crew | None = None,
    watch: BatchWatch | None = None,
    flags: BatchFlags = None,
) -> None:
    """Paint many pictures: each PHOTO with each --style, into the folder of -o.

    The same command continues what was interrupted: a picture that is there from equal settings and files is not
    painted again. A file that cannot be used is told at the end, after all others are painted. In the name of a mask,
    {name} stands for the name of each photograph: --keep masks/{name}.png.

        impasto batch photos/ --style a.jpg --style b.jpg,scale=2 -o painted
        impasto batch "photos/**/*.jpg" --style a.jpg -o painted --workers 2
        impasto batch --manifest jobs.jsonl -o painted

    Args:
        photos: Photographs, folders and globs. Folders below a folder are mirrored in the folder of
            the results.
        style: A painting, perhaps with its options, as `impasto paint` takes them: a.jpg,weight=2. A folder or a glob
            stands for each picture in it. Give --style several times for several paintings.
        output: The folder of the results; it is made if it is missing.
        name: The names of the results: {content}, {style}, {folder} and settings such as {size} stand for their values.
        pair: Paint each photograph with one painting: the one at its place in the order, or the one of its name.
        blend: Blend all paintings in each picture.
        manifest: A file of JSON lines, one job each, in place of photographs; - is standard input.
        waits: Wait for photographs that appear and paint them, too, until Ctrl-C.
        log: The log of results, JSON lines. [default: results.jsonl in the folder of the results]
        crew: The flags of who paints.
        watch: The flags of what is shown.
        flags: The options.

    """
    common = make_job(flags)
    if manifest is not None:
        _check_manifest(manifest, (*photos, *(style or ())))
        jobs: Jobs = Manifest(manifest, output or Path(), common, name)
    else:
        pairing: Pairing = "blend" if blend else pair or "product"
        paintings = _paintings(photos, style or (), output)
        jobs = Combination(photos, paintings, output or Path(), common, name, pairing, is_watched=waits)
    _carry_out(jobs, log, waits=waits, crew=crew or Crew(), watch=watch or BatchWatch())


def _paintings(photos: Sequence[str], styles: Sequence[str], output: Path | None) -> list[StyleSource]:
    """Return the paintings, if there are photographs, paintings and a folder of the results."""
    if not photos:
        raise InputError("there is no photograph; name some, such as impasto batch photos/ --style a.jpg -o painted.")
    if output is None:
        raise InputError("the folder of the results is missing; name one, such as -o painted.")
    paintings = open_styles(styles)
    if not paintings:
        raise InputError(f"there is no painting; name one: impasto batch {photos[0]} --style a.jpg -o {output}.")
    return paintings


def _check_manifest(manifest: Path, sources: Sequence[str]) -> None:
    """Refuse photographs and paintings with a manifest, and a flag in its place: it may begin with a hyphen."""
    if manifest != STANDARD_INPUT and str(manifest).startswith("-"):
        raise InputError(
            f"the manifest cannot be {manifest}; name a file of JSON lines, ./{manifest} if that is its name, or - for "
            "standard input."
        )

    if sources:
        raise InputError(
            f"a manifest says what is painted, so {sources[0]} cannot be used; leave it out, or leave --manifest out."
        )


def _carry_out(jobs: Jobs, log: Path | None, *, waits: bool, crew: Crew, watch: BatchWatch) -> None:
    """Paint the jobs, show and log their outcomes, and write an index at the end."""
    if crew.ray is None:
        check_per_core("workers", crew.workers)
        check_per_core("threads", jobs.common.runtime.threads)
    count, folder = _count(jobs, waits=waits), jobs.folder
    from impasto.batch import index  # noqa: PLC0415
    from impasto.batch.outcome import Tally  # noqa: PLC0415
    from impasto.batch.result_log import LOG_NAME, ResultLog  # noqa: PLC0415
    from impasto.batch.scheduler import Scheduler  # noqa: PLC0415

    if watch.dry_run:
        from impasto.batch.forecast import forecast  # noqa: PLC0415 (torch)

        _print_forecast(forecast(jobs, crew.workers), as_json=watch.json)
        return
    tally, path = Tally(count), log or folder / LOG_NAME
    with closing(_open_workers(crew, folder, jobs.common)) as workers, closing(ResultLog(path)) as results:
        is_list = isinstance(jobs, Manifest) and not jobs.is_stream
        source = jobs.watch() if isinstance(jobs, Combination) and waits else jobs
        scheduler = Scheduler(source, workers, WINDOW if is_list else 1)
        progress = display.while_readable(watch.progress(scheduler, workers, tally))
        with signals.graceful(scheduler.cancel) as received, progress as show:
            for outcome in scheduler:
                results.write(outcome)
                tally.add(outcome)
                show(outcome, tally)
    page = folder / "index.html"
    index.write(path, page)
    _conclude(tally, path, page, watch, received())


def _count(jobs: Jobs, *, waits: bool) -> int | None:
    """Refuse results of one name, and what cannot be watched; return the number of jobs, or None if it is unknown."""
    if isinstance(jobs, Manifest):
        if waits:
            raise InputError("a manifest cannot be watched; watch a folder, or give the manifest through a pipe as -.")
        return None if jobs.is_stream else naming.refuse_clashes(jobs)
    count = naming.refuse_clashes(jobs)
    for first in islice(jobs, 1):
        outputs.check_formats(first)
    return None if waits else count


def _open_workers(crew: Crew, folder: Path, common: Job) -> "Workers":
    """Return the workers that are asked for."""
    shared_folder = folder / ".impasto"
    if crew.workers == 1 and crew.ray is None:
        from impasto.batch.local_workers import LocalWorkers  # noqa: PLC0415 (torch)
        from impasto.batch.painter import Painter  # noqa: PLC0415

        return LocalWorkers(Painter(folder=shared_folder))
    from impasto.batch.ray_workers import RayWorkers  # noqa: PLC0415 (an extra)

    return RayWorkers(
        crew.workers,
        address=crew.ray or "local",
        threads=common.runtime.threads,
        folder=shared_folder,
        sends_files=crew.send_files,
    )


def _print_forecast(forecast: "Forecast", *, as_json: bool) -> None:
    """Print what painting will take."""
    if as_json:
        display.say(json.dumps({"event": "forecast", **asdict(forecast)}))
        return
    refused = f", {forecast.refused} cannot be used" if forecast.refused else ""
    display.say(f"{amount(forecast.count, 'picture')}, {forecast.painted} of them painted already{refused}.")
    display.say(
        f"The others take about {duration(forecast.seconds)} and {forecast.bytes / 1e9:.2f} GB of memory a worker, "
        f"with {amount(forecast.workers, 'worker')} on {forecast.machine}."
    )


def _conclude(tally: "Tally", log: Path, page: Path, watch: BatchWatch, signal: int) -> None:
    """Print the totals, and end with the exit code that they call for."""
    if watch.json:
        display.say(json.dumps({"event": "ended", "count": tally.count, **tally.states}))
    elif not watch.quiet:
        display.say(f"{tally}. Results: {page}, log: {log}.")
    if signal:
        raise signals.Interrupted(f"Interrupted: {tally}; start the same command again to continue.", signal)
    if tally["failed"]:
        raise RunError(f"{amount(tally['failed'], 'picture')} failed; {log} says why.")
