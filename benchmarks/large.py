"""Measure large images: memory predicted and taken, the work of tiles, time by size, and several processes.

    scripts/bench large --part memory --part tiles --part processes

Pictures are squares of matplotlib's sample photograph and the demo's painting.
"""

import argparse
import json
import os
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

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.machine.environment import TORCH_ENVIRONMENT
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.tiles import Tiling
from impasto.recipes import demo

_MEMORIES = {
    512: ("auto",),
    1024: ("auto", "2GB", "1.7GB"),
    2048: ("auto", "3GB", "2GB"),
    4096: ("auto",),
}
"""The budgets of memory by size, in pixels of a side."""


def _square_photograph(side: int) -> Picture:
    pixels = Picture.open(demo.photograph()).resized(side, side).pixels
    return Picture((pixels * 255).round().to(torch.uint8))


def memory(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each size and budget, the peak that the plan predicts and that of a process, and its time."""
    for size in options.size or _MEMORIES:
        for budget in _MEMORIES[size]:
            command = [sys.executable, __file__, "--measure", str(size), budget]
            command += ["--iterations", str(options.iterations), "--dtype", options.dtype]
            environment = {**os.environ, **TORCH_ENVIRONMENT}
            process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
            yield json.loads(process.stdout)


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Paint in this process, and return its memory and time; Linux only."""
    size, budget, iterations = int(options.measure[0]), options.measure[1], options.iterations
    settings = Settings(size=size, first_size=0, iterations=iterations, tolerance=0)
    content, style = _square_photograph(size), Picture(demo.painting())
    transfer = StyleTransfer(settings, Runtime(memory=budget, dtype=options.dtype))
    reset_peak()
    run = transfer.start(content, style)
    seconds = [0.0, *(progress.seconds for progress in run)]
    layout = run.plan.stages[0].layout
    evaluation = statistics.median(end - start for start, end in pairwise(seconds[1:]))
    return {
        "size": size,
        "memory": budget,
        "precision": transfer.machine.reason.partition(";")[0],
        "side of tiles": layout.tiling.side,
        "tiles": layout.tiles,
        "kept": layout.tiling.retained_tiles,
        "history": f"{layout.history} in {layout.history_dtype}",
        "predicted, MB": round(run.plan.bytes / 1e6),
        "peak, MB": round(peak_bytes() / 1e6),
        "predicted over peak": round(run.plan.bytes / peak_bytes(), 3),
        "megapixels a GB": round(size**2 / 1e6 / ((peak_bytes() - run.plan.baseline) / 1e9), 2),
        "seconds an evaluation and megapixel": round(evaluation / (size**2 / 1e6), 3),
        "predicted work": round(layout.work, 3),
    }


def tiles(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time of an evaluation in tiles over that of a whole one, timed in turn."""
    side, tile = options.side, options.tile
    transfer = StyleTransfer(Settings(size=side, first_size=0), Runtime(dtype=options.dtype))
    pixels, style = _square_photograph(side).pixels, Picture(demo.painting()).resized(side, side).pixels
    count = len(Tiling(tile).tiles(side, side, ["conv5_1"]))
    ways = {"whole": Tiling(), "tiles, kept": Tiling(tile, count), "tiles, computed again": Tiling(tile, 1)}
    regions = [Region([StyleImage(style)])]
    objectives = {
        name: Objective.build(transfer.settings, transfer.network, pixels, regions, tiling=tiling)
        for name, tiling in ways.items()
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    losses: dict[str, float] = {}
    for _ in range(options.repeats):
        for name, objective in objectives.items():
            start = time.perf_counter()
            losses[name] = float(objective.evaluate(pixels).loss)
            seconds[name].append(time.perf_counter() - start)
    for name in ways:
        ratios = [tiled / whole for tiled, whole in zip(seconds[name], seconds["whole"], strict=True)]
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
    """Yield the time of an evaluation in one process of a thread over that in two, and how alike the pictures are.

    Half the image, alone and beside a process that paints as much by itself, shows what the machine lets two do.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        pixels = _square_photograph(options.side).pixels
        Picture(pixels).save(folder / "content.png")
        Picture(pixels[:, : options.side // 2]).save(folder / "half.png")
        Picture(demo.painting()).save(folder / "style.png")
        single = _finish(_start(options, folder, "content", "one"))
        double = _finish(_start(options, folder, "content", "two", 2))
        half = _finish(_start(options, folder, "half", "alone"))
        pair = [_start(options, folder, "half", name) for name in ("left", "right")]
        half_of_pair = statistics.mean([_finish(process) for process in pair])
        pictures = (Picture.open(folder / f"{name}.png").pixels * 255 for name in ("one", "two"))
        yield {
            "side": options.side,
            "dtype": options.dtype,
            "evaluations": options.iterations,
            "seconds an evaluation, one process": round(single, 2),
            "seconds an evaluation, two processes": round(double, 2),
            "times faster": round(single / double, 2),
            "seconds an evaluation, half the image": round(half, 2),
            "seconds an evaluation, half the image, beside another": round(half_of_pair, 2),
            "times faster, two halves apart": round(single / half_of_pair, 2),
            "pixels within a gray level, %": _percent_alike(*pictures),
        }


def _start(
    options: argparse.Namespace, folder: Path, content: str, output: str, count: int = 1
) -> subprocess.Popen[str]:
    """Begin to paint in processes of one thread each."""
    arguments = (
        f"paint {content}.png style.png -o {output}.png --size {options.side} --first-size 0 --tolerance 0 --json"
    )
    arguments += f" --iterations {options.iterations} --dtype {options.dtype} --threads 1 --processes {count}"
    return subprocess.Popen(
        [sys.executable, "-m", "impasto", *arguments.split()], cwd=folder, stdout=subprocess.PIPE, text=True
    )


def _finish(process: subprocess.Popen[str]) -> float:
    """Wait for the end, and return the median seconds of an evaluation."""
    output, _ = process.communicate()
    seconds = [json.loads(line)["seconds"] for line in output.splitlines()]
    return statistics.median(end - start for start, end in pairwise(seconds))


def _percent_alike(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the percentage of values of two images in [0, 255] that differ by a gray level at most."""
    return round(float(((a - b).abs() <= 1.001).float().mean()) * 100, 3)


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
