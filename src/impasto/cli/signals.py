"""Signals that end a command: gently the first time, at once the second; a lost terminal ends nothing."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "gentle"]

_ENDING = (signal.SIGINT, signal.SIGTERM)

_LOST = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()


class Interrupted(KeyboardInterrupt):
    """A signal ended the command."""

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.code = 128 + number
        """With which to exit."""


@contextmanager
def gentle() -> Generator[Callable[[], int], None, None]:
    """Yield a function that returns the number of the signal that asks to end, or 0.

    A second one raises `Interrupted` wherever the command is.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        if asked:
            raise Interrupted("Ended at once.", number)
        asked.append(number)

    before = {number: signal.signal(number, note) for number in _ENDING}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _LOST}
    try:
        yield lambda: asked[0] if asked else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
