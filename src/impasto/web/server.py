"""Starts the studio: a folder, an address, a link, and uvicorn."""

import ipaddress
import os
import secrets
import socket
import threading
import webbrowser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import uvicorn
from filelock import FileLock, Timeout

from impasto.errors import InputError
from impasto.files import reason
from impasto.web import results
from impasto.web.app import create
from impasto.web.security import Guard
from impasto.web.store import Store
from impasto.web.studio import READER, WORKER, Studio

__all__ = ["Server", "open_browser", "serve"]

MAX_UPLOAD_BYTES = 1_000_000_000
"""The most bytes of an upload, of which films take the most: two minutes in 4K from a phone, or more."""

BROWSER_SECONDS = 0.7
"""Seconds after which the browser is opened: the server answers by then."""


class Server(NamedTuple):
    """A server that listens, and the link to its page."""

    link: str
    app: Guard
    listener: socket.socket
    lock: FileLock
    """Held as long as the server is, so that no other one uses the folder."""
    studio: Studio

    def run(self) -> None:
        """Serve until a signal ends it; the workers then save checkpoints."""
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, timeout_graceful_shutdown=1, server_header=False
        )
        _Uvicorn(config, self.studio).run([self.listener])


class _Uvicorn(uvicorn.Server):
    """uvicorn, which tells the studio that it closes before it waits for the answers under way."""

    def __init__(self, config: uvicorn.Config, studio: Studio) -> None:
        super().__init__(config)
        self._studio = studio

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to close at a signal."""
        self._studio.is_closing = True
        super().handle_exit(sig, frame)


def serve(
    host: str,
    port: int,
    folder: Path,
    *,
    quota: float,
    devices: Sequence[str] = ("auto",),
    worker: Sequence[str] = WORKER,
    reader: Sequence[str] = READER,
    batch: Path | None = None,
) -> Server:
    """Return a server that listens but does not serve yet.

    Args:
        host: The name or number of the address; one that is not the loopback gets a token in its link.
        port: The port; 0 means a free one.
        folder: The folder of the jobs.
        quota: The most bytes of the folder.
        devices: The devices that paint.
        worker: The command that starts a worker.
        reader: The command that starts the process that opens uploads.
        batch: A folder that `impasto batch` has painted, whose pictures the gallery shows.

    Returns:
        The server; `Server.run` serves.

    Raises:
        InputError: the address or a folder cannot be used.

    """
    records = [] if batch is None else results.read_results(batch)
    try:
        store = Store(folder, quota)
        lock = FileLock(store.root / "studio.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(f"another studio uses the folder {folder}; close it, or give another --folder.") from None
    except OSError as error:
        raise InputError(f"the folder {folder} cannot be used: {reason(error)}; give another --folder.") from error
    listener = _listener(host, port)
    port = listener.getsockname()[1]
    token = "" if _is_loopback(host) else secrets.token_urlsafe(24)
    names = ("127.0.0.1", "localhost", "[::1]", host)
    hosts = [] if token else [f"{name}:{port}" for name in names] + [*names] * (port == 80)
    studio = Studio(store, devices=devices, worker=worker, reader=reader, batch=records)
    guard = Guard(create(studio), hosts=hosts, token=token, max_bytes=MAX_UPLOAD_BYTES)
    address = socket.gethostname() if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    return Server(f"http://{address}:{port}/" + (f"?token={token}" if token else ""), guard, listener, lock, studio)


def open_browser(link: str) -> None:
    """Open the page in the browser of the system, soon."""
    timer = threading.Timer(BROWSER_SECONDS, webbrowser.open, [link])
    timer.daemon = True
    timer.start()


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to an address.

    With its protocol named, asyncio sends answers at once (TCP_NODELAY) and not after 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        why = reason(error) if isinstance(error, OSError) else "there is no such port"
        raise InputError(f"the address {host}:{port} cannot be used: {why}; give another --host or --port.") from error
    return listener


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
