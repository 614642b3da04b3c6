"""The system's viewer of pictures."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from impasto.cli import display
from impasto.files import reason

__all__ = ["show"]


def show(path: Path) -> None:
    """Show a picture in the system's viewer, and do not wait for it; say so if there is none."""
    try:
        _open(path)
    except OSError as error:
        display.remark(f"{path} could not be shown: {reason(error)}.")


def _open(path: Path) -> None:
    """Start the viewer.

    Raises:
        OSError: the system refused, or no program is chosen for such pictures.

    """
    if sys.platform == "win32":
        os.startfile(path)  # noqa: S606 (the program that the user chose for pictures)
        return
    viewer = shutil.which("open" if sys.platform == "darwin" else "xdg-open")
    if viewer is None:
        display.remark(f"there is no viewer (xdg-open) to show {path}.")
        return
    nowhere = subprocess.DEVNULL
    subprocess.Popen([viewer, path], start_new_session=True, stdin=nowhere, stdout=nowhere, stderr=nowhere)  # noqa: S603 (the system's own viewer)
