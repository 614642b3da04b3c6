"""The studio on the tiny network, in a process of its own: FOLDER PORT HOST [NURSERY]. It prints its link."""

import sys
from pathlib import Path

import impasto.web
from impasto.web.server import serve

HERE = Path(__file__).parent
SCRIPTS = {"worker": HERE / "tiny_worker.py", "reader": Path(impasto.web.__file__).with_name("reader.py")}

if __name__ == "__main__":
    folder, port, host, *nursery = sys.argv[1:]
    start = (str(HERE / "nursery.py"), *nursery) if nursery else ()
    commands = {name: (sys.executable, *start, str(script)) for name, script in SCRIPTS.items()}
    server = serve(host, int(port), Path(folder), quota=1e9, **commands)
    print(server.link, flush=True)
    server.run()
