"""Painters that stand in for `Painter` in actors of Ray: they need no torch, so an actor starts at once."""

import os
import shutil
import signal
import time
from functools import partial
from pathlib import Path

from impasto.batch.outcome import Outcome


class Idle:
    """Paints nothing."""

    def __init__(self, name):
        self.name, self.is_cancelled = name, False

    def paint(self, job, original=None):
        return Outcome(job, "done", worker=self.name)
        yield

    def prepare(self, job):
        pass

    def cancel(self):
        self.is_cancelled = True


class Mortal(Idle):
    """Dies at a job named fatal.png always, and at one named once.png the first time."""

    def paint(self, job, original=None):
        marker = Path(job.output).with_suffix(".died")
        if job.output.name == "fatal.png" or (job.output.name == "once.png" and not marker.exists()):
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return Outcome(job, "done", str(os.getpid()), worker=self.name)
        yield


class Slow(Idle):
    """Paints until it is told to end."""

    def paint(self, job, original=None):
        while not self.is_cancelled:
            time.sleep(0.01)
            yield None
        return Outcome(job, "stopped", worker=self.name)


class Copying(Idle):
    """Copies the photograph, which has to be in another folder than the one that the driver named."""

    def paint(self, job, original=None):
        assert job.content.name == original.content.name
        assert job.content.parent != original.content.parent
        shutil.copyfile(job.content, job.output)
        return Outcome(job, "done", worker=self.name)
        yield


def tiny_painter(folder, name):
    """Return a painter with the tiny network."""
    from impasto.batch.painter import Painter
    from tiny import tiny_weights

    return Painter(name, folder, lambda _: tiny_weights())


def tiny(folder):
    return partial(tiny_painter, folder)
