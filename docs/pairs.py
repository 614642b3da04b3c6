"""Paint the pictures of pairs.md into docs/images at the defaults: .venv/bin/python docs/pairs.py FOLDER.

FOLDER holds astronaut.png, chelsea.png and coffee.png of the package scikit-image, where they lie in skimage/data.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from impasto import Picture
from impasto.recipes import demo

IMAGES = Path(__file__).parent / "images"
HEIGHT = 256
"""Pixels of the height of a photograph and of a painting beside the picture."""


def main() -> None:
    """Paint the four pairs."""
    folder = Path(sys.argv[1])
    bay, dusk = (Picture(demo.painting(seed=seed)) for seed in (0, 3))
    pairs = {
        "hopper": (Picture.open(demo.photograph()), dusk),
        "astronaut": (Picture.open(folder / "astronaut.png"), bay),
        "cat": (Picture.open(folder / "chelsea.png"), bay),
        "coffee": (Picture.open(folder / "coffee.png"), dusk),
    }
    for name, (photograph, painting) in pairs.items():
        with tempfile.TemporaryDirectory() as temporary:
            files = [Path(temporary) / "photograph.png", Path(temporary) / "painting.png"]
            for picture, file in zip((photograph, painting), files, strict=True):
                picture.save(file)
            result = IMAGES / f"pair-{name}.jpg"
            arguments = ["paint", *files, "-o", result, "--overwrite", "--quiet"]
            subprocess.run([sys.executable, "-m", "impasto", *arguments], check=True)
        for picture, kind in ((photograph, "photograph"), (painting, "painting")):
            small = picture.resized(round(picture.width * HEIGHT / picture.height), HEIGHT)
            small.save(IMAGES / f"pair-{name}-{kind}.jpg", overwrite=True)
        print(name, flush=True)


if __name__ == "__main__":
    main()
