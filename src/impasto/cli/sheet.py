"""How the pictures of sheets are painted: one after another, and the sheet is saved again after each."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain
from pathlib import Path

from impasto import files
from impasto.cli import display
from impasto.errors import InputError, RunError, WriteError
from impasto.images import Picture, check_suffix
from impasto.network import weights
from impasto.network.weights import Weights
from impasto.planning.plan import Plan, Size
from impasto.recipes.paper_figures import Panel
from impasto.reports.contact_sheets import Block, draw, measure
from impasto.settings import Runtime
from impasto.transfer.progress import Clock, Progress, Result
from impasto.transfer.run import Run
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["Sheet", "paint"]


@dataclass(frozen=True, eq=False)
class Sheet:
    """A file, and the pictures that it shows."""

    path: Path
    blocks: Sequence[Block[Panel | Picture]]
    folder: Path | None = None
    """Where each painted picture is saved by its own name, if anywhere; made where it is missing."""
    painted: dict[Panel, Result] = field(default_factory=dict[Panel, Result])
    """What has been painted so far."""

    @property
    def panels(self) -> list[Panel]:
        """What is to be painted, in order."""
        return [cell for block in self.blocks for cell in block if isinstance(cell, Panel)]

    def file(self, panel: Panel) -> Path | None:
        """Return where a picture is saved."""
        return None if self.folder is None else self.folder / f"{panel.name}.png"

    def size(self, sizes: Mapping[Panel, Size]) -> Size:
        """Return the size of the sheet, from those of the pictures to paint."""
        return measure([block.map(lambda cell: _size(cell, sizes)) for block in self.blocks])

    def save(self, sizes: Mapping[Panel, Size], *, overwrite: bool) -> None:
        """Draw what is painted so far; the places of the others stay empty."""

        def shown(cell: Panel | Picture) -> Picture | Size:
            if isinstance(cell, Panel):
                return self.painted[cell].picture if cell in self.painted else sizes[cell]
            return cell

        draw([block.map(shown) for block in self.blocks]).save(self.path, overwrite=overwrite)


def paint(
    content: Picture, sheets: Sequence[Sheet], runtime: Runtime, *, overwrite: bool = False, quiet: bool = False
) -> None:
    """Paint the pictures of all sheets and save them; on Ctrl-C, the sheets hold what is painted so far.

    Raises:
        InputError: a picture or a sheet cannot be made or saved as asked; nothing has been painted then.
        RunError: a file could not be written, or a loss was not finite; the sheets hold the best pictures so far.

    """
    _check(sheets, overwrite=overwrite)
    jobs = [(sheet, panel) for sheet in sheets for panel in sheet.panels]
    studio = _Studio(content, runtime, _load([panel for _, panel in jobs], shown=not quiet))
    plans = {panel: studio.transfer(panel).plan(content, panel.styles) for _, panel in jobs}
    sizes = {panel: plan.stages[-1].size for panel, plan in plans.items()}
    for sheet in sheets:
        check_suffix(sheet.path, longest_side=max(sheet.size(sizes)))
    work = _Work(list(plans.values()))
    try:
        with display.silence() if quiet else display.bar() as show:
            for number, (sheet, panel) in enumerate(jobs):
                run = studio.start(panel)
                for progress in run:
                    show(work.so_far(number, progress))
                _save(sheet, panel, run, sizes, overwrite=overwrite)
                if not quiet:
                    display.say(f"{number + 1}/{len(jobs)} {panel.name}: {_outcome(sheet.painted[panel])}")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(sheets)) from None
    _end(sheets, sizes, quiet=quiet)


@dataclass(frozen=True)
class _Studio:
    """What all pictures are painted with."""

    content: Picture
    runtime: Runtime
    loaded: Mapping[str, Weights]
    """By the names that settings have for them."""

    def transfer(self, panel: Panel) -> StyleTransfer:
        return StyleTransfer(panel.settings, self.runtime, weights=self.loaded[panel.settings.weights])

    def start(self, panel: Panel) -> Run:
        return self.transfer(panel).start(self.content, panel.styles)


def _size(cell: Panel | Picture, sizes: Mapping[Panel, Size]) -> Size:
    return sizes[cell] if isinstance(cell, Panel) else Size(cell.width, cell.height)


def _check(sheets: Sequence[Sheet], *, overwrite: bool) -> None:
    """Refuse names that could not be written, before any work begins."""
    named = ((sheet.path, *map(sheet.file, sheet.panels)) for sheet in sheets)
    paths = [path for path in chain.from_iterable(named) if path is not None]
    path, count = Counter(paths).most_common(1)[0]
    if count > 1:
        raise InputError(f"{count} pictures would be saved as {path}; give them values with different names.")
    for path in paths:
        _check_file(path, overwrite=overwrite)


def _check_file(path: Path, *, overwrite: bool) -> None:
    """Refuse a file that could not be written, in a folder that is there or can be made."""
    if path.parent.is_dir():
        files.check_output(path, overwrite=overwrite)
    else:
        _check_file(path.parent, overwrite=False)


def _load(panels: Sequence[Panel], *, shown: bool) -> Mapping[str, Weights]:
    """Load each network once, with a bar if its weights have to be downloaded."""
    sources = dict.fromkeys(panel.settings.weights for panel in panels)
    with display.download(shown=shown) as progress:
        return {source: weights.load_weights(source, progress=progress) for source in sources}


def _save(sheet: Sheet, panel: Panel, run: Run, sizes: Mapping[Panel, Size], *, overwrite: bool) -> None:
    """Save a picture in its own file and in the sheet."""
    path, is_first = sheet.file(panel), not sheet.painted
    sheet.painted[panel] = run.result()
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WriteError(f"the folder {path.parent} could not be made: {files.reason(error)}.") from error
        run.save(path, overwrite=overwrite)
    sheet.save(sizes, overwrite=overwrite or not is_first)


def _outcome(result: Result) -> str:
    """Say in a few words what became of a run."""
    last = result.history[-1].stage if result.history else 0
    losses = [progress.loss for progress in result.history if progress.stage == last]
    return f"loss {min(losses, default=math.nan):.4g} ({result.stopped})"


def _interrupted(sheets: Sequence[Sheet]) -> str:
    begun = [str(sheet.path) for sheet in sheets if sheet.painted]
    if not begun:
        return "Interrupted before the first picture was painted; nothing is saved."
    done, count = sum(len(sheet.painted) for sheet in sheets), sum(len(sheet.panels) for sheet in sheets)
    return f"Interrupted after {done} of {count} pictures; what is painted so far is in {', '.join(begun)}."


def _end(sheets: Sequence[Sheet], sizes: Mapping[Panel, Size], *, quiet: bool) -> None:
    """Say where the sheets are, or which pictures failed."""
    if not quiet:
        for sheet in sheets:
            display.say(f"{sheet.path}: {sheet.size(sizes)}")
    painted = chain.from_iterable(sheet.painted.items() for sheet in sheets)
    diverged = [panel.name for panel, result in painted if result.stopped == "diverged"]
    if diverged:
        raise RunError(
            f"the loss of {', '.join(diverged)} was not finite; the best pictures so far are on the sheet; "
            "try --dtype float32 or smaller weights."
        )


class _Work:
    """The stages of all runs, counted as those of one."""

    def __init__(self, plans: Sequence[Plan]) -> None:
        self._firsts = list(accumulate((len(plan.stages) for plan in plans), initial=0))
        self._clock = Clock(Plan(tuple(stage for plan in plans for stage in plan.stages)))

    def so_far(self, number: int, progress: Progress) -> Progress:
        """Return the progress of run `number`, from 0, as that of the whole."""
        stage = self._firsts[number] + progress.stage
        (seconds,) = self._clock.tick(1)
        left = self._clock.left(stage - 1, progress.evaluation, seconds)
        return replace(progress, stage=stage, stages=self._firsts[-1], seconds=seconds, seconds_left=left)
