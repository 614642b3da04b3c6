"""Programs in processes of their own that need not import torch: they are forked from a process that has done so.

To import torch takes two seconds, a tiny picture a tenth of one. A forked program has words, an environment, a folder and
streams of its own, receives signals, and ends as every program of Python does. What it does not show is its start: how
Python takes such streams, and imports in such an environment. A test of these starts a process.

As a script: import the modules that are named, then fork a process for each request on standard input, a socket.
"""

import atexit
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

CLOSED = object()
"""In place of a stream that is open."""


class ForkServer:
    """A process that has imported modules, from which programs are forked.

    Args:
        modules: The names of the modules.
        before: The first words of the command that starts the server, such as those of `setpriv`.
        environment: Its environment, if not that of this process.

    """

    def __init__(self, *modules, before=(), environment=None):
        self._requests, theirs = socket.socketpair()
        with theirs:
            command = [*before, sys.executable, __file__, *modules]
            self._process = subprocess.Popen(command, stdin=theirs, env=environment, start_new_session=True)

    def start(self, *command, folder=".", environment=None, stdout=None, stderr=None):
        """Start a program.

        Args:
            command: The path of a script, or `-m` and the name of a module; then its words.
            folder: The folder in which it runs.
            environment: Its environment, if not that of this process.
            stdout: A file that is open here, or `CLOSED`; by default a pipe.
            stderr: A file that is open here, or `CLOSED`; by default a pipe.

        """
        request = {
            "command": [str(word) for word in command],
            "folder": str(Path(folder).absolute()),
            "environment": dict(os.environ if environment is None else environment),
        }
        return Forked(self._requests, request, stdout, stderr)

    def close(self):
        self._requests.close()
        assert self._process.wait(timeout=60) == 0


@cache
def painter():
    """Return a server that has imported what painting on the tiny network takes; one for all tests of this process."""
    server = ForkServer("impasto.cli.painting", "impasto.jobs.session", "impasto.transfer.style_transfer", "tiny")
    atexit.register(server.close)
    return server


class Forked:
    """A program that was forked, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(self, requests, request, stdout, stderr):
        self.returncode = None
        ours, theirs = socket.socketpair()
        (self.stdout, out), (self.stderr, error) = pipe(), pipe()
        with theirs, out, error, Path(os.devnull).open("rb") as nothing:
            streams = [nothing, stdout or out, stderr or error]
            request["closed"] = [number for number, stream in enumerate(streams) if stream is CLOSED]
            given = [theirs, *(stream for stream in streams if stream is not CLOSED)]
            socket.send_fds(requests, [b"!"], [file.fileno() for file in given])
        with ours:
            self._reports = ours.makefile("rb", buffering=0)
            ours.sendall(json.dumps(request).encode() + b"\n")
        self.pid = int(self._reports.readline())

    def poll(self):
        """Return what `wait` does if the program has ended, and None if not."""
        if self.returncode is None and select.select([self._reports], [], [], 0)[0]:
            self.returncode = int(self._reports.readline())
            self._reports.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout):
        """Return the exit code, or the negative number of a signal: that of SIGKILL where it takes longer than `timeout`."""
        with self._killed_after(timeout):
            while self.poll() is None:
                select.select([self._reports], [], [])
        return self.returncode

    def communicate(self, timeout):
        """Wait until the program has ended, as `wait` does: (what it printed, what it said on standard error)."""
        with self._killed_after(timeout), self.stdout, self.stderr, ThreadPoolExecutor() as readers:
            said = tuple(readers.map(lambda stream: stream.read(), (self.stdout, self.stderr)))
            self.wait(timeout)
            return said

    @contextmanager
    def _killed_after(self, timeout):
        timer = threading.Timer(timeout, self.kill)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def pipe():
    """Return both ends of a pipe, as files."""
    reading, writing = os.pipe()
    return os.fdopen(reading, encoding="utf-8"), os.fdopen(writing, "wb")


def wait_for_request(requests):
    """Fork two processes for each request: one returns the request, the other reports the end of that one."""
    started = []
    while True:
        asked, files, *_ = socket.recv_fds(requests, 1, 4)
        if not asked:
            for process in started:
                os.waitpid(process, 0)
            os._exit(0)  # at once: Python would look for garbage in all of torch
        started.append(os.fork())
        if started[-1] == 0:
            break
        for file in files:
            os.close(file)
    requests.close()
    reports, streams = socket.socket(fileno=files[0]), files[1:]
    request = json.loads(reports.makefile().readline())
    program = os.fork()
    if program:
        for file in streams:
            os.close(file)
        reports.sendall(b"%d\n" % program)
        reports.sendall(b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]))
        os._exit(0)
    reports.close()
    take_streams(streams, request["closed"])
    return request


def take_streams(streams, closed):
    """Replace the standard streams of this process by some that are open, and close the others."""
    streams = iter(streams)
    for number in range(3):
        if number in closed:
            os.close(number)
        else:
            stream = next(streams)
            os.dup2(stream, number)
            os.close(stream)


def become(folder, environment):
    """Give this process a folder and an environment, and open its standard streams as Python does at its start."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdin, sys.stdout = opened(0, "r", encoding=encoding), opened(1, "w", encoding=encoding)
    sys.stderr = opened(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)


def opened(number, mode, **how):
    """Open a standard stream of this process: None if it is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    return open(number, mode, closefd=False, **how)


def run(command):
    """Run a program in this process: the path of a script, or `-m` and the name of a module; then its words."""
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    for module in sys.argv[1:]:
        importlib.import_module(module)
    request = wait_for_request(socket.socket(fileno=os.dup(0)))
    become(request["folder"], request["environment"])
    run(request["command"])
