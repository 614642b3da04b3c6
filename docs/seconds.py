"""Paint the pictures of seconds.md into docs/images: .venv/bin/python docs/seconds.py [NAME …] (five minutes).

NAME is strip or pairs. The pairs are those of pairs.md, or those given by --pair PHOTOGRAPH PAINTING, several times; the
strip shows the first one. --threads is the command's.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from looks import IMAGES, save

from impasto import Picture
from impasto.reports.contact_sheets import Block, draw

PAIRS = [
    [IMAGES / f"pair-{name}-{kind}.jpg" for kind in ("photograph", "painting")]
    for name in ("hopper", "astronaut", "cat", "coffee")
]
SECONDS = 10
"""The seconds of the strip, with a picture each."""

HEIGHT = 224
"""Pixels of each picture's height in the sheets."""


def thumbnail(picture: Picture) -> Picture:
    """Return a picture at the height of the sheets."""
    return picture.resized(round(picture.width * HEIGHT / picture.height), HEIGHT)


def paint(folder: Path, options: argparse.Namespace, *arguments: str | Path) -> Path:
    """Run the command in a folder; return the file of the picture."""
    output = folder / "painted.png"
    command = [sys.executable, "-m", "impasto", *arguments, "-o", output, "--overwrite", "--quiet"]
    subprocess.run([*map(str, command), "--threads", str(options.threads)], check=True)
    return output


def strip(options: argparse.Namespace) -> Picture:
    """Paint by the command for some seconds; return the newest picture after each second from its start."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, start = Path(temporary), time.time()
        paint(folder, options, *options.pair[0], "--seconds", str(SECONDS), "--save-every", "1")
        frames = sorted((path.stat().st_mtime - start, path) for path in folder.glob("*.png"))
        saved = [[path for seconds, path in frames if seconds <= limit] for limit in range(1, SECONDS)]
        newest = [paths[-1] if paths else options.pair[0][0] for paths in saved]
        pictures = [thumbnail(Picture.open(path)) for path in (*newest, frames[-1][1])]
    labels = [f"{second} s" for second in range(1, SECONDS + 1)]
    half = SECONDS // 2
    return draw([Block([pictures[:half]], labels[:half]), Block([pictures[half:]], labels[half:])])


def pairs(options: argparse.Namespace) -> Picture:
    """Paint each pair by the command, in 3 and 10 seconds and without a limit; `pairs.py` has painted its own without."""
    ways = {"3 seconds": ["--seconds", "3"], "10 seconds": ["--seconds", "10"], "no limit": []}
    rows: list[list[Picture]] = []
    with tempfile.TemporaryDirectory() as temporary:
        for paths in options.pair:
            rows.append([thumbnail(Picture.open(paths[0]))])
            for limit in ways.values():
                if not limit and paths in PAIRS:
                    output = IMAGES / f"{paths[0].stem.removesuffix('-photograph')}.jpg"
                else:
                    output = paint(Path(temporary), options, *paths, *limit)
                rows[-1].append(thumbnail(Picture.open(output)))
    return draw([Block(rows, ["photograph", *ways])])


PICTURES = {"strip": strip, "pairs": pairs}


def main() -> None:
    """Paint the pictures that are named, or both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[*PICTURES, []])
    parser.add_argument("--pair", nargs=2, type=Path, metavar=("PHOTOGRAPH", "PAINTING"), action="append")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    options.pair = options.pair or PAIRS
    for name in options.name or PICTURES:
        save(PICTURES[name](options), IMAGES / f"seconds-{name}.jpg")
        print(name, flush=True)


if __name__ == "__main__":
    main()
