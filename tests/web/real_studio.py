"""The studio on the real network, in a process of its own: FOLDER PORT HOST. It prints its link."""

import sys
from pathlib import Path

from impasto.web.server import serve

if __name__ == "__main__":
    server = serve(sys.argv[3], int(sys.argv[2]), Path(sys.argv[1]), quota=1e9)
    print(server.link, flush=True)
    server.run()
