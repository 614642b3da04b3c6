"""A run in several processes of this machine: the same command is started once for each process."""

import math
import os
import socket
import subprocess
import sys
import time

from impasto.cli import signals
from impasto.errors import RunError
from impasto.machine.process_group import forward, own_group

__all__ = ["is_launched", "is_lead", "launch"]

GRACE_SECONDS = 20.0
"""Seconds that the other processes have to save the picture and a checkpoint after one process has failed."""

POLL_SECONDS = 0.1
"""Seconds from one check of the processes to the next."""


def is_lead() -> bool:
    """Return whether this process is the one that prints and writes files."""
    return int(os.environ.get("RANK", "0")) == 0


def is_launched() -> bool:
    """Return whether this process was started as one of several, here or by torchrun."""
    return "RANK" in os.environ


def launch(count: int) -> None:
    """Run this command in `count` processes, and wait until all of them end.

    Args:
        count: The number of processes.

    Raises:
        RunError: a process was ended by a signal; the other processes have been stopped.
        SystemExit: a process failed and has printed why.

    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    command = [sys.executable, *sys.orig_argv[1:]]
    children = [
        subprocess.Popen(  # noqa: S603 (this command itself)
            command,
            **own_group(),
            env={
                **os.environ,
                **rendezvous,
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "LOCAL_WORLD_SIZE": str(count),
            },
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
    deadline = math.inf
    is_forwarded = False
    with signals.graceful() as received:
        while any(child.poll() is None for child in children) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            if received() and not is_forwarded:
                is_forwarded = True
                for child in children:
                    forward(received(), child)
            if _failed(children) and not is_forwarded and deadline == math.inf:
                deadline = time.monotonic() + GRACE_SECONDS
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
    """Return the processes that have ended with an error."""
    return [child for child in children if child.poll() not in {None, 0}]
