"""Paint the sheets of figures.md and sweep.md into docs/images: .venv/bin/python docs/sheets.py FOLDER (an hour).

FOLDER holds chelsea.png of the package scikit-image, where it lies in skimage/data.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from impasto import Picture
from impasto.recipes import demo

IMAGES = Path(__file__).parent / "images"
FIGURES = (1, 4, 5, 6)
"""The numbers of the paper's figures that are painted."""


def impasto(*arguments: str | Path) -> None:
    """Run a command."""
    subprocess.run([sys.executable, "-m", "impasto", *arguments], check=True)


def main() -> None:
    """Paint the sheets."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photograph = Path(sys.argv[1]) / "chelsea.png"
        painting = folder / "bay.png"
        Picture(demo.painting()).save(painting)
        values = ["--style-weight", "100,1000,10000", "--style-scale", "0.5,1", "--size", "256"]
        impasto("sweep", photograph, painting, "-o", IMAGES / "sweep.jpg", "--overwrite", *values)
        for number in FIGURES:
            impasto("figures", photograph, painting, "--folder", folder / "figures", "--figure", str(number))
            sheet = Picture.open(folder / "figures" / f"figure-{number}.png")
            sheet.save(IMAGES / f"figure-{number}.jpg", overwrite=True, quality=85)
            print(number, flush=True)


if __name__ == "__main__":
    main()
