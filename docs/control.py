"""Paint the pictures of control.md into docs/images: .venv/bin/python docs/control.py [NAME.jpg …] (five minutes)."""

import subprocess
import sys
import tempfile
from pathlib import Path

from face_masks import HOPPER, ellipse, person

from impasto import Picture
from impasto.recipes import demo

IMAGES = Path(__file__).parent / "images"


def main() -> None:
    """Paint the pictures that are named, or all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photograph = Picture.open(demo.photograph())
        size = photograph.width, photograph.height
        face = ellipse(*size, HOPPER, edge=0.2)
        person_mask = person(*size, face)
        Picture(face.expand(3, -1, -1)).save(folder / "face.png")
        Picture(person_mask.expand(3, -1, -1)).save(folder / "person.png")
        Picture((1 - person_mask).expand(3, -1, -1)).save(folder / "around.png")
        Picture(face.expand(3, -1, -1) / 2).save(folder / "half.png")
        Picture(demo.painting(512, seed=3)).save(folder / "dusk.png")
        Picture(demo.painting(512)).save(folder / "bay.png")
        photo = str(demo.photograph())
        commands = {
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
        for file, arguments in commands.items():
            if sys.argv[1:] and file not in sys.argv[1:]:
                continue
            option = [] if "--size" in arguments else ["--size", "320"]
            arguments += [*option, "-o", IMAGES / file, "--overwrite", "--quiet"]
            subprocess.run([sys.executable, "-m", "impasto", *arguments], cwd=folder, check=True)
            print(file, flush=True)
    if not sys.argv[1:] or "tile.jpg" in sys.argv[1:]:
        tile = Picture.open(IMAGES / "tile.jpg").pixels
        Picture(tile.repeat(1, 2, 2)).save(IMAGES / "tiles.jpg", overwrite=True)


if __name__ == "__main__":
    main()
