"""Paint the pictures of presets.md and options-in-pictures.md into docs/images.

.venv/bin/python docs/looks.py FOLDER [NAME …] takes half an hour; a name is that of a picture, without its suffix. FOLDER
holds chelsea.png of the package scikit-image, where it lies in skimage/data.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from face_masks import HOPPER, ellipse, person

from impasto import Picture
from impasto.recipes import demo
from impasto.reports.contact_sheets import Block, draw
from impasto.settings.presets import LOOKS

IMAGES = Path(__file__).parent / "images"
QUALITIES = (85, 80, 75, 70, 60)
"""Qualities of a JPEG file, of which the first one is taken that makes it small enough."""

MAX_BYTES = 120_000
"""Bytes of a picture's file, so that a page with several pictures is loaded soon."""

SIZE = "256"
"""The long side of the pictures of a strip, in pixels."""

SWEEPS = {
    "content-weight": ["--content-weight", "1,20,100,500"],
    "stroke-size": ["--style-scale", "0.5,1,2", "--preset", "portrait"],
    "colors": ["--color", "style,content-luminance,content-match", "--preset", "portrait"],
    "focus": ["--focus-weight", "1,3,10"],
    "evaluations": ["--iterations", "20,50,100,300", "--tolerance", "0"],
    "sizes": ["--size", "128,256,384", "--preset", "portrait"],
}
"""The options of the command for each strip."""


def impasto(folder: Path, *arguments: str | Path) -> None:
    """Run a command in a folder."""
    subprocess.run([sys.executable, "-m", "impasto", *arguments, "--quiet"], cwd=folder, check=True)


def sweep(folder: Path, name: str) -> Picture:
    """Paint a strip of several values of an option."""
    size = [] if "--size" in SWEEPS[name] else ["--size", SIZE]
    impasto(folder, "sweep", "photo.png", "painting.png", "-o", f"{name}.png", *SWEEPS[name], *size)
    return Picture.open(folder / f"{name}.png")


def strip(folder: Path, columns: dict[str, Sequence[str]]) -> Picture:
    """Paint a picture for each column, given as its label and the painting with the options of the command."""
    pictures: list[Picture] = []
    for number, arguments in enumerate(columns.values()):
        output = f"strip-{number}.png"
        impasto(folder, "paint", "photo.png", *arguments, "-o", output, "--overwrite", "--size", SIZE)
        pictures.append(Picture.open(folder / output))
    return draw([Block([pictures], [*columns])])


def keep(folder: Path) -> Picture:
    """Paint a face that stays by none, a half and all of it, in grays of the mask."""
    face = Picture.open(folder / "face.png").pixels
    for gray in (64, 128, 192, 255):
        Picture(face * gray / 255).save(folder / f"keep-{gray}.png")
    columns = {f"keep, gray {gray}": ["painting.png", "--keep", f"keep-{gray}.png"] for gray in (64, 128, 192, 255)}
    return strip(folder, {"no keep": ["painting.png"], **columns})


def colors_by_region(folder: Path) -> Picture:
    """Paint the person in her own colors and the rest in the painting's, and the reverse."""
    person, background = "painting.png,region=person.png", "painting.png"
    return strip(
        folder,
        {
            "the person in her own colors": [f"{person},color=content-luminance", background, "--preset", "portrait"],
            "all but the person": [person, f"{background},color=content-luminance", "--preset", "portrait"],
        },
    )


def preset(name: str) -> Callable[[Path], Picture]:
    """Return a function that paints the picture of a preset."""

    def paint(folder: Path) -> Picture:
        impasto(folder, "paint", "cat.png", "painting.png", "-o", f"{name}.png", "--size", "320", "--preset", name)
        return Picture.open(folder / f"{name}.png")

    return paint


PICTURES: dict[str, Callable[[Path], Picture]] = {
    **{f"preset-{name}": preset(name) for name in LOOKS},
    **{f"option-{name}": lambda folder, name=name: sweep(folder, name) for name in SWEEPS},
    "option-keep": keep,
    "option-colors-by-region": colors_by_region,
}


def prepare(folder: Path) -> None:
    """Save the photograph, the painting and the masks."""
    Picture.open(Path(sys.argv[1]) / "chelsea.png").save(folder / "cat.png")
    photograph = Picture.open(demo.photograph())
    photograph.save(folder / "photo.png")
    Picture(demo.painting(seed=3)).save(folder / "painting.png")
    size = photograph.width, photograph.height
    face = ellipse(*size, HOPPER, edge=0.3)
    Picture(face.expand(3, -1, -1)).save(folder / "face.png")
    Picture(person(*size, face).expand(3, -1, -1)).save(folder / "person.png")


def save(picture: Picture, path: Path) -> None:
    """Save a picture in at most `MAX_BYTES`."""
    for quality in QUALITIES:
        picture.save(path, overwrite=True, quality=quality)
        if path.stat().st_size <= MAX_BYTES:
            return


def main() -> None:
    """Paint the pictures that are named, or all of them."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        for name, paint in PICTURES.items():
            if not sys.argv[2:] or name in sys.argv[2:]:
                save(paint(folder), IMAGES / f"{name}.jpg")
                print(name, flush=True)


if __name__ == "__main__":
    main()
