"""Measure large images: memory predicted and taken, the work of tiles, time by size, and several processes.

    scripts/bench large --part memory --part tiles --part processes

Pictures are squares of matplotlib's sample photograph and the demo's painting.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from record import peak_bytes, reset_peak, write_rows

from impasto import Picture, Runtime, Settings, StyleTransfer, demo
from impasto.objective import Objective
from impasto.targets import Region, StyleImage
from impasto.tiles import Tiling

_MEMORIES = {
    512: ("auto",),
    1024: ("auto", "2GB", "1.7GB"),
    2048: ("auto", "3GB", "2GB"),
    4096: ("auto",),
}
"""Budgets to try at each size, in pixels of a side."""


def _square(side: int) -> Picture:
    pixels = Picture.open(demo.photograph()).resized(side, side).pixels
    return Picture((pixels * 255).round().to(torch.uint8))


def memory(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each size and budget, the peak that the plan predicts and that of a process, and its time."""
    for size in options.size or _MEMORIES:
        for budget in _MEMORIES[size]:
            command = [
                sys.executable,
                __file__,
                "--measure",
                str(size),
                budget,
                "--iterations",
                str(options.iterations),
                "--dtype",
                options.dtype,
            ]
            yield json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Paint in this process; Linux only."""
    size, budget, iterations = int(options.measure[0]), options.measure[1], options.iterations
    settings = Settings(size=size, first_size=0, iterations=iterations, tolerance=0)
    content, style = _square(size), Picture(demo.painting())
    transfer = StyleTransfer(settings, Runtime(memory=budget, dtype=options.dtype))
    reset_peak()
    run = transfer.start(content, style)
    seconds = [0.0, *(progress.seconds for progress in run)]
    layout = run.plan.stages[0].layout
    evaluation = statistics.median(after - before for before, after in pairwise(seconds[1:]))
    return {
        "size": size,
        "memory": budget,
        "precision": transfer.machine.reason.partition(";")[0],
        "side of tiles": layout.tiling.side,
        "tiles": layout.tiles,
        "kept": layout.tiling.kept,
        "history": f"{layout.history} in {layout.history_type}",
        "predicted, MB": round(run.plan.bytes / 1e6),
        "peak, MB": round(peak_bytes() / 1e6),
        "predicted over peak": round(run.plan.bytes / peak_bytes(), 3),
        "megapixels a GB": round(size**2 / 1e6 / ((peak_bytes() - run.plan.held) / 1e9), 2),
        "seconds an evaluation and megapixel": round(evaluation / (size**2 / 1e6), 3),
        "predicted work": round(layout.work, 3),
    }


def tiles(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time of an evaluation in tiles over that of a whole one, timed in turn."""
    side, tile = options.side, options.tile
    transfer = StyleTransfer(Settings(size=side, first_size=0), Runtime(dtype=options.dtype))
    pixels, style = _square(side).pixels, Picture(demo.painting()).resized(side, side).pixels
    count = len(Tiling(tile).tiles(side, side, ["conv5_1"]))
    ways = {"whole": Tiling(), "tiles, kept": Tiling(tile, count), "tiles, computed again": Tiling(tile, 1)}
    grams = [Region([StyleImage(style)])]
    built = {
        name: Objective.build(transfer.settings, transfer.network, pixels, grams, tiling=tiling)
        for name, tiling in ways.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, float] = {}
    for _ in range(options.repeats):
        for name, objective in built.items():
            began = time.perf_counter()
            losses[name] = float(objective.evaluate(pixels).loss)
            seconds[name].append(time.perf_counter() - began)
    for name in ways:
        ratios = [one / whole for one, whole in zip(seconds[name], seconds["whole"], strict=True)]
        yield {
            "side": side,
            "tile": tile,
            "precision": transfer.machine.reason.partition(";")[0],
            "way": name,
            "seconds": [round(value, 2) for value in seconds[name]],
            "over whole, median": round(statistics.median(ratios), 3),
            "over whole, spread": [round(min(ratios), 3), round(max(ratios), 3)],
            "loss": losses[name],
        }


def processes(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time of an evaluation in one process of a thread over that in two, and how alike the pictures are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _square(options.side).save(folder / "content.png")
        Picture(demo.painting()).save(folder / "style.png")
        found: dict[int, float] = {}
        for count in (1, 2):
            command = (
                f"-m impasto paint content.png style.png -o {count}.png --size {options.side} --first-size 0 --json"
            )
            command += (
                f" --iterations {options.iterations} --tolerance 0 --threads 1 --dtype {options.dtype}"
                f" --processes {count}"
            )
            done = subprocess.run(
                [sys.executable, *command.split()], cwd=folder, capture_output=True, text=True, check=True
            )
            seconds = [json.loads(line)["seconds"] for line in done.stdout.splitlines()]
            found[count] = statistics.median(b - a for a, b in pairwise(seconds))
        one, two = (Picture.open(folder / f"{count}.png").pixels * 255 for count in (1, 2))
        yield {
            "side": options.side,
            "dtype": options.dtype,
            "evaluations": options.iterations,
            "seconds an evaluation": {count: round(value, 2) for count, value in found.items()},
            "times faster": round(found[1] / found[2], 2),
            "pixels within a gray level, %": round(float(((one - two).abs() <= 1.001).float().mean()) * 100, 3),
        }


_PARTS = {part.__name__: part for part in (memory, tiles, processes)}


def main() -> None:
    """Run the parts asked for and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*_PARTS], action="append", default=[])
    parser.add_argument("--size", type=int, action="append", choices=_MEMORIES, help="of part memory; all if not given")
    parser.add_argument("--side", type=int, default=3072, help="of parts tiles and processes")
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--iterations", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dtype", default="auto", help="of the features")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options)))
        return
    write_rows(options, _PARTS)


if __name__ == "__main__":
    main()
