"""The process that opens uploads: the size of a picture or film, a thumbnail, the settings in its file, and its faces.

A file that crashes or exhausts a decoder ends this process and no other. It also makes the demo's pictures.
It is started as `python -m impasto.web.reader`.
"""

import traceback
from pathlib import Path
from typing import Any

from impasto.errors import ImpastoError, InputError
from impasto.film import encoding
from impasto.film.container import beginning
from impasto.film.formats import FILM_FORMATS
from impasto.images import Picture
from impasto.images.faces import find_faces
from impasto.jobs import notes
from impasto.recipes import demo
from impasto.web.child import Lines

__all__ = ["answer", "main"]

SIZES = {"thumbnail": 480, "view": 1600}
"""The long sides of the small pictures of an upload, in pixels at most, by their names."""

DEMO_SIZE = 640
"""The long side of the demo's painting, in pixels."""


def answer(message: dict[str, Any]) -> dict[str, Any]:
    """Do what a message asks for: open a picture, find faces, convert a picture, or make the demo's pictures.

    Args:
        message: `{"open": PATH}`, `{"faces": PATH, "to": PATH}`, `{"convert": PATH, "to": PATH}` or `{"demo": FOLDER}`.

    Returns:
        What is known of the picture, or `{"error": SENTENCE}`.

    """
    try:
        if "open" in message:
            return _open(Path(message["open"]))
        if "faces" in message:
            return _write_faces(Path(message["faces"]), Path(message["to"]))
        if "convert" in message:
            Picture.open(message["convert"], allow_large=True).save(message["to"], overwrite=True)
            return {}
        return _demo(Path(message["demo"]))
    except ImpastoError as error:
        return {"error": str(error)}
    except Exception as error:  # whatever a decoder raises
        traceback.print_exc()
        return {"error": f"the picture could not be read ({type(error).__name__}); save it again in another format."}


def _open(path: Path) -> dict[str, Any]:
    """Open an upload, and write its small pictures next to it."""
    if path.suffix[1:] in FILM_FORMATS:
        first = beginning(path)
        film = {"film": {"seconds": first.seconds, "fps": first.fps}, "remarks": list(first.remarks)}
        return {**_write_thumbnails(first.picture, path), **film, "settings": encoding.read_note(path).get("settings")}
    picture = Picture.open(path)
    return {
        **_write_thumbnails(picture, path),
        "remarks": list(picture.remarks),
        "settings": notes.read(path).get("settings"),
    }


def _write_faces(path: Path, target: Path) -> dict[str, Any]:
    """Write a mask of the faces in an upload, or in the first frame of a film."""
    mask = find_faces(beginning(path).picture if path.suffix[1:] in FILM_FORMATS else Picture.open(path))
    if mask is None:
        raise InputError("no face was found in the picture; paint over what you mean.")
    Picture(mask.weights.expand(3, -1, -1)).save(target, overwrite=True)
    return {}


def _write_thumbnails(picture: Picture, path: Path) -> dict[str, Any]:
    """Write the small pictures of an upload next to it; return its width and height."""
    for name, size in SIZES.items():
        picture.within(size).save(path.with_suffix(f".{name}.jpg"), overwrite=True, quality=85)
    return {"width": picture.width, "height": picture.height}


def _demo(folder: Path) -> dict[str, Any]:
    """Write the demo's photograph and painting."""
    paths = {"photograph": folder / "Grace Hopper.jpg", "painting": folder / "Landscape by the sea.png"}
    paths["photograph"].write_bytes(demo.photograph().read_bytes())
    Picture(demo.painting(DEMO_SIZE)).save(paths["painting"], overwrite=True)
    return {name: str(path) for name, path in paths.items()}


def main() -> None:
    """Answer until standard input ends."""
    lines = Lines()
    for message in lines:
        lines.send(answer(message))


if __name__ == "__main__":
    main()
