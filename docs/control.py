"""Paint the pictures of control.md into docs/images: .venv/bin/python docs/control.py [NAME.jpg …] (five minutes)."""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from impasto import Picture, demo

IMAGES = Path(__file__).parent / "images"


def face(width: int, height: int) -> torch.Tensor:
    """Return a mask of the face in the demo's photograph, with a soft edge, (H, W)."""
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    distance = (((across - 0.51) / 0.23) ** 2 + ((down - 0.34) / 0.24) ** 2).sqrt()
    return ((1.1 - distance) / 0.2).clamp(0, 1)


def main() -> None:
    """Paint them all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photograph = Picture.open(demo.photograph())
        inside = face(photograph.width, photograph.height)
        Picture(inside.expand(3, -1, -1)).save(folder / "face.png")
        Picture(demo.painting(512)).save(folder / "bay.png")
        photo = str(demo.photograph())
        paint = {
            "kept.jpg": ["paint", photo, "bay.png", "--keep", "face.png"],
            "style-colors.jpg": ["paint", photo, "bay.png"],
            "luminance.jpg": ["paint", photo, "bay.png", "--color", "content-luminance"],
            "match.jpg": ["paint", photo, "bay.png", "--color", "content-match"],
            "tile.jpg": ["texture", "bay.png", "--seamless", "both", "--style-scale", "0.5", "--size", "192"],
        }
        for file, words in paint.items():
            if sys.argv[1:] and file not in sys.argv[1:]:
                continue
            size = [] if "--size" in words else ["--size", "320"]
            command = [sys.executable, "-m", "impasto", *words, *size, "-o", IMAGES / file, "--overwrite", "--quiet"]
            subprocess.run(command, cwd=folder, check=True)
            print(file, flush=True)
    tile = Picture.open(IMAGES / "tile.jpg").pixels
    Picture(tile.repeat(1, 2, 2)).save(IMAGES / "tiles.jpg", overwrite=True)


if __name__ == "__main__":
    main()
