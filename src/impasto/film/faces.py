"""Faces in a film: the mask of what is in focus is averaged over some frames, so that no face comes or goes at once."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, repeat

import torch

from impasto.images import Picture
from impasto.images.faces import find_faces
from impasto.images.masks import Mask
from impasto.jobs.job import FACES, Job

__all__ = ["average_faces", "lacks_faces", "with_neighbors", "without_face_styles"]

NEIGHBORS = 4
"""The frames before a frame, and after it, over which the mask of the faces is averaged (docs/notes/films.md)."""


def with_neighbors(frames: Iterable[Picture]) -> Iterator[tuple[Picture, Sequence[Picture]]]:
    """Yield each frame of a film, with the frames around it.

    Args:
        frames: The frames in their order, which are read some frames ahead.

    Yields:
        A frame, and up to four frames before it, the frame itself, and up to four frames after it.

    """
    window = deque[Picture | None](repeat(None, 2 * NEIGHBORS + 1), 2 * NEIGHBORS + 1)
    for frame in chain(frames, repeat(None, NEIGHBORS)):
        window.append(frame)
        center = window[NEIGHBORS]
        if center is not None:
            yield center, [each for each in window if each is not None]


def average_faces(frames: Sequence[Picture]) -> Mask | None:
    """Return the mean of the masks of the faces in frames of one size; None, if none of them shows a face.

    Raises:
        WeightsError: the networks that find faces are missing or damaged.

    """
    masks = [mask for frame in frames if (mask := find_faces(frame)) is not None]
    total = torch.stack([mask.weights for mask in masks]).sum(0) if masks else None
    return None if total is None else Mask(total / len(frames), "the mask of the faces")


def lacks_faces(job: Job) -> bool:
    """Return whether styles of the job of a frame paint faces, and the frame, a picture in memory, shows none."""
    return any(style.region == FACES for style in job.styles) and find_faces(job.content) is None


def without_face_styles(job: Job) -> Job:
    """Return the job of a frame without the styles of faces; where there are no others, nothing is painted."""
    styles = [style for style in job.styles if style.region != FACES]
    if styles:
        return job.replace(styles=styles)
    settings = job.settings.replace(style_weight=0.0)
    return job.replace(styles=[style.replace(region=None) for style in job.styles], settings=settings)
