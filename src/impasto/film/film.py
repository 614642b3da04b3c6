"""A film as data: the job that paints each frame, which part is painted, and how closely frames follow each other."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator

from impasto.errors import InputError
from impasto.jobs.fingerprint import file_hash, fingerprint
from impasto.jobs.job import NOTE_FIELDS, Job
from impasto.settings import Options, Settings
from impasto.settings.choices import one_of
from impasto.settings.limits import MAX_EVALUATIONS
from impasto.settings.options import option

__all__ = ["SUFFIXES", "UNUSED_OPTIONS", "Film"]

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")
"""The kinds of film files that are written."""

FOLLOWING_FRACTION = 0.3
"""Evaluations of a frame that follows another, as a fraction of `Settings.iterations`, if the film does not say."""

UNUSED_OPTIONS = {
    "seconds": "it limits the time of one picture",
    "strength": "steadiness says how closely a frame follows another",
}
"""The options that a film does not have, and why."""

_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


def _seconds(value: object) -> object:
    """Read `1:05` or `1:02:03.5` as seconds."""
    match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)


_TIME = "seconds or a time such as 1:05, at least 0"
"""What `start` and `end` accept."""

_OF_ONE_PICTURE = ("initial", "print_size", "fill", "changes", "save_every", "plot", "checkpoint")
"""The fields of a job that mean nothing in a film."""


def _check_files(job: Job) -> Job:
    """Refuse a job that names no film, or no file for the painted one."""
    if not isinstance(job.content, Path) or job.output is None:
        raise ValueError("no file")
    return job


class Film(Options):
    """A film to paint. Frozen; equal films paint equal frames.

    Each frame is painted by `job`. The first one starts as a picture of its own does; each later one starts from the
    painted frame before it, moved along the optical flow, and stays close to it by `steadiness` wherever the flow can
    be followed (Ruder, Dosovitskiy and Brox, *Artistic Style Transfer for Videos*, GCPR 2016, sections 4.1 to 4.3).
    After a cut a frame starts afresh.

    Raises:
        SettingsError: an option's name or value is not accepted; the message is one sentence.

    """

    title: ClassVar[str] = "the film"

    job: Annotated[Job, AfterValidator(_check_files), "a job with the film's path as its content, and with an output"]
    """The job of each frame: its content is the file of the film, and its output the file of the painted one."""
    start: Annotated[float, BeforeValidator(_seconds)] = option(
        0.0, "Film", "Where in the film painting begins.", _TIME, ge=0
    )
    end: Annotated[float | None, BeforeValidator(_seconds)] = option(
        None, "Film", "Where in the film painting ends; by default at its end.", _TIME, gt=0
    )
    fps: float | None = option(
        None, "Film", "Frames to paint for each second, at most; by default all of them.", "a number, above 0", gt=0
    )
    steadiness: float = option(
        0.7,
        "Film",
        "How closely each frame follows the one before: near 1 the strokes move with what is shown, at 0 they flicker.",
        ge=0,
        le=0.95,
    )
    frame_iterations: int = option(
        0,
        "Film",
        f"Evaluations of each frame that follows another; 0 means {FOLLOWING_FRACTION:g} times iterations.",
        ge=0,
        le=MAX_EVALUATIONS,
    )
    save_frames: bool = option(False, "Film", "Leave the painted frames, PNG files, in the folder OUTPUT.frames.")

    @property
    def source(self) -> Path:
        """The file of the film."""
        return Path(self.job.content)

    @property
    def output(self) -> Path:
        """The file of the painted film."""
        return self.job.output or Path()

    @property
    def following(self) -> Settings:
        """The settings of a frame that follows another: one stage, which starts from the frame before."""
        settings = self.job.settings
        count = self.frame_iterations or max(1, round(FOLLOWING_FRACTION * settings.iterations))
        return settings.replace(stages={settings.size: count}, strength=1 - self.steadiness)

    def check(self) -> None:
        """Refuse options of the job that mean nothing in a film, and a kind of file that is not written.

        Raises:
            InputError: there is such an option, or the output has an unknown suffix.

        """
        job = self.job
        if self.output.suffix.lower() not in SUFFIXES:
            raise InputError(f"{self.output} cannot be written as a film; its name must end in {one_of(SUFFIXES)}.")
        for name in _OF_ONE_PICTURE:
            if getattr(job, name):
                raise InputError(f"{name} is for one picture, and cannot be used in a film; leave it out.")
        for options in (job.settings, job.runtime):
            for name in UNUSED_OPTIONS.keys() & set(type(options).model_fields):
                if getattr(options, name) != getattr(type(options)(), name):
                    raise InputError(f"{name} cannot be used in a film: {UNUSED_OPTIONS[name]}; leave it out.")
        if self.end is not None and self.end <= self.start:
            raise InputError(f"end cannot be {self.end:g} where start is {self.start:g}; give a later time.")

    def fingerprint(self) -> str:
        """Return a hash of what the painted frames depend on, such as the file of the film.

        Raises:
            InputError: a file cannot be read.

        """
        job = fingerprint(self.job) or [  # of a job with pictures in memory, too
            *map(file_hash, self.job.all_inputs),
            self.job.model_dump(mode="json", include=NOTE_FIELDS),
        ]
        options = self.model_dump(mode="json", exclude={"job", "save_frames"})
        return hashlib.sha256(json.dumps([job, options], sort_keys=True).encode()).hexdigest()
