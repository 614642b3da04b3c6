"""A run in several processes of this machine: the same command is started once for each process."""

import math
import os
import socket
import subprocess
import sys
import time

from impasto.cli import signals
from impasto.errors import RunError

__all__ = ["is_lead", "launch", "launched"]

GRACE_SECONDS = 20.0
"""Seconds that the other processes have to save the picture and a checkpoint after one process has failed."""

POLL_SECONDS = 0.1
"""Seconds from one check of the processes to the next."""


def is_lead() -> bool:
    """Return whether this process is the one that prints and writes files."""
    return int(os.environ.get("RANK", "0")) == 0


def launched() -> bool:
    """Return whether this process was started as one of several, here or by torchrun."""
    return "RANK" in os.environ


def launch(count: int) -> None:
    """Run this command in `count` processes, and wait until all of them end.

    Raises:
        RunError: a process was ended by a signal; the other processes have been stopped.
        SystemExit: a process failed and has printed why.

    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    command = [sys.executable, *sys.orig_argv[1:]]
    children = [
        subprocess.Popen(  # noqa: S603 (this command itself)
            command,
            start_new_session=True,  # only this process gets the terminal's signals
            env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count)},
        )
        for rank in range(count)
    ]
    try:
        _wait(children)
    finally:
        for child in children:
            child.kill()


def _wait(children: list[subprocess.Popen[bytes]]) -> None:
    """Wait until all processes end, at most `GRACE_SECONDS` after one failed; forward the first signal to them."""
    last = math.inf
    told = False
    with signals.graceful() as ended:
        while _running(children) and time.monotonic() < last:
            time.sleep(POLL_SECONDS)
            if ended() and not told:
                told = True
                for child in children:
                    child.send_signal(ended())
            if _failed(children) and not told and last == math.inf:
                last = time.monotonic() + GRACE_SECONDS
    killed = [rank for rank, child in enumerate(children) if (child.returncode or 0) < 0]
    if killed:
        signal = -children[killed[0]].returncode
        raise RunError(
            f"process {killed[0] + 1} of {len(children)} was ended by signal {signal}, so the others were stopped; "
            "files that were saved before are complete."
        )
    if failed := _failed(children):  # the process has printed why
        raise SystemExit(failed[0].returncode)


def _failed(children: list[subprocess.Popen[bytes]]) -> list[subprocess.Popen[bytes]]:
    return [child for child in children if child.poll() not in {None, 0}]


def _running(children: list[subprocess.Popen[bytes]]) -> bool:
    return any(child.poll() is None for child in children)
