"""Measure many pictures: against single commands and a peer, over Ray, with kills, bad files, empty jobs, and memory.

    scripts/bench batch --part pictures --part targets --part ray --photographs 20 --paintings 3 --size 256
    scripts/bench batch --part pictures --peers out/peers
    scripts/bench batch --part kills --part bad --part empty --part crowd --part listing
    scripts/bench batch --part memory
    scripts/bench batch --part mixture
    scripts/bench batch --part start

The photographs are crops of the demo's photograph, the paintings those of the demo, turned. The parts kills and bad use
a network of random weights with a sixteenth of VGG-19's channels, since they are not about speed. The parts are
functions of batch_speed.py, batch_faults.py, batch_driver.py and batch_memory.py.
"""

import argparse
import os
from pathlib import Path

from batch_driver import crowd, empty, listing
from batch_faults import bad, kills
from batch_memory import memory, mixture
from batch_speed import pictures, ray, start, targets
from record import write_rows

from impasto import tune_process

PARTS = {
    "pictures": pictures,
    "targets": targets,
    "ray": ray,
    "start": start,
    "kills": kills,
    "bad": bad,
    "empty": empty,
    "crowd": crowd,
    "listing": listing,
    "memory": memory,
    "mixture": mixture,
}


def main() -> None:
    """Measure the parts asked for, and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", required=True)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--paintings", type=int, default=3)
    parser.add_argument("--size", type=int, default=256, help="long side of the parts pictures, targets and ray")
    parser.add_argument("--flags", default="", help="options of impasto for these parts, each with a value")
    parser.add_argument("--peers", type=Path, help="environment of conventions.py, for a row of neural-style-pt")
    parser.add_argument("--rounds", type=int, default=5, help="of the part start")
    parser.add_argument("--before", type=Path, help="the folder src of another commit, for rows of the part start")
    parser.add_argument(
        "--peer-pictures", type=int, default=12, help="pictures that it paints, about; the ratio is a picture's"
    )
    parser.add_argument(
        "--ways", type=int, nargs="+", default=[1, 2, 3], help="numbers of what the part ray compares with the first"
    )
    parser.add_argument("--kills", type=int, default=10, help="workers that are killed, and twice as many as drivers")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="of the part bad")
    parser.add_argument("--jobs", type=int, default=100_000, help="of the parts empty and listing")
    parser.add_argument("--crowd", type=int, nargs="+", default=[10, 100, 1000], help="workers of the part crowd")
    parser.add_argument("--crowd-seconds", type=float, default=10, help="seconds that a job takes there")
    parser.add_argument("--crowd-rounds", type=int, default=3, help="jobs of each worker there")
    parser.add_argument("--pictures", type=int, default=300, help="of the parts memory and mixture")
    parser.add_argument("--memory-size", type=int, default=96, help="long side of the parts memory and mixture")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    tune_process()  # as the command does
    write_rows(parser.parse_args(), PARTS)


if __name__ == "__main__":
    main()
