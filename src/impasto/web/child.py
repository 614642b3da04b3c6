"""A process of the studio that takes one line of JSON at a time on standard input and gives some on standard output.

It lives as long as the process that started it: when its standard input ends, it finishes and ends.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from impasto.machine.process_group import own_group

__all__ = ["Child", "Lines"]

LINE_BYTES = 16 * 2**20
"""The most bytes of one line."""


class Child:
    """A process that takes and gives lines of JSON, seen from the process that started it.

    Args:
        command: How the process is started.
        log: The file that its standard error is appended to.

    """

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command, self._log = command, log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The number of the process, or None if it does not run."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        """Start the process, if it does not run."""
        if self.pid is None:
            with self._log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    limit=LINE_BYTES,
                    **own_group(),  # Ctrl-C of the terminal is for the server, which then ends this process
                )

    def send(self, message: dict[str, Any]) -> None:
        """Send a message; one to a process that has just ended is lost."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, RuntimeError):
                self._process.stdin.write(json.dumps(message).encode() + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message, or None if the process has ended."""
        if self._process is None or self._process.stdout is None:
            return None
        line = await self._process.stdout.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    async def end(self, seconds: float) -> int | None:
        """Let the process finish, kill it after some seconds, and return its exit code; a signal is negative."""
        process = self._process
        if process is None:
            return None
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), seconds)
        except TimeoutError:
            with suppress(ProcessLookupError):  # it has just ended
                process.kill()
            await process.wait()
        return process.returncode


class Lines:
    """The lines of JSON that this process takes and gives, seen from inside it.

    What libraries print goes to standard error.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(1), "wb", buffering=0)
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send(self, message: dict[str, Any]) -> None:
        """Write one message; without a reader, for which Windows has no error of its own, nothing is written."""
        with self._lock, suppress(OSError):
            self._out.write(json.dumps(message, default=str).encode() + b"\n")

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the messages until standard input ends."""
        for line in sys.stdin.buffer:
            yield json.loads(line)
