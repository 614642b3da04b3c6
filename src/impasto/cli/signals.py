"""Signals that end a command: gracefully the first time, at once the second; a lost terminal ends nothing."""

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interrupted", "graceful"]

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_IGNORED_SIGNALS = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()


class Interrupted(KeyboardInterrupt):
    """A signal ended the command."""

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.code = 128 + number
        """The exit code: 128 and the signal's number."""


@contextmanager
def graceful(on_first: Callable[[], object] = lambda: None) -> Generator[Callable[[], int], None, None]:
    """Yield a function that returns the number of the signal that asks to end, or 0.

    The first signal calls `on_first`; the second one raises `Interrupted` wherever the command is.
    """
    received: list[int] = []

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        if received:
            raise Interrupted("Ended at once.", number)
        received.append(number)
        on_first()

    before = {number: signal.signal(number, handle) for number in _ENDING_SIGNALS}
    before |= {number: signal.signal(number, signal.SIG_IGN) for number in _IGNORED_SIGNALS}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
