"""Sheets of many pictures: the pictures are painted one after another, and the sheet is saved again after each."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from pathlib import Path

from impasto import files
from impasto.errors import InputError, RunError
from impasto.images import Picture, check_suffix
from impasto.jobs import sources
from impasto.jobs.events import Ended, Evaluated, Event, Painted, Saved
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.network.weights import Weights
from impasto.planning.plan import Plan, Size
from impasto.recipes.panel import Panel
from impasto.reports.contact_sheets import Block, draw, measure
from impasto.transfer.progress import Progress
from impasto.transfer.result import Result
from impasto.transfer.schedule import Schedule
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Sheet", "paint"]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A sheet: its file, and the pictures that it shows."""

    path: Path
    """Where the sheet is saved."""
    blocks: Sequence[Block[Panel | Picture]]
    """The blocks of the sheet, from top to bottom."""
    folder: Path | None = None
    """The folder in which each painted picture is saved too, or None; a folder that is missing is made."""
    results: dict[Panel, Result] = field(default_factory=dict[Panel, Result])
    """The results of the pictures that are painted so far."""

    @property
    def panels(self) -> list[Panel]:
        """The pictures to be painted, in order."""
        return [cell for block in self.blocks for cell in block if isinstance(cell, Panel)]

    def file(self, panel: Panel) -> Path | None:
        """Return the path of a picture's own file, or None if it has none."""
        return None if self.folder is None else self.folder / f"{panel.name}.png"

    def size(self, sizes: Mapping[Panel, Size]) -> Size:
        """Return the size of the sheet in pixels, from the sizes of the pictures to be painted."""

        def size_of(cell: Panel | Picture) -> Size:
            return sizes[cell] if isinstance(cell, Panel) else Size(cell.width, cell.height)

        return measure([block.map(size_of) for block in self.blocks])

    def save(self, sizes: Mapping[Panel, Size], *, overwrite: bool) -> None:
        """Draw the pictures that are painted so far, with empty cells for the other pictures.

        Args:
            sizes: The size of each picture to be painted.
            overwrite: Whether an existing file may be replaced.

        """

        def content_of(cell: Panel | Picture) -> Picture | Size:
            if isinstance(cell, Panel):
                return self.results[cell].picture if cell in self.results else sizes[cell]
            return cell

        draw([block.map(content_of) for block in self.blocks]).save(self.path, overwrite=overwrite)


def paint(
    job: Job,
    sheets: Sequence[Sheet],
    *,
    overwrite: bool = False,
    load: Callable[[str], Weights] | None = None,
) -> Iterator[Event]:
    """Paint the pictures of all sheets and save them; after Ctrl-C, the sheets show the pictures painted so far.

    Args:
        job: What all pictures have in common: the photograph, the styles, masks and the runtime. A panel has settings
            of its own, and perhaps styles.
        sheets: The sheets.
        overwrite: Whether existing files may be replaced.
        load: A function that returns the weights of a name that `Settings.weights` accepts.

    Yields:
        `Evaluated`, with the stages of all runs counted as those of one run; `Painted` after each picture; `Saved` for
        each sheet at the end.

    Raises:
        InputError: a picture or a sheet cannot be painted or saved; then nothing has been painted.
        RunError: a file could not be written, or a loss was not finite; the sheets hold the best pictures so far.

    """
    _check(sheets, overwrite=overwrite)
    resources = Resources(load)
    pairs = [(sheet, panel) for sheet in sheets for panel in sheet.panels]
    jobs = {panel: _job(job, panel) for _, panel in pairs}
    plans = {panel: _plan(each, resources) for panel, each in jobs.items()}
    sizes = {panel: plan.stages[-1].size for panel, plan in plans.items()}
    for sheet in sheets:
        check_suffix(sheet.path, longest_side=max(sheet.size(sizes)))
    total = _Total(list(plans.values()))
    try:
        for number, (sheet, panel) in enumerate(pairs):
            session = Session(jobs[panel], resources=resources)
            for event in session:
                if isinstance(event, Evaluated):
                    yield Evaluated(total.progress(number, event.progress))
                elif isinstance(event, Ended):
                    _save(sheet, panel, session.result(), sizes, overwrite=overwrite)
                    yield Painted(number + 1, len(pairs), panel.name, _outcome(sheet.results[panel]))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interruption(sheets)) from None
    for sheet in sheets:
        yield Saved(sheet.path, "sheet", str(sheet.size(sizes)))
    _check_losses(sheets)


