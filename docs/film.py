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


def flicker(pictures: list[Picture], frames: list[Picture]) -> float:
    """Return the root of the mean squared difference, in gray levels, of pictures from their predecessors.

    Each predecessor is first moved as the frame moves, and compared where the motion is known.
    """
    squares = []
    for (previous, current), (previous_frame, frame) in zip(pairwise(pictures), pairwise(frames), strict=True):
        warped = Motion().follow(previous, previous_frame, frame)
        if warped is not None and warped.alpha is not None:
            squares.append((255 * (warped.pixels - current.pixels)[:, warped.alpha > 0]).square().mean())
    return float(torch.stack(squares).mean().sqrt())


def row(pictures: list[Picture], width: int, height: int) -> np.ndarray:
    """Return pictures side by side, (H, W, 3)."""
    return join([np.asarray(picture.resized(width, height)) for picture in pictures], axis=1)


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
    last = slice(-options.alone, None)
    transfer = StyleTransfer(settings)
    runs = [transfer.start(frame, options.painting) for frame in frames[last]]
    alone = [(list(run), run.preview())[1] for run in runs]
    size = film[0].width, film[0].height
    print(f"flicker in gray levels: film {flicker(film[last], frames[last]):.1f} of all {flicker(film, frames):.1f}")
    print(f"each frame alone {flicker(alone, frames[last]):.1f}")
    print(f"the film itself {flicker([frame.resized(*size) for frame in frames], frames):.1f}")
    rows = [row(pictures, *size) for pictures in (frames[last], alone, film[last])]
    Picture.of(join(rows, axis=0)).save(STRIP, overwrite=True, quality=85)


if __name__ == "__main__":
    main()
