"""Listen to one stream of events on 200 connections until standard input ends: PORT PATH."""

import selectors
import socket
import sys

COUNT = 200


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    silent = set()
    for _ in range(COUNT):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        selector.register(connection, selectors.EVENT_READ)
        silent.add(connection)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                return
            if key.fileobj.recv(65536) and key.fileobj in silent:
                silent.remove(key.fileobj)
                if not silent:
                    print(f"{COUNT} listen", flush=True)


main()
