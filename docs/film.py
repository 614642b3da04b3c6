"""Paint a part of a film, and some of its frames alone, for the picture and the numbers of film.md.

    .venv/bin/python docs/film.py FILM PAINTING --start 0 --end 1 --fps 12 --size 320 --alone 4

The picture shows consecutive frames: the film, each frame painted alone, and the painted film. `--alone 0` prints the
numbers of the painted film and draws no picture.
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


def measure(pictures: list[Picture], frames: list[Picture]) -> str:
    """Return in words how pictures differ from their predecessors, which are first moved as the frames move.

    Flicker is the root of the mean squared difference, in gray levels, where the motion can be followed.
    """
    squares, fractions = [], []
    for (previous, current), (previous_frame, frame) in zip(pairwise(pictures), pairwise(frames), strict=True):
        warped = Motion().follow(previous, previous_frame, frame)
        is_followed = torch.zeros(1) if warped is None or warped.alpha is None else (warped.alpha > 0.5).float()
        fractions.append(1 - is_followed.mean())
        if warped is not None and is_followed.any():
            squares.append((255 * (warped.pixels - current.pixels)[:, is_followed > 0]).square().mean())
    flicker = torch.stack(squares).mean().sqrt() if squares else torch.nan
    return f"flicker {flicker:.1f}, {100 * torch.stack(fractions).mean():.1f} % not followed"


def row(pictures: list[Picture]) -> np.ndarray:
    """Return pictures of one size side by side, (H, W, 3)."""
    return join([np.asarray(picture) for picture in pictures], axis=1)


def join(images: list[np.ndarray], axis: int) -> np.ndarray:
    """Join images along an axis, with white gaps between them."""
    shape = [*images[0].shape]
    shape[axis] = GAP
    gap = np.full(shape, 255, np.uint8)
    return np.concatenate([array for image in images for array in (image, gap)][:-1], axis=axis)


def main() -> None:
    """Paint, measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("painting", type=Path)
    for name, default in (("start", 0.0), ("end", 1.0), ("fps", 12.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    for name, default in (("size", 320), ("alone", 4)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    settings, clip = Settings(size=options.size), {name: getattr(options, name) for name in ("start", "end", "fps")}
    frames = list(Video.open(options.film, **clip))
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "film.mp4"
        styles = (StyleSource(picture=options.painting),)
        job = Job(content=options.film, styles=styles, settings=settings, output=output)
        for event in FilmSession(Film(job=job, save_frames=True, **clip)):
            if event.kind == "painted":
                print(event.as_dict(), flush=True)
        film = [Picture.open(path) for path in sorted(output.with_name("film.mp4.frames").glob("*.png"))]
    width, height = film[0].width, film[0].height
    small = [frame.resized(width, height) for frame in frames]
    print(f"the painted film: {measure(film, small)}")
    print(f"the film itself: {measure(small, small)}")
    if options.alone:
        draw(small, film, frames[-options.alone :], StyleTransfer(settings), options.painting)


def draw(
    small: list[Picture], film: list[Picture], last: list[Picture], transfer: StyleTransfer, painting: Path
) -> None:
    """Paint the last frames alone, measure them, and draw them below the film and above the painted film."""
    runs = [transfer.start(frame, painting) for frame in last]
    alone = [(list(run), run.preview())[1] for run in runs]
    columns = slice(-len(last), None)
    print(f"its last {len(last)} frames: {measure(film[columns], small[columns])}")
    print(f"each of them painted alone: {measure(alone, small[columns])}")
    rows = [row(pictures) for pictures in (small[columns], alone, film[columns])]
    Picture.of(join(rows, axis=0)).save(STRIP, overwrite=True, quality=85)


if __name__ == "__main__":
    main()
