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


def main() -> None:
    """Paint the four of them."""
    folder = Path(sys.argv[1])
    bay, second = (Picture(demo.painting(seed=seed)) for seed in (0, 3))
    pairs = {
        "hopper": (Picture.open(demo.photograph()), second),
        "astronaut": (Picture.open(folder / "astronaut.png"), bay),
        "cat": (Picture.open(folder / "chelsea.png"), bay),
        "coffee": (Picture.open(folder / "coffee.png"), second),
    }
    for name, (photograph, painting) in pairs.items():
        with tempfile.TemporaryDirectory() as place:
            files = [Path(place) / "photograph.png", Path(place) / "painting.png"]
            for picture, file in zip((photograph, painting), files, strict=True):
                picture.save(file)
            result = IMAGES / f"pair-{name}.jpg"
            words = ["paint", *files, "-o", result, "--overwrite", "--quiet"]
            subprocess.run([sys.executable, "-m", "impasto", *words], check=True)
        height = 256
        for picture, part in ((photograph, "photograph"), (painting, "painting")):
            shown = picture.resized(round(picture.width * height / picture.height), height)
            shown.save(IMAGES / f"pair-{name}-{part}.jpg", overwrite=True)
        print(name, flush=True)


if __name__ == "__main__":
    main()
