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

from impasto import Picture, find_faces
from impasto.recipes import demo
from impasto.reports.metrics import measure

SIZE = 512
"""The long side of the portraits, in pixels."""

FACES = {
    "hopper": (demo.photograph(), None, 3),
    "collins": ("astronaut.png", (70, 0, 390, 384), 0),
    "obama": ("obama.jpg", (70, 20, 870, 1020), 3),
    "biden": ("biden.jpg", (90, 40, 900, 1060), 0),
}
"""For each face the file, the box that is painted (left, top, right, bottom), and the seed of the painting."""

WAYS = {"free": ["--focus-weight", "1"], "default": [], "portrait": ["--preset", "portrait"]}
"""The options of the command for each way to paint a portrait."""


def table_row(name: str) -> str:
    """Return the structure of a face and the distance of its portrait from the painting in each way, in a row."""
    painting = Picture(demo.painting(seed=FACES[name][2]))
    files = [IMAGES / f"portrait-{name}-{way}.jpg" for way in ("photograph", *WAYS)]
    pictures = [Picture.open(file) for file in files]
    mask = find_faces(pictures[0])
    if mask is None:
        raise SystemExit(f"no face was found in {files[0]}.")
    rows, columns = torch.where(mask.resized(pictures[0].width, pictures[0].height) == 1)
    box = slice(int(rows.min()), int(rows.max()) + 1), slice(int(columns.min()), int(columns.max()) + 1)
    faces = [Picture(picture.pixels[:, *box].clone()) for picture in pictures]
    structures = [f"{measure(faces[0], painting, face).cfsd:.4f}" for face in faces[1:]]
    distances = [measure(pictures[0], painting, picture).wasserstein["conv3_4"] for picture in pictures[1:]]
    return " | ".join([name, *structures, *(f"{distance:,.0f}" for distance in distances)])


def main() -> None:
    """Paint each face in each way; without a folder, measure the portraits in docs/images."""
    if not sys.argv[1:]:
        for name in FACES:
            print(table_row(name), flush=True)
        return
    for name, (file, box, seed) in FACES.items():
        if sys.argv[2:] and name not in sys.argv[2:]:
            continue
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            photograph = Picture.open(Path(sys.argv[1]) / file).in_profile(None)
            left, top, right, bottom = box or (0, 0, photograph.width, photograph.height)
            photograph = Picture(photograph.pixels[:, top:bottom, left:right].clone())
            photograph.save(folder / "photo.png")
            Picture(demo.painting(seed=seed)).save(folder / "painting.png")
            for way, options in WAYS.items():
                command = [sys.executable, "-m", "impasto", "paint", "photo.png", "painting.png", "-o", f"{way}.png"]
                subprocess.run([*command, "--size", str(SIZE), "--quiet", *options], cwd=folder, check=True)
                portrait = Picture.open(folder / f"{way}.png")
                save(portrait, IMAGES / f"portrait-{name}-{way}.jpg")
                print(name, way, flush=True)
            save(photograph.resized(portrait.width, portrait.height), IMAGES / f"portrait-{name}-photograph.jpg")


if __name__ == "__main__":
    main()
