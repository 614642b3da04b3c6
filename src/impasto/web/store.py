"""The folder of the studio: uploaded pictures, a folder for each job, and the space that they take.

A name from outside is never a path: uploads and jobs have identifiers of a fixed form, and links are not followed.
"""

import hashlib
import math
import re
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from impasto.errors import InputError, RunError
from impasto.files import replace
from impasto.film.formats import FILM_FORMATS, format_of
from impasto.images.formats import loader_of, unsupported_kind
from impasto.web.files import read_json

__all__ = [
    "FILM_PATTERN",
    "PICTURE_PATTERN",
    "FullError",
    "MissingError",
    "Store",
]

PICTURE_PATTERN = r"[0-9a-f]{24}\.(?:png|jpg|webp|tif|gif|heic|avif)"
"""The form of the identifier of an uploaded picture: the beginning of the SHA-256 of its bytes, and its format."""

FILM_PATTERN = rf"[0-9a-f]{{24}}\.(?:{'|'.join(FILM_FORMATS)})"
"""The form of the identifier of an uploaded film."""

_JOB = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_UPLOAD = re.compile(f"{PICTURE_PATTERN}|{FILM_PATTERN}")

_TEMPORARY = {"uploads": re.compile(r"\.[0-9a-f]{16}(?:\.png)?|\.impasto-.+"), ".": re.compile(r"\.[0-9a-f]{16}\.zip")}
"""The form of temporary names, by folder: uploads that arrive, what is written of them, and zip files of jobs."""

_FORMATS = {
    "pngload_source": "png",
    "jpegload_source": "jpg",
    "webpload_source": "webp",
    "tiffload_source": "tif",
    "gifload_source": "gif",
    "heifload_source": "avif",
    "heif": "heic",
}
"""The format of an upload by what opens it."""

UNUSED_SECONDS = 24 * 3600.0
"""Seconds after which an upload that no job uses may be deleted."""

SIZE_SECONDS = 5.0
"""The seconds for which the size of the folder is not measured again while it is below the quota."""


class MissingError(InputError):
    """There is no such job, upload or file."""


class FullError(RunError):
    """The studio's folder has reached its quota."""


class Store:
    """The folder of a studio.

    Args:
        root: The folder; it is made if it does not exist.
        quota: The most bytes of all uploads and jobs together.

    """

    def __init__(self, root: Path, quota: float) -> None:
        self.root, self.quota = root.resolve(), quota
        for folder in (self.uploads, self.jobs):
            folder.mkdir(parents=True, exist_ok=True)
        self._measurement = (0.0, -math.inf)

    @property
    def uploads(self) -> Path:
        """The folder of the uploaded pictures."""
        return self.root / "uploads"

    @property
    def jobs(self) -> Path:
        """The folder of the jobs, each in a folder of its own."""
        return self.root / "jobs"

    def upload(self, identifier: str) -> Path:
        """Return the path of an uploaded picture.

        Raises:
            MissingError: there is none.

        """
        path = self.uploads / identifier
        if not _UPLOAD.fullmatch(identifier) or path.is_symlink() or not path.is_file():
            raise MissingError(f"there is no picture {identifier[:60]!r}; upload it first.")
        return path

    def info(self, identifier: str) -> dict[str, Any]:
        """Return what is known of an uploaded picture: name, width, height, and settings if impasto painted it.

        Raises:
            MissingError: there is no such upload.

        """
        return read_json(self.upload(identifier).with_suffix(".json"))

    def receive(self, source: Path) -> Path:
        """Move a file that was uploaded into the folder, under the identifier of its bytes; return its path.

        Raises:
            InputError: the file does not begin as a picture or a film does.

        """
        with source.open("rb") as file:
            start = file.read(256)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:24]
        loader = loader_of(start)
        suffix = format_of(start) if loader is None else _FORMATS[loader]
        if suffix is None:
            kind = unsupported_kind(start)
            fault = f"the file is {kind}, which impasto does not read" if kind else "the file is not a picture or film"
            accepted = "a PNG, JPEG, WebP, TIFF, GIF, AVIF or HEIC picture, or an MP4, MOV, WebM, MKV or AVI film"
            raise InputError(f"{fault}; give {accepted}.")
        path = self.uploads / f"{digest}.{suffix}"
        replace(source, path)
        return path

    @contextmanager
    def temporary(self, suffix: str = "") -> Generator[Path, None, None]:
        """Yield the path of a new file among the uploads; a file that is still there after the block is deleted.

        Args:
            suffix: The end of its name: empty or .png.

        Yields:
            The path.

        """
        path = self.uploads / f".{secrets.token_hex(8)}{suffix}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def delete(self, identifier: str) -> None:
        """Delete an upload that cannot be used; of its files, one that is open stays on Windows."""
        for path in self.uploads.glob(f"{identifier.partition('.')[0]}.*"):
            with suppress(OSError):
                path.unlink()

    def delete_unused(self, used: Collection[str]) -> None:
        """Delete uploads that no job uses and that were last uploaded `UNUSED_SECONDS` ago.

        Args:
            used: The identifiers of the uploads that jobs use.

        """
        for path in self.uploads.iterdir():
            is_old = time.time() - path.stat().st_mtime > UNUSED_SECONDS
            if _UPLOAD.fullmatch(path.name) and path.name not in used and is_old:
                self.delete(path.name)

    def delete_unfinished(self) -> None:
        """Delete the temporary files that a killed studio left; no other studio may be using the folder."""
        for folder, pattern in _TEMPORARY.items():
            for path in (self.root / folder).iterdir():
                if pattern.fullmatch(path.name):
                    with suppress(OSError):
                        path.unlink()

    def new_job(self) -> Path:
        """Make the folder of a new job; its name begins with the time."""
        folder = self.jobs / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
        (folder / "inputs").mkdir(parents=True)
        return folder

    def delete_job(self, folder: Path) -> None:
        """Delete the folder of a job, the order first, without which a file that is open on Windows is no job."""
        with suppress(OSError):
            (folder / "job.json").unlink()
        shutil.rmtree(folder, ignore_errors=True)

    def job_folders(self) -> Iterable[Path]:
        """List the folders of all jobs, the oldest first; links and folders of other names are not jobs."""
        return sorted(path for path in self.jobs.iterdir() if _JOB.fullmatch(path.name) and not path.is_symlink())

    def add_inputs(self, folder: Path, identifiers: Iterable[str]) -> None:
        """Put uploads into the inputs of a job, so that its folder is complete.

        Args:
            folder: The folder of the job.
            identifiers: The identifiers of the uploads.

        Raises:
            MissingError: one of them is neither uploaded nor there already.

        """
        for identifier in identifiers:
            target = folder / "inputs" / identifier
            if _UPLOAD.fullmatch(identifier) and target.is_file():
                continue
            source = self.upload(identifier)
            try:
                target.hardlink_to(source)
            except OSError:  # a file system without hard links
                shutil.copyfile(source, target)

    def is_full(self) -> bool:
        """Return whether the folder has reached its quota."""
        size, time_measured = self._measurement
        if size >= self.quota or time.monotonic() - time_measured > SIZE_SECONDS:
            size = _bytes_below(self.root)
            self._measurement = (size, time.monotonic())
        return size >= self.quota


def _bytes_below(folder: Path) -> float:
    """Return the bytes of all files below a folder; a hard link counts once.

    A file without another link counts by its path, since not every file system numbers its files.
    """
    sizes: dict[int | Path, int] = {}
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a worker has replaced or removed it
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                sizes[status.st_ino if status.st_nlink > 1 else path] = status.st_size
    return float(sum(sizes.values()))
