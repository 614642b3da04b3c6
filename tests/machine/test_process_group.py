"""What a terminal's signals do to children; on Windows, as far as names and numbers that Linux lacks show it."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from impasto.machine.process_group import forward, own_group

NEW_GROUP, CTRL_BREAK = 0x200, 1


@pytest.fixture
def windows(monkeypatch):
    """Give subprocess and signal the names that they have on Windows."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", NEW_GROUP, raising=False)
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", CTRL_BREAK, raising=False)


def send_signal(number):
    """Refuse what Popen refuses on Windows."""
    if number not in {signal.SIGTERM, 0, CTRL_BREAK}:
        raise ValueError(f"Unsupported signal: {number}")
    return number


def test_a_child_gets_a_signal_that_this_process_hands_on():
    script = "import signal, sys; print(flush=True); signal.sigwait([signal.SIGTERM])"
    before = f"import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [{signal.SIGTERM:d}]); "
    child = subprocess.Popen([sys.executable, "-c", before + script], stdout=subprocess.PIPE, **own_group())
    child.stdout.readline()
    assert os.getpgid(child.pid) == child.pid != os.getpgid(0)
    forward(signal.SIGTERM, child)
    assert child.wait(60) == 0
    child.stdout.close()


def test_a_child_on_windows_is_in_a_group_of_its_own_and_gets_ctrl_break(windows):
    assert own_group() == {"creationflags": NEW_GROUP}
    sent = []
    child = SimpleNamespace(send_signal=lambda number: sent.append(send_signal(number)))
    for number in (signal.SIGINT, signal.SIGTERM):
        forward(number, child)
    assert sent == [CTRL_BREAK, CTRL_BREAK]
