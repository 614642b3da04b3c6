"""Start workers and readers of studios at once: they are forked from a process that has imported what they import, which
takes seconds.

SOCKET: be that process, until standard input ends. SOCKET SCRIPT ARGUMENT…: let it run a script, with the standard files of
this process. The two end together and alike: if this one is killed, the other is, and its exit code or signal is passed on.
"""

import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from contextlib import suppress

MODULES = ("impasto.web.reader", "impasto.web.worker")
"""What is imported before the forks: it starts no threads, which a fork would lose."""


def main(address, *script):
    if not script:
        nurse(address)
        return
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [json.dumps(script).encode()], [0, 1, 2])
        code = int(connection.recv(16) or 1)
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


def nurse(address):
    """Fork a process for each connection, kill it when the other side has ended, and say there how it ended."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    os.write(sys.stdout.fileno(), b"listening\n")
    for name in MODULES:
        importlib.import_module(name)
    selector = selectors.DefaultSelector()
    for each in (sys.stdin, listener):
        selector.register(each, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                os._exit(0)  # torch takes half a second to end
            if key.fileobj is listener:
                connection = listener.accept()[0]
                pid = forked(connection)
                selector.register(connection, selectors.EVENT_READ, pid)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, connection))
            elif isinstance(key.data, int):
                os.kill(key.data, signal.SIGKILL)
                selector.unregister(key.fileobj)
            else:
                selector.unregister(key.fileobj)
                os.close(key.fileobj)
                bury(selector, *key.data)


def forked(connection):
    """Fork a process that runs the script that a connection names; return its number."""
    message, files, _, _ = socket.recv_fds(connection, 65536, 3)
    pid = os.fork()
    if pid == 0:
        os.setsid()
        for number, file in enumerate(files):
            os.dup2(file, number)
        sys.argv = json.loads(message)
        runpy.run_path(sys.argv[0], run_name="__main__")
        sys.exit()
    for file in files:
        os.close(file)
    return pid


def bury(selector, pid, connection):
    """Say on a connection how its process has ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(KeyError):  # the other side has ended before
        selector.unregister(connection)
    with suppress(OSError):
        connection.sendall(str(code).encode())
    connection.close()


main(*sys.argv[1:])
