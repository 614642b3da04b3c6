"""Paint the pictures of portraits.md into docs/images: .venv/bin/python docs/portraits.py FOLDER [NAME …] (15 minutes).

Without FOLDER it paints nothing, and prints the rows of the table in portraits.md, measured from docs/images.

FOLDER holds astronaut.png of the package scikit-image, where it lies in skimage/data, and obama.jpg and biden.jpg of the
source package face_recognition 1.3.0, where they lie in tests/test_images.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from looks import IMAGES, save

from impasto import Picture
from impasto.recipes import demo
from impasto.reports.metrics import measure

SIZE = 512

FACES = {
    "hopper": (demo.photograph(), None, 3, (0.51, 0.34, 0.23, 0.24)),
    "collins": ("astronaut.png", (70, 0, 390, 384), 0, (0.50, 0.30, 0.20, 0.27)),
    "obama": ("obama.jpg", (70, 20, 870, 1020), 3, (0.53, 0.20, 0.20, 0.20)),
    "biden": ("biden.jpg", (90, 40, 900, 1060), 0, (0.60, 0.28, 0.24, 0.25)),
}
"""By name: the file, the part of it that is painted (left, top, right, bottom), the seed of the painting, and the ellipse
of the face: its center and radii as fractions of width and height."""

WAYS = {"default": [], "portrait": ["--preset", "portrait"], "focus": ["--focus", "face.png"]}
"""By name: the words of the command."""


def ellipse(width: int, height: int, face: tuple[float, float, float, float]) -> torch.Tensor:
    """Return a mask with a soft edge, (H, W)."""
    x, y, across, down = face
    rows, columns = torch.linspace(0, 1, height)[:, None], torch.linspace(0, 1, width)[None]
    distance = (((columns - x) / across) ** 2 + ((rows - y) / down) ** 2).sqrt()
    return ((1.1 - distance) / 0.3).clamp(0, 1)


def measured(name: str) -> str:
    """Return the row of a face: its structure and its distance from the painting, by the defaults and as a portrait."""
    painting = Picture(demo.painting(seed=FACES[name][2]))
    files = [IMAGES / f"portrait-{name}-{way}.jpg" for way in ("photograph", "default", "portrait")]
    found = [measure(files[0], painting, file) for file in files[1:]]
    structures = [f"{each.cfsd:.4f}" for each in found]
    return " | ".join([name, *structures, *(f"{each.wasserstein['conv3_4']:,.0f}" for each in found)])


def main() -> None:
    """Paint each face in each way; without a folder, measure what was painted."""
    if not sys.argv[1:]:
        for name in FACES:
            print(measured(name), flush=True)
        return
    for name, (file, box, seed, face) in FACES.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            photograph = Picture.open(Path(sys.argv[1]) / file).in_profile(None)
            left, top, right, bottom = box or (0, 0, photograph.width, photograph.height)
            photograph = Picture(photograph.pixels[:, top:bottom, left:right].clone())
            photograph.save(folder / "photo.png")
            Picture(ellipse(photograph.width, photograph.height, face).expand(3, -1, -1)).save(folder / "face.png")
            Picture(demo.painting(seed=seed)).save(folder / "painting.png")
            for way, words in WAYS.items():
                command = [sys.executable, "-m", "impasto", "paint", "photo.png", "painting.png", "-o", f"{way}.png"]
                subprocess.run([*command, "--size", str(SIZE), "--quiet", *words], cwd=folder, check=True)
                painted = Picture.open(folder / f"{way}.png")
                save(painted, IMAGES / f"portrait-{name}-{way}.jpg")
                print(name, way, flush=True)
            save(photograph.resized(painted.width, painted.height), IMAGES / f"portrait-{name}-photograph.jpg")


if __name__ == "__main__":
    main()
