"""Signals that end a command: the first one lets it save its work, the second one ends it at once.

A command does not end when its terminal closes.
"""

import signal
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

__all__ = ["Interrupted", "graceful"]

_ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")
"""The signals that end a command, as far as the system has them: Windows alone has SIGBREAK, for Ctrl-Break."""

_IGNORED_SIGNALS = ("SIGHUP",)
"""The signals that change nothing, as far as the system has them."""


class Interrupted(KeyboardInterrupt):
    """A signal ended the command."""

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.code = 128 + number
        """The exit code: 128 plus the signal's number."""


@contextmanager
def graceful(on_first: Callable[[], object] = lambda: None) -> Generator[Callable[[], int], None, None]:
    """Let the first signal end the work of a block in order, and the second one end it at once.

    Args:
        on_first: A function that the first signal calls.

    Yields:
        A function that returns the number of the first signal that was received, or 0.

    Raises:
        Interrupted: a second signal was received.

    """
    received: list[int] = []

    def handle(number: int, *_: object) -> None:
        if received:
            raise Interrupted("Ended at once.", number)
        received.append(number)
        on_first()

    handlers = {number: signal.signal(number, handle) for number in _numbers(_ENDING_SIGNALS)}
    handlers |= {number: signal.signal(number, signal.SIG_IGN) for number in _numbers(_IGNORED_SIGNALS)}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _numbers(names: Sequence[str]) -> list[int]:
    """Return the numbers of the signals that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