def _job(job: Job, panel: Panel) -> Job:
    """Return the job of one panel."""
    if panel.styles is None:
        return job.replace(settings=panel.settings)
    return job.replace(settings=panel.settings, styles=tuple(StyleSource(picture=style) for style in panel.styles))


def _plan(job: Job, resources: Resources) -> Plan:
    """Plan the run of one panel."""
    opened = sources.open_job(job)
    inputs, settings = opened.inputs, opened.settings
    weights, cache = resources.weights(settings.weights), resources.cache
    transfer = StyleTransfer(settings, job.runtime, weights=weights, cache=cache)
    return transfer.plan(inputs.content, inputs.styles, keep=inputs.keep, focus=inputs.focus)


def _check(sheets: Sequence[Sheet], *, overwrite: bool) -> None:
    """Refuse paths that could not be written, before any work begins."""
    file_groups = ((sheet.path, *map(sheet.file, sheet.panels)) for sheet in sheets)
    paths = [path for path in chain.from_iterable(file_groups) if path is not None]
    path, count = Counter(paths).most_common(1)[0]
    if count > 1:
        raise InputError(f"{count} pictures would be saved as {path}; give them values with different names.")
    for path in paths:
        _check_file(path, overwrite=overwrite)


def _check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that could not be written, in a folder that exists or can be made."""
    folder = path.parent
    if not files.exists(folder):
        _check_file(folder, overwrite=False)
    elif not folder.is_dir():
        raise InputError(f"{folder} exists already and is not a folder; name another folder.")
    else:
        files.check_output(path, overwrite=overwrite)


def _save(sheet: Sheet, panel: Panel, result: Result, sizes: Mapping[Panel, Size], *, overwrite: bool) -> None:
    """Save a picture in its own file and in the sheet."""
    path, is_first = sheet.file(panel), not sheet.results
    sheet.results[panel] = result
    if path is not None:
        files.make_folder(path.parent)
        result.picture.save(path, overwrite=overwrite)
    sheet.save(sizes, overwrite=overwrite or not is_first)


def _outcome(result: Result) -> str:
    """Describe the result of a run in a few words."""
    stage = result.history[-1].stage if result.history else 0
    losses = [progress.loss for progress in result.history if progress.stage == stage]
    return f"loss {min(losses, default=math.nan):.4g} ({result.stopped})"


def _interruption(sheets: Sequence[Sheet]) -> str:
    """Return a sentence about the pictures that are painted of unfinished sheets."""
    saved = [str(sheet.path) for sheet in sheets if sheet.results]
    if not saved:
        return "Interrupted before the first picture was painted; nothing is saved."
    count, total = sum(len(sheet.results) for sheet in sheets), sum(len(sheet.panels) for sheet in sheets)
    return f"Interrupted after {count} of {total} pictures; the pictures so far are in {', '.join(saved)}."


def _check_losses(sheets: Sequence[Sheet]) -> None:
    """Raise an error that names the pictures whose loss was not finite."""
    results = chain.from_iterable(sheet.results.items() for sheet in sheets)
    diverged = [panel.name for panel, result in results if result.stopped == "diverged"]
    if diverged:
        raise RunError(
            f"the loss of {', '.join(diverged)} was not finite; the best pictures so far are on the sheet; "
            "try --dtype float32 or smaller weights."
        )


class _Total:
    """The progress of all runs, with their stages counted as those of one run."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._first_stages = list(accumulate((len(plan.stages) for plan in plans), initial=0))
        self._schedule = Schedule(Plan(tuple(stage for plan in plans for stage in plan.stages)))

    def progress(self, number: int, progress: Progress) -> Progress:
        """Return the progress of one run as a progress of all runs.

        Args:
            number: The number of the run, counted from 0.
            progress: The progress of the run.

        Returns:
            The progress, with the stage, the fraction, the seconds and the seconds left of all runs.

        """
        stage = self._first_stages[number] + progress.stage
        (seconds,) = self._schedule.time_evaluations(self._schedule.plan.stages[stage - 1], 1)
        fraction, remaining = self._schedule.remaining(stage - 1, progress.evaluation, seconds)
        changes = {"stage": stage, "stages": self._first_stages[-1], "fraction": fraction, "seconds_left": remaining}
        return replace(progress, seconds=seconds, **changes)
