"""Child processes that do not get the signals of this process's terminal, and how they are told to end.

Ctrl-C is for this process, which then lets its children save their work. Windows has groups of processes for this, and
other systems have sessions.
"""

import signal
import subprocess
import sys
from typing import TypedDict

__all__ = ["forward", "own_group"]


class _Group(TypedDict, total=False):
    """Arguments of `Popen`."""

    creationflags: int
    start_new_session: bool


def own_group() -> _Group:
    """Return the arguments by which `Popen` starts a process that the terminal sends no signals."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}


def forward(number: int, child: "subprocess.Popen[bytes]") -> None:
    """Send a signal to a child that was started with `own_group`.

    Windows sends such a child nothing but Ctrl-Break.

    Args:
        number: The signal that this process received.
        child: The child.

    """
    child.send_signal(signal.CTRL_BREAK_EVENT if sys.platform == "win32" else number)
