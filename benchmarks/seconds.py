"""Measure budgets of time: how time is best divided among stages, and what the command paints in some seconds.

    scripts/bench seconds --part division --size 256 --pair PHOTOGRAPH PAINTING
    scripts/bench seconds --part budget --seconds 3 --seconds 10 --seconds 60 --pair PHOTOGRAPH PAINTING
    scripts/bench seconds --part stages --keep FOLDER

Each pair may be given several times; without one, the pairs are those of docs/pairs.md at half size.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from record import Judge, write_rows

from impasto import Picture, Runtime, Settings, StyleTransfer, load_weights

IMAGES = Path(__file__).parents[1] / "docs" / "images"
PAIRS = [
    [str(IMAGES / f"pair-{name}-{kind}.jpg") for kind in ("photograph", "painting")]
    for name in ("hopper", "astronaut", "cat", "coffee")
]
DIVISIONS = [
    [(1, 80)],
    [(1 / 2, 5), (1, 70)],
    [(1 / 2, 10), (1, 70)],
    [(1 / 2, 20), (1, 70)],
    [(1 / 2, 40), (1, 70)],
    [(1 / 4, 20), (1, 70)],
    [(1 / 4, 20), (1 / 2, 20), (1, 70)],
    [(1 / 4, 40), (1 / 2, 40), (1, 70)],
]
"""Stages: the fraction of the long side, and evaluations."""

WORKS = (10, 15, 20, 30, 40, 60)
"""The time of a run, in evaluations of its last stage."""

STAGES = [(256, 100), (512, 60), (1024, 60), (2048, 36)]
"""Long sides and evaluations of the part `stages`, if none are given."""

MARKS = (1, 2, 3, 5, 8, 13, 22, 36, 60)
"""Evaluations of a stage after which the part `stages` looks at the picture."""

CROP_SIDE = 400
"""Pixels of a side of the crops that the part `stages` saves."""


def division(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the least loss at the last stage, by the work of all stages, for each pair and division."""
    weights, runtime = load_weights(), Runtime(threads=options.threads)
    for paths in options.pair:
        photograph, painting = map(Picture.open, paths)
        for stages in DIVISIONS:
            counts = {round(fraction * options.size): count for fraction, count in stages}
            settings = Settings(size=options.size, stages=counts, tolerance=0)
            run = StyleTransfer(settings, runtime, weights=weights).start(photograph, painting)
            losses = [report.loss for report in run if report.stage == len(stages)]
            earlier_work = sum(fraction**2 * (count + 1) for fraction, count in stages[:-1])
            least: dict[str, float] = {}
            for work in WORKS:
                count = int(work - earlier_work - 1)
                if 1 <= count <= len(losses):
                    least[str(work)] = min(losses[:count])
            row = {"pair": _pair_name(paths), "size": options.size, "stages": counts}
            yield {**row, "before": earlier_work, "loss": least}


def budget(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the time of the command, its evaluations and J of its file, for each pair and budget."""
    weights = load_weights()
    for paths in options.pair:
        photograph, painting = map(Picture.open, paths)
        for seconds in options.seconds:
            rows = [_paint(paths, seconds, options) for _ in range(options.times)]
            row = sorted(rows, key=lambda each: each["saved after"])[len(rows) // 2]
            picture = row.pop("picture")
            transfer = StyleTransfer(Settings(size=max(picture.width, picture.height)), weights=weights)
            judge = Judge(transfer, photograph, painting)
            yield {"pair": _pair_name(paths), "seconds": seconds, **row, "loss": judge(picture)}


def _paint(paths: list[str], seconds: float, options: argparse.Namespace) -> dict[str, Any]:
    """Run the command and return its time, its evaluations and its picture."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "painted.png"
        arguments = [*paths, "-o", output, "--size", str(options.size), "--json", "--threads", str(options.threads)]
        arguments += ["--seconds", str(seconds)] if seconds else []
        command = [sys.executable, "-m", "impasto", *map(str, arguments)]
        start = time.time()
        process = subprocess.run(command, check=True, capture_output=True, text=True)
        picture = Picture.open(output)
        return {
            "saved after": round(output.stat().st_mtime - start, 3),
            "process": round(time.time() - start, 3),
            "size": [picture.width, picture.height],
            "evaluations": process.stdout.count("\n"),
            "picture": picture,
        }


def _pair_name(paths: list[str]) -> str:
    """Return the name of a pair."""
    return " in ".join(Path(path).stem for path in paths)


def stages(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the least loss of each stage after some evaluations, and how much the picture changes after it."""
    counts = dict(options.stage)
    settings = Settings(size=max(counts), stages=counts, tolerance=0)
    weights, runtime = load_weights(), Runtime(threads=options.threads)
    for paths in options.pair:
        run = StyleTransfer(settings, runtime, weights=weights).start(*map(Picture.open, paths))
        for _, reports in itertools.groupby(run, key=lambda report: report.stage):
            losses: list[float] = []
            pictures: dict[int, Picture] = {}
            for report in reports:
                losses.append(report.loss)
                if report.evaluation in {*MARKS, report.evaluations}:
                    pictures[report.evaluation] = run.preview()
            *_, last = pictures.values()
            yield {
                "pair": _pair_name(paths),
                "stages": counts,
                "size": [last.width, last.height],
                "loss": {count: min(losses[:count]) for count in pictures},
                "change": {count: _mean_difference(picture, last) for count, picture in pictures.items()},
            }
            for count, picture in pictures.items():
                if options.keep is not None:
                    name = f"{_pair_name(paths)} {last.width} {count}.png".replace(" ", "-")
                    _crop(picture).save(options.keep / name, overwrite=True)


def _mean_difference(a: Picture, b: Picture) -> float:
    """Return the mean difference of two pictures in gray levels, of 255."""
    return round(255 * float((a.pixels - b.pixels).abs().mean()), 3)


def _crop(picture: Picture) -> Picture:
    """Return the square in the middle of a picture, for a look at 100 %."""
    side = min(CROP_SIDE, picture.width, picture.height)
    top, left = (picture.height - side) // 2, (picture.width - side) // 2
    return Picture(picture.pixels[:, top : top + side, left : left + side].clone())


PARTS = {"division": division, "budget": budget, "stages": stages}


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", required=True)
    parser.add_argument("--pair", nargs=2, metavar=("PHOTOGRAPH", "PAINTING"), action="append")
    parser.add_argument("--size", type=int, default=512, help="long side that is asked for")
    parser.add_argument("--seconds", type=float, action="append", help="budgets; 0 is a run without one")
    parser.add_argument("--times", type=int, default=1, help="runs of which the one of median time counts")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--stage", nargs=2, type=int, metavar=("SIDE", "COUNT"), action="append", default=[])
    parser.add_argument("--keep", type=Path, help="an existing folder for crops of the part stages")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    options.pair = options.pair or PAIRS
    options.stage = options.stage or STAGES
    options.seconds = options.seconds or [3.0, 10.0, 60.0]
    write_rows(options, PARTS)


if __name__ == "__main__":
    main()
