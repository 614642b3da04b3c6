"""What the sessions of a process share: weights, networks, targets of style images, and opened pictures."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

from impasto.images import Picture
from impasto.images.faces import find_faces
from impasto.images.masks import Mask
from impasto.network import weights
from impasto.network.weights import Weights
from impasto.transfer.cache import Cache
from impasto.transfer.target_cache import TargetCache

__all__ = ["Resources"]

MAX_PICTURES = 8
"""Opened pictures that are cached at most: the photographs of two jobs, and six paintings. So small pictures do not
accumulate until they reach the limit of bytes."""

_Key = tuple[str, int, int, bool]
"""The path of a file, when it was changed, its size, and whether it may be large."""


class Resources:
    """What the sessions of a process share. It may be used by several threads.

    Args:
        load: A function that returns the weights of a name that `Settings.weights` accepts; it is called once a name.
        targets: The targets of style images; by default each run measures its own.
        picture_bytes: The most bytes of opened pictures that are cached, of `MAX_PICTURES` at most; the least
            recently used ones are released first. 0: each session opens its own.
        find_focus: A function that finds the faces of a photograph that are in focus.

    """

    def __init__(
        self,
        load: Callable[[str], Weights] | None = None,
        *,
        targets: TargetCache | None = None,
        picture_bytes: float = 0,
        find_focus: Callable[[Picture], Mask | None] = find_faces,
    ) -> None:
        self.weights = cache(load or weights.load_weights)
        """Returns the weights of a name."""
        self.cache = Cache(targets)
        """Networks on machines, and targets."""
        self.find_focus = find_focus
        """Returns the mask of the faces of a photograph that are in focus; None, if there are none."""
        self._pictures: OrderedDict[_Key, Future[Picture]] = OrderedDict()
        self._picture_bytes = picture_bytes
        self._lock = threading.Lock()
        self._opener: ThreadPoolExecutor | None = None

    def open(self, path: Path, *, allow_large: bool = False) -> Picture:
        """Open a picture, or return the one that is cached; one that is being opened is waited for.

        Args:
            path: The file.
            allow_large: Whether to open a picture of more than 100 million pixels.

        Returns:
            The picture.

        Raises:
            PictureError: the file cannot be read.

        """
        if not self._picture_bytes:
            return Picture.open(path, allow_large=allow_large)
        return self._future(path, lambda: _open_now(path, allow_large=allow_large), allow_large=allow_large).result()

    def prepare(self, path: Path, *, allow_large: bool = False) -> None:
        """Begin to open a picture in another thread, so that it is there when a session wants it.

        Args:
            path: The file; if it cannot be read, `open` says so.
            allow_large: Whether to open a picture of more than 100 million pixels.

        """
        if self._picture_bytes:
            self._opener = self._opener or ThreadPoolExecutor(1, "impasto opens the next picture")
            submit = self._opener.submit
            self._future(path, lambda: submit(Picture.open, path, allow_large=allow_large), allow_large=allow_large)

    def _future(self, path: Path, begin: Callable[[], Future[Picture]], *, allow_large: bool) -> Future[Picture]:
        """Return the picture that is opened or being opened, or begin to open it."""
        key = _cache_key(path, allow_large=allow_large)
        with self._lock:
            if key is None or key not in self._pictures:
                future = begin()
                if key is None:
                    return future
                self._pictures[key] = future
            self._pictures.move_to_end(key)
            self._release()
            return self._pictures[key]

    def _release(self) -> None:
        """Release pictures that were not used for the longest time, until there is room for the others."""
        while len(self._pictures) > MAX_PICTURES:
            self._pictures.popitem(last=False)
        while len(self._pictures) > 1 and sum(map(_picture_bytes, self._pictures.values())) > self._picture_bytes:
            self._pictures.popitem(last=False)


def _cache_key(path: Path, *, allow_large: bool) -> _Key | None:
    """Return what tells a file from others and from what it was before; None, if there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return str(path), status.st_mtime_ns, status.st_size, allow_large


def _open_now(path: Path, *, allow_large: bool) -> Future[Picture]:
    """Open a picture at once."""
    future: Future[Picture] = Future()
    try:
        future.set_result(Picture.open(path, allow_large=allow_large))
    except Exception as error:  # it is raised by each caller
        future.set_exception(error)
    return future


def _picture_bytes(future: Future[Picture]) -> int:
    """Return the bytes of a picture that is opened; one that failed, or is not yet opened, counts nothing."""
    if not future.done() or future.exception() is not None:
        return 0
    picture = future.result()
    tensors = [picture.samples, *([] if picture.alpha is None else [picture.alpha])]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
