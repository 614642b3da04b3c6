"""The command that paints a film: `film`."""

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from impasto.cli import display, signals
from impasto.cli.flags import GROUPS, FilmFlags, FilmOutputFlags, choose, given_flags, split_init
from impasto.cli.help import BASICS
from impasto.cli.painting import Output, load_weights
from impasto.errors import InputError
from impasto.film.film import SUFFIXES, Film
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.outputs import free_name

if TYPE_CHECKING:
    from impasto.film.session import FilmSession
    from impasto.jobs.events import Ended

__all__ = ["film"]


@Parameter(name="*", group=GROUPS["Watching"])
@dataclass(frozen=True, kw_only=True)
class FilmWatch:
    """Flags of what is shown while a film is painted."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print one JSON record for each frame on standard output, for programs."""

    quiet: Annotated[bool, Parameter(negative="")] = False
    """Print nothing but errors."""

    dry_run: Annotated[bool, Parameter(negative="")] = False
    """Print how many frames, how long and how much memory, and paint nothing."""

    @property
    def talks(self) -> bool:
        """Whether sentences for people are printed on standard output."""
        return not (self.quiet or self.json)


def film(
    source: Annotated[Path, Parameter(name="FILM")],
    /,
    *styles: Annotated[str, Parameter(name="PAINTING")],
    output: Output = None,
    keep: Annotated[str | None, Parameter(metavar="MASK", group=GROUPS["Picture"])] = None,
    focus: Annotated[str | None, Parameter(metavar="MASK", group=GROUPS["Picture"])] = None,
    preset: Annotated[str | None, Parameter(metavar="NAME", group=GROUPS[BASICS])] = None,
    settings: Annotated[Path | None, Parameter(group=GROUPS["Picture"])] = None,
    files: FilmOutputFlags = None,
    watch: FilmWatch | None = None,
    flags: FilmFlags = None,
) -> None:
    """Paint FILM, a video, in the style of PAINTING, frame by frame, so that the strokes move with what is shown.

    Ten seconds of a film, 384 pixels wide; and how long all of it takes:

        impasto film clip.mp4 painting.jpg --start 0:05 --end 0:15 --size 384
        impasto film clip.mp4 painting.jpg --dry-run

    Ctrl-C saves the film of the frames so far; the same command continues it. The sound stays as it is.

    Args:
        source: The film: an MP4, MOV, MKV, WebM or AVI file.
        styles: The painting, perhaps with its options, as `impasto paint` takes them; several are blended.
        output: Where to save the painted film: an .mp4, .mov, .mkv or .webm file. [default: FILM-PAINTING.mp4 beside
            the film]
        keep: A mask, white where each frame stays as it is.
        focus: A mask, white where each frame counts more.
        preset: A set of options that `impasto presets` lists.
        settings: Options from a JSON file, or from a picture that impasto painted.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    if not styles:
        raise InputError(f"there is no painting; name one: impasto film {source} painting.jpg.")
    flags, initial = split_init(flags)
    if initial is not None:
        raise InputError(f"a film cannot start from {initial}; init takes content, noise, blank or style here.")
    chosen, runtime = choose(flags, preset, settings)
    paintings = tuple(map(StyleSource.parse, styles))
    suffix = source.suffix.lower() if source.suffix.lower() in SUFFIXES else SUFFIXES[0]
    output = output or free_name(source, *(style.picture for style in paintings), suffix=suffix, unfinished=".frames")
    job = Job(
        content=source,
        styles=paintings,
        keep=keep,
        focus=focus,
        settings=chosen,
        runtime=runtime,
        output=output,
        **given_flags(files),
    )
    part = {name: value for name, value in given_flags(flags).items() if name in Film.model_fields}
    _carry_out(Film(job=job, **part), watch or FilmWatch())


def _carry_out(film: Film, watch: FilmWatch) -> None:
    """Paint a film, and print its progress and its result."""
    from impasto.film.session import FilmSession  # noqa: PLC0415 (torch)

    session = FilmSession(film, load=lambda name: load_weights(name, shown=watch.talks))
    with signals.graceful(session.cancel) as received, closing(session):
        ended = _show(session, watch)
        if ended is not None and ended.stopped == "unfinished":
            raise signals.Interrupted(ended.sentence, received())
    if ended is not None and watch.talks:
        display.say(f"{film.output}: {ended.sentence}")


def _show(session: "FilmSession", watch: FilmWatch) -> "Ended | None":
    """Show the events of a session; return the event that ended it, or None after the forecast of a dry run."""
    from impasto.jobs.events import Announced, Ended, Evaluated, Painted, Planned, Remarked  # noqa: PLC0415 (torch)

    with display.while_readable(display.bar() if watch.talks and not watch.dry_run else display.silence()) as show:
        for event in session:
            if isinstance(event, Evaluated):
                show(event.progress)
            elif isinstance(event, Ended):
                return event
            elif isinstance(event, Remarked) and not watch.quiet:
                display.remark(event.sentence)
            elif isinstance(event, Announced) and watch.talks:
                display.say(event.sentence)
            elif isinstance(event, Painted) and watch.json:
                display.say(json.dumps(event.as_dict()))
            elif isinstance(event, Planned) and watch.dry_run:
                return None
    return None
