"""Paint the pictures of control.md into docs/images: .venv/bin/python docs/control.py [NAME.jpg …] (five minutes)."""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from impasto import Picture
from impasto.recipes import demo

IMAGES = Path(__file__).parent / "images"


def face(width: int, height: int) -> torch.Tensor:
    """Return a mask of the face in the demo's photograph, with a soft edge, (H, W)."""
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    distance = (((across - 0.51) / 0.23) ** 2 + ((down - 0.34) / 0.24) ** 2).sqrt()
    return ((1.1 - distance) / 0.2).clamp(0, 1)


def shoulders(width: int, height: int) -> torch.Tensor:
    """Return a mask of what is below the chin, with a soft edge, (H, W)."""
    down, across = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    edge = 0.58 + 1.3 * (across - 0.5) ** 2
    return ((down - edge) / 0.05 + 0.5).clamp(0, 1)


def main() -> None:
    """Paint them all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photograph = Picture.open(demo.photograph())
        inside = face(photograph.width, photograph.height)
        Picture(inside.expand(3, -1, -1)).save(folder / "face.png")
        person = inside.maximum(shoulders(photograph.width, photograph.height))
        Picture(person.expand(3, -1, -1)).save(folder / "person.png")
        Picture((1 - person).expand(3, -1, -1)).save(folder / "around.png")
        Picture(inside.expand(3, -1, -1) / 2).save(folder / "half.png")
        Picture(demo.painting(512, seed=3)).save(folder / "dusk.png")
        Picture(demo.painting(512)).save(folder / "bay.png")
        photo = str(demo.photograph())
        paint = {
            "regions.jpg": [
                *["paint", photo, "bay.png,region=around.png", "dusk.png,region=person.png"],
                *["--keep", "half.png"],
            ],
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
    if not sys.argv[1:] or "tile.jpg" in sys.argv[1:]:
        tile = Picture.open(IMAGES / "tile.jpg").pixels
        Picture(tile.repeat(1, 2, 2)).save(IMAGES / "tiles.jpg", overwrite=True)


if __name__ == "__main__":
    main()
