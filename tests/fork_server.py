"""Fork programs from a process that has imported torch: they begin in hundredths of a second, and not in two seconds.

A forked program has words, an environment, a folder and streams of its own, receives signals, and ends as every program of
Python does. What it does not show is its start: how Python takes such streams, and imports in such an environment. A test
of these starts a process.

    python fork_server.py serve SOCKET MODULE…      Import modules, then fork a program for each connection to a socket,
                                                    which is open and has this number, until standard input ends.
    python fork_server.py run ADDRESS COMMAND…      Stand in for a program: let the server run it with the streams, the
                                                    environment and the folder of this process. They end together.
"""

import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path


def request(address, command, folder, environment, streams):
    """Ask a server to run a program.

    Args:
        address: Of the server's socket.
        command: The path of a script, or `-m` and the name of a module; then its words.
        folder: The folder in which it runs.
        environment: Its environment.
        streams: The numbers of three open files, its standard streams; None for one that is closed.

    Returns:
        A connection. It gives the number of the process in a line, and in another one its exit code, or the negative
        number of a signal. The process is killed when the connection is closed.

    """
    order = {
        "command": command,
        "folder": folder,
        "environment": environment,
        "closed": [number for number, stream in enumerate(streams) if stream is None],
    }
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(address)
    socket.send_fds(connection, [b"!"], [stream for stream in streams if stream is not None])
    connection.sendall(json.dumps(order).encode() + b"\n")
    return connection


def stand_in(address, *command):
    """Let a server run a program as this process would, and end as that ends."""
    with request(address, command, str(Path.cwd()), dict(os.environ), [0, 1, 2]) as connection:
        reports = connection.makefile()
        reports.readline()
        code = int(reports.readline() or 1)
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


def serve(listener):
    """Fork two processes for each connection: one returns the order, the other reports the end of that one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes that report
    while True:
        ready, *_ = select.select([sys.stdin, listener], [], [])
        if sys.stdin in ready:
            os._exit(0)  # at once: Python would look for garbage in all of torch
        connection, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            break
        connection.close()
    _, files, *_ = socket.recv_fds(connection, 1, 3)
    order = json.loads(connection.makefile().readline())
    if program := os.fork():
        report(connection, program, files)
    connection.close()
    os.setsid()
    take_streams(files, order["closed"])
    return order


def report(connection, program, files):
    """Say how a program ends, which is killed if nobody listens any more; then end."""

    def kill_when_closed():
        connection.recv(1)
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)

    for file in files:
        os.close(file)
    connection.sendall(b"%d\n" % program)
    threading.Thread(target=kill_when_closed, daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    with suppress(OSError):
        connection.sendall(b"%d\n" % code)
    os._exit(0)


def take_streams(files, closed):
    """Replace the standard streams of this process by files that are open, and close the others."""
    files = iter(files)
    for number in range(3):
        if number in closed:
            os.close(number)
        else:
            file = next(files)
            os.dup2(file, number)
            os.close(file)


def enter(folder, environment):
    """Give this process a folder and an environment, and open its standard streams as Python does at its start."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[1:1] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    sys.stdin, sys.stdout = open_stream(0, "r", encoding=encoding), open_stream(1, "w", encoding=encoding)
    sys.stderr = open_stream(2, "w", encoding=encoding, errors="backslashreplace", buffering=1)


def open_stream(number, mode, **options):
    """Open a standard stream of this process: None if it is closed."""
    try:
        os.fstat(number)
    except OSError:
        return None
    return open(number, mode, closefd=False, **options)


def run(command):
    """Run a program in this process: the path of a script, or `-m` and the name of a module; then its words."""
    if command[0] == "-m":
        sys.path[0] = str(Path.cwd())
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(command[0]).parent)
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    if sys.argv[1] == "run":
        stand_in(*sys.argv[2:])
    for module in sys.argv[3:]:
        importlib.import_module(module)
    order = serve(socket.socket(fileno=int(sys.argv[2])))
    enter(order["folder"], order["environment"])
    run(order["command"])
