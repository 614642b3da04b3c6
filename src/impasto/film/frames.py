"""The folder of a film's painted frames, `OUTPUT.frames`: an interrupted film continues from the frames in it."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from impasto import files
from impasto.errors import InputError, WriteError

__all__ = ["Frames"]

_IDENTITY = "film.txt"
"""The file in the folder that holds the fingerprint of the film whose frames these are."""


class Frames:
    """The painted frames of one film.

    Args:
        output: The file of the painted film.
        fingerprint: What `Film.fingerprint` says.

    """

    def __init__(self, output: Path, fingerprint: str) -> None:
        self.folder = files.sibling(output, ".frames")
        self._fingerprint = fingerprint

    @property
    def is_begun(self) -> bool:
        """Whether there are frames of the same film, from which it continues."""
        return _identity(self.folder) == self._fingerprint

    def path(self, number: int) -> Path:
        """Return the file of a frame, counted from 0."""
        return self.folder / f"{number + 1:06}.png"

    def is_painted(self, number: int) -> bool:
        """Return whether a frame is painted to its end: a frame that was interrupted has a checkpoint."""
        path = self.path(number)
        return files.exists(path) and not files.exists(files.sibling(path, ".checkpoint"))

    def painted_files(self, count: int) -> Sequence[Path]:
        """Return the files of the frames that are painted without a gap from the first one on, of `count` at most."""
        numbers = takewhile(self.is_painted, range(count)) if self.is_begun else ()
        return [self.path(number) for number in numbers]

    def check(self) -> None:
        """Refuse a folder, or a file in its place, that impasto did not make.

        Raises:
            InputError: there is one.

        """
        if files.exists(self.folder) and _identity(self.folder) is None and any(_entries(self.folder)):
            raise InputError(
                f"{self.folder} is there already and holds no frames of impasto; move it away, or name another output."
            )

    def begin(self) -> Path | None:
        """Make the folder; frames of another film are set aside.

        Returns:
            The folder in which the frames of another film are now, if there were any.

        Raises:
            WriteError: the system refused.

        """
        if self.is_begun:
            return None
        old_folder = self._set_aside() if _identity(self.folder) is not None else None
        files.make_folder(self.folder)
        with files.atomic_write(self.folder / _IDENTITY, overwrite=True) as temporary:
            temporary.write_text(self._fingerprint, encoding="ascii")
        return old_folder

    def _set_aside(self) -> Path:
        """Rename the folder of another film; frames that were set aside before are replaced."""
        old_folder = files.sibling(self.folder, ".old")
        try:
            if files.exists(old_folder):
                shutil.rmtree(old_folder)
            self.folder.replace(old_folder)
        except OSError as error:
            raise WriteError(f"the folder {self.folder} could not be renamed: {files.reason(error)}.") from error
        return old_folder

    def delete(self) -> None:
        """Delete the painted frames and temporary files, and the folder if nothing else is in it.

        On Windows a frame that a viewer shows stays, with the folder.
        """
        for path in _entries(self.folder):
            name = path.name.partition(".")[0]
            if path.name == _IDENTITY or name.isdigit() or path.name.startswith(".impasto-"):
                with suppress(OSError):
                    path.unlink()
        with suppress(OSError):
            self.folder.rmdir()


def _identity(folder: Path) -> str | None:
    """Return the fingerprint of the film whose frames are in a folder; None, if it is no such folder."""
    try:
        return (folder / _IDENTITY).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None


def _entries(folder: Path) -> Sequence[Path]:
    """List the files in a folder; a file in place of a folder is its own entry."""
    return sorted(folder.iterdir()) if folder.is_dir() else [folder]
