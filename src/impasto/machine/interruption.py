"""Ctrl-C, Jupyter's stop button and other signals: they wait until a piece of work is done, or end a loop in order."""

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["Interrupt", "deferred_signals", "noted_interrupt"]


class _Deferral:
    """A handler that collects signals in a block, and then passes them on to the handlers that it replaced."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self.pending: list[int] = []
        self.active = True

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.active:
            self.pending.append(number)
        else:  # it came between the end of the block and the handler's return to its place
            self.handlers[number](number, frame)

    def begin(self) -> None:
        """Take the place of all handlers that are written in Python; others cannot raise anything."""
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler):
                self.handlers[number] = handler
                signal.signal(number, self)

    def end(self) -> None:
        """Put the handlers back, and call those whose signals have come."""
        self.active = False
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        for number in self.pending:
            self.handlers[number](number, None)


@contextmanager
def deferred_signals() -> Generator[None, None, None]:
    """Let the handlers of signals wait until the end of a block, which is to be short.

    Python calls them in its main thread only, so in any other there is nothing to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deferral = _Deferral()
    try:
        deferral.begin()
        yield
    finally:
        deferral.end()


class Interrupt:
    """Whether Ctrl-C, or Jupyter's stop button, has come in a block."""

    has_come = False


@contextmanager
def noted_interrupt() -> Generator[Interrupt, None, None]:
    """Note the first Ctrl-C in a block, for a loop that ends by itself then; the second one raises as always.

    Python calls handlers in its main thread only, so in any other nothing is noted.

    Yields:
        What says whether it has come.

    """
    interrupt, handler = Interrupt(), signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield interrupt
        return

    def _note(number: int, frame: FrameType | None) -> None:
        if interrupt.has_come:
            handler(number, frame)
        interrupt.has_come = True

    signal.signal(signal.SIGINT, _note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, handler)
