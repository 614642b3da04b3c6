"""Fetch one file over HTTP: resumable, with its hash checked before it takes its name."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, InvalidURL
from pathlib import Path

from impasto.errors import DownloadError
from impasto.files import reason, replace

__all__ = ["fetch"]

CHUNK_BYTES = 1 << 20
"""Bytes that are read at a time, between two calls of `progress`."""

MAX_SILENCE = 30.0
"""Seconds without data after which a connection is closed."""


def fetch(url: str, target: Path, sha256: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """Return `target`, downloaded from `url` if it is not there yet.

    The received bytes are stored in `target`.part, so that an interrupted download resumes where it stopped.

    Args:
        url: The address of the file.
        target: The path to store it at; its folder is made.
        sha256: The hash, or the digits that it begins with.
        progress: Called with the received bytes and the bytes of the file (0 if the server does not say).

    Returns:
        The path of the file.

    Raises:
        DownloadError: `url` is not a file's, the network failed, the folder cannot be written, or the hash is another.

    """
    if url.rpartition("/")[2] in {"", ".", ".."}:  # the target would be the folder itself
        raise _failure(url, InvalidURL("it names no file"))
    if _is_stored(target):
        return target
    partial = target.with_name(target.name + ".part")
    try:
        _receive(url, partial, progress or (lambda _received, _total: None))
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, HTTPException, ValueError) as error:
        raise _failure(url, error) from None
    if not digest.startswith(sha256):
        partial.unlink()
        raise DownloadError(f"{url} has the SHA-256 {digest[:16]}…, not {sha256}…; it was thrown away, try again.")
    replace(partial, target)
    return target


def _is_stored(target: Path) -> bool:
    """Return whether a file was downloaded before; if not, make its folder."""
    try:
        if target.exists():
            return True
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DownloadError(
            f"{target.name} cannot be stored in {target.parent}: {reason(error)}; set XDG_CACHE_HOME to a folder that "
            "you may write to, or give the path of a weights file."
        ) from None
    return False


def _failure(url: str, error: Exception) -> DownloadError:
    """Return the error of a download, with a remedy; a URLError wraps the system's error, or text about the address."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    remedy = "try again, it continues where it stopped"
    if isinstance(cause, OSError):  # asked first: a bad certificate is an OSError and a ValueError
        message = reason(cause)
    else:
        message = str(cause) or type(cause).__name__
        if isinstance(cause, (str, ValueError, InvalidURL)):
            remedy = "give the address of a file, such as https://host/vgg19.pth"
    return DownloadError(f"{url} could not be downloaded: {message.rstrip('.')}; {remedy}.")


def _receive(url: str, partial: Path, progress: Callable[[int, int], None]) -> None:
    """Append the missing bytes to the file `partial`; start over if the server sends the whole file."""
    stored_bytes = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={stored_bytes}-"} if stored_bytes else {})  # noqa: S310
    try:
        response = urllib.request.urlopen(request, timeout=MAX_SILENCE)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing is missing
            return
        raise OSError(None, f"the server answers {error.code} {error.reason}") from None
    with response, partial.open("ab" if response.status == 206 else "wb") as file:
        received = file.tell()
        total = received + int(response.headers.get("Content-Length", 0))
        while chunk := response.read(CHUNK_BYTES):
            received += file.write(chunk)
            progress(received, total)
    if received < total:
        raise ConnectionError(None, f"the connection broke after {received} of {total} bytes")
