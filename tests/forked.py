"""Programs in processes of their own that need not import torch, as `fork_server` explains."""

import atexit
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import fork_server

CLOSED = object()
"""Stands for a stream that is closed, where a file that is open is expected."""

PAINTERS = ("impasto.cli.painting", "impasto.jobs.session", "impasto.web.reader", "impasto.web.worker", "tiny")
"""The modules that import all that painting on the tiny network takes. They start no threads, which a fork would lose."""


class ForkServer:
    """A process that has imported modules, from which programs are forked.

    Args:
        modules: The names of the modules.
        prefix: A command that runs the server, such as `setpriv` with its options.
        environment: Its environment, if not that of this process.

    """

    def __init__(self, *modules, prefix=(), environment=None):
        self._folder = tempfile.mkdtemp()  # of a short path, as a socket needs
        self.address = f"{self._folder}/socket"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.address)
            listener.listen()
            self._process = subprocess.Popen(
                [*prefix, sys.executable, fork_server.__file__, "serve", str(listener.fileno()), *modules],
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                env=environment,
                start_new_session=True,
            )

    def start(self, *command, folder=".", environment=None, stdout=None, stderr=None):
        """Start a program.

        Args:
            command: The path of a script, or `-m` and the name of a module; then its words.
            folder: The folder in which it runs.
            environment: Its environment, if not that of this process.
            stdout: A file that is open here, or `CLOSED`; by default a pipe.
            stderr: A file that is open here, or `CLOSED`; by default a pipe.

        """
        command, folder = [str(argument) for argument in command], str(Path(folder).absolute())
        environment = dict(os.environ if environment is None else environment)

        def request(*streams):
            return fork_server.request(self.address, command, folder, environment, streams)

        return ForkedProgram(request, stdout, stderr)

    def stand_in(self, *command):
        """Return a command that a program may start in place of another one: its process stands in for a forked one."""
        return sys.executable, fork_server.__file__, "run", self.address, *map(str, command)

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(timeout=60) == 0
        shutil.rmtree(self._folder)


@cache
def painter():
    """Return the server of this process that has imported the modules which painting on the tiny network takes."""
    server = ForkServer(*PAINTERS, environment={**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"})
    atexit.register(server.close)
    return server


class ForkedProgram:
    """A program that was forked, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(self, request, stdout, stderr):
        self.returncode = None
        (self.stdout, out), (self.stderr, error) = pipe(), pipe()
        with out, error, Path(os.devnull).open("rb") as nothing:
            streams = [nothing, stdout or out, stderr or error]
            self._connection = request(*(None if stream is CLOSED else stream.fileno() for stream in streams))
        self._reports = self._connection.makefile("rb", buffering=0)
        self.pid = int(self._reports.readline())

    def poll(self):
        """Return what `wait` does if the program has ended, and None if not."""
        if self.returncode is None and select.select([self._reports], [], [], 0)[0]:
            self.returncode = int(self._reports.readline())
            self._reports.close()
            self._connection.close()
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
        """Wait until the program has ended, as `wait` does: (standard output, standard error)."""
        with self._killed_after(timeout), self.stdout, self.stderr, ThreadPoolExecutor() as readers:
            outputs = tuple(readers.map(lambda stream: stream.read(), (self.stdout, self.stderr)))
            self.wait(timeout)
            return outputs

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
