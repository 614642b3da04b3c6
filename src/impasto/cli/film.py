"""The command that paints a film: `film`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from impasto.cli.flags import GROUPS, FilmFlags, FilmOutputFlags, choose, given_flags, split_init
from impasto.cli.help import BASICS
from impasto.cli.painting import Output, load_weights
from impasto.cli.watching import FilmWatch, show_session
from impasto.errors import InputError
from impasto.film.film import SUFFIXES, Film
from impasto.jobs.job import AUTO, Job, StyleSource
from impasto.jobs.outputs import free_name

__all__ = ["film"]


def film(
    source: Annotated[Path, Parameter(name="FILM")],
    /,
    *styles: Annotated[str, Parameter(name="PAINTING")],
    output: Output = None,
    keep: Annotated[str | None, Parameter(metavar="MASK", group=GROUPS["Picture"])] = None,
    focus: Annotated[str, Parameter(metavar="MASK", group=GROUPS["Picture"])] = AUTO,
    preset: Annotated[str | None, Parameter(metavar="NAME", group=GROUPS[BASICS])] = None,
    settings_file: Annotated[Path | None, Parameter(name="--settings", group=GROUPS["Picture"])] = None,
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
        focus: A mask, white where each frame counts more, or the word faces, which impasto finds in each frame; auto
            finds faces, if there are some.
        preset: A set of options that `impasto presets` lists.
        settings_file: Options from a JSON file, or from a picture that impasto painted.
        files: The flags of output files.
        watch: The flags of what is shown.
        flags: The options.

    """
    if not styles:
        raise InputError(f"there is no painting; name one: impasto film {source} painting.jpg.")
    flags, initial = split_init(flags)
    if initial is not None:
        raise InputError(f"a film cannot start from {initial}; init takes content, noise, blank or style here.")
    settings, runtime = choose(flags, preset, settings_file)
    paintings = tuple(map(StyleSource.parse, styles))
    suffix = source.suffix.lower() if source.suffix.lower() in SUFFIXES else SUFFIXES[0]
    output = output or free_name(source, *(style.picture for style in paintings), suffix=suffix, unfinished=".frames")
    job = Job(
        content=source,
        styles=paintings,
        keep=keep,
        focus=focus,
        settings=settings,
        runtime=runtime,
        output=output,
        **given_flags(files),
    )
    film_options = {name: value for name, value in given_flags(flags).items() if name in Film.model_fields}
    watch = watch or FilmWatch()
    from impasto.film.session import FilmSession  # noqa: PLC0415 (torch)

    session = FilmSession(Film(job=job, **film_options), load=lambda name: load_weights(name, has_bar=watch.talks))
    show_session(session, job, watch)
