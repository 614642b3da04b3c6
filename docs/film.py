"""Paint a part of a film, and some of its frames alone, for the picture and the numbers of film.md.

    .venv/bin/python docs/film.py FILM PAINTING --start 0 --end 1 --fps 12 --size 320 --alone 4

The picture shows consecutive frames: the film, each frame painted alone, and the painted film.
"""

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from impasto import Film, FilmSession, Job, Picture, Settings, StyleSource, StyleTransfer
from impasto.film.motion import Motion
from impasto.film.video import Video

STRIP = Path(__file__).parent / "images" / "film.jpg"
GAP = 6
"""Pixels between two frames of the picture."""


def flicker(painted: list[Picture], frames: list[Picture]) -> float:
    """Return the root of the mean squared difference, in gray levels, of painted frames from the moved ones before them."""
    squares = []
    for (before, now), (old, new) in zip(pairwise(painted), pairwise(frames), strict=True):
        moved = Motion().follow(before, old, new)
        if moved is not None and moved.alpha is not None:
            squares.append((255 * (moved.pixels - now.pixels)[:, moved.alpha > 0]).square().mean())
    return float(torch.stack(squares).mean().sqrt())


def row(pictures: list[Picture], width: int, height: int) -> np.ndarray:
    """Return pictures side by side, (H, W, 3)."""
    gap = np.full((height, GAP, 3), 255, np.uint8)
    shown = [np.asarray(picture.resized(width, height)) for picture in pictures]
    return np.concatenate([part for each in shown for part in (each, gap)][:-1], axis=1)


def main() -> None:
    """Paint, measure and draw."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("film", type=Path)
    given.add_argument("painting", type=Path)
    for name, default in (("start", 0.0), ("end", 1.0), ("fps", 12.0)):
        given.add_argument(f"--{name}", type=float, default=default)
    for name, default in (("size", 320), ("alone", 4)):
        given.add_argument(f"--{name}", type=int, default=default)
    asked = given.parse_args()
    settings, part = Settings(size=asked.size), {name: getattr(asked, name) for name in ("start", "end", "fps")}
    frames = list(Video.open(asked.film, **part))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "film.mp4"
        job = Job(content=asked.film, styles=(StyleSource(picture=asked.painting),), settings=settings, output=output)
        for event in FilmSession(Film(job=job, save_frames=True, **part)):
            if event.kind == "painted":
                print(event.as_dict(), flush=True)
        painted = [Picture.open(path) for path in sorted(output.with_name("film.mp4.frames").glob("*.png"))]
    last = slice(-asked.alone, None)
    transfer = StyleTransfer(settings)
    alone = [transfer.start(frame, asked.painting) for frame in frames[last]]
    apart = [(list(run), run.preview())[1] for run in alone]
    print(
        f"flicker in gray levels: film {flicker(painted[last], frames[last]):.1f} of all {flicker(painted, frames):.1f}"
    )
    print(f"each frame alone {flicker(apart, frames[last]):.1f}")
    print(f"the film itself {flicker([f.resized(painted[0].width, painted[0].height) for f in frames], frames):.1f}")
    size = painted[0].width, painted[0].height
    rows = [row(pictures, *size) for pictures in (frames[last], apart, painted[last])]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    Picture.of(np.concatenate([part for each in rows for part in (each, gap)][:-1])).save(
        STRIP, overwrite=True, quality=85
    )


if __name__ == "__main__":
    main()
