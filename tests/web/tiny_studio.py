"""The studio on the tiny network, in a process of its own: FOLDER PORT [HOST]. It prints its link."""

import sys
from pathlib import Path

from impasto.web.server import serve

TINY_WORKER = (sys.executable, str(Path(__file__).with_name("tiny_worker.py")))

if __name__ == "__main__":
    host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
    server = serve(host, int(sys.argv[2]), Path(sys.argv[1]), quota=1e9, worker=TINY_WORKER)
    print(server.link, flush=True)
    server.run()
