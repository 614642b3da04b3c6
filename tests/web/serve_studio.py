"""A studio in a process of its own: FOLDER COMMANDS. It prints its link.

The commands of its worker and its reader are in JSON; those that are not given are the studio's own.
"""

import json
import sys
from pathlib import Path

from impasto.web.server import serve

if __name__ == "__main__":
    server = serve("127.0.0.1", 0, Path(sys.argv[1]), quota=1e9, **json.loads(sys.argv[2]))
    print(server.link, flush=True)
    server.run()
