"""`stylize`: a photograph and paintings in, a painted picture out, in one call."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from impasto.errors import InputError, SettingsError
from impasto.images.faces import find_faces
from impasto.images.picture import Picture
from impasto.interactive.progress_display import show_progress
from impasto.machine.interruption import Interrupt, noted_interrupt
from impasto.settings import Runtime, Settings
from impasto.settings.options import Options, options_or_default
from impasto.transfer.progress import Progress
from impasto.transfer.result import Result
from impasto.transfer.run import Run
from impasto.transfer.style_transfer import StyleTransfer

__all__ = ["stylize"]

OnProgress = Callable[[Progress], object]
"""A function that is called with each report of a run."""


@dataclass(frozen=True, repr=False)
class Interrupted(Result):
    """The picture so far of a call that was interrupted, and its run."""

    run: Run
    """The run, to continue with: `for report in result.run`."""


def stylize(
    content: object,
    *styles: object,
    settings: Settings | None = None,
    runtime: Runtime | None = None,
    progress: bool | OnProgress = False,
    seconds: float | None = None,
    **changes: object,
) -> Result:
    """Paint a content image in the style of one or several others, in one call.

    The faces that `find_faces` finds in the content image are its focus, as they are of the command; `focus_weight=1`
    paints them as all else. `StyleTransfer.start` takes masks of your own.

    Each call loads the network, which takes about a second. To paint many pictures, make one `StyleTransfer` and start
    a run for each.

    At a prompt or in a notebook, Ctrl-C or the stop button ends the call after the evaluation under way. The result is
    then the picture so far, and its `run` continues where it stands. A second Ctrl-C, or the first in a script, raises
    `KeyboardInterrupt`.

    Args:
        content: The photograph: a path, a `Picture`, or whatever `Picture.of` takes, such as a PIL image or an array.
        styles: At least one style image, in any of those forms, or a `Style`; or one list of them.
        settings: What the picture will be; the defaults if not given.
        runtime: How it is computed.
        progress: True shows how far the run is: by its picture in a notebook; on standard error as a bar on a
            terminal, and as lines elsewhere. A function is called with each `Progress`.
        seconds: The time after which the picture is to be there, counted from this call: sizes and evaluations follow
            from it, and the size may be less than that of the settings; None: no limit.
        changes: Options of `Settings` to change, such as `size=1024`.

    Returns:
        The picture, and how it came about. If the call was interrupted, the picture so far, with the `run`.

    Raises:
        InputError: an option, a file or a picture cannot be used; the message is one sentence.
        RunError: the work failed: the system refused memory, or a download broke off.

    """
    began = time.perf_counter()
    _check(styles, progress, changes)
    runtime = options_or_default(Runtime, runtime, "runtime")
    runtime = runtime if seconds is None else runtime.replace(seconds=seconds)
    transfer = StyleTransfer(options_or_default(Settings, settings, "settings").replace(**changes), runtime)
    content = Picture.of(content)
    paintings = styles[0] if len(styles) == 1 else styles
    run = transfer.start(content, paintings, focus=find_faces(content), began=began)
    with noted_interrupt() if hasattr(sys, "ps1") else nullcontext(Interrupt()) as interrupt:
        for report in show_progress(run) if progress is True else run:
            if callable(progress):
                progress(report)
            if interrupt.has_come:
                return Interrupted(**vars(run.result()), run=run)
    return run.result()


def _check(styles: tuple[object, ...], progress: object, changes: dict[str, object]) -> None:
    """Refuse arguments in the wrong place."""
    for name in ("style", "styles"):
        if name in changes:
            raise InputError(
                f"there is no option {name}; give the paintings after the photograph: stylize(photo, painting)."
            )
    for style in styles:
        if isinstance(style, Options):
            name = type(style).__name__
            raise SettingsError(f"{name} is no painting; give it by name: {name.lower()}={name}(…).")
    if not (isinstance(progress, bool) or callable(progress)):
        raise InputError(f"progress cannot be {progress!r}; it takes True, False or a function of a Progress.")
