"""When this process started, as far as the system tells; without torch."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["process_start"]

MAX_AGE = 3600.0
"""Seconds of a process's life that are believed: a clock that was set says more."""

_LOAD_TIME = time.perf_counter()


def process_start() -> float:
    """Return the `time.perf_counter()` at which this process started, or at which this module was loaded."""
    now = time.perf_counter()
    with suppress(OSError, ValueError, IndexError, AttributeError, psutil.Error):
        start = now - _age()
        if now - MAX_AGE < start <= _LOAD_TIME:
            return start
    return _LOAD_TIME


def _age() -> float:
    """Return the seconds since the process started, in steps of a hundredth where the system counts so."""
    if sys.platform == "linux":  # psutil adds whole seconds of the boot time
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - psutil.Process().create_time()
