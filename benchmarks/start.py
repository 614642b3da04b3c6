"""Measure the seconds from the shell to the first evaluation and to the finished file.

    scripts/bench start --pair CONTENT STYLE --source 'before: FOLDER' --source 'after: src'

Each source is a folder with the package `impasto`, such as that of another commit's work tree. Each start is a command
of its own, `python -m impasto paint … --json`, which prints a line after each evaluation; the sources take turns. The
first start is that of a fresh copy of the source, without compiled code or anything else that is cached. `whole` paints
at the defaults, from the shell to the finished file.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from record import write_rows


def later(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each source, the seconds of a start whose code was compiled by an earlier one."""
    yield from take_turns(first_evaluation, options)


def whole(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each source, the seconds of a command at its defaults, until the file is there."""
    yield from take_turns(whole_command, options)


def take_turns(
    seconds: Callable[[Path, argparse.Namespace, Path], float], options: argparse.Namespace
) -> Iterator[dict[str, Any]]:
    """Yield a row for each source, after several turns of all sources."""
    sources = folders(options.source)
    with tempfile.TemporaryDirectory() as folder:
        for source in sources.values():
            first_evaluation(source, options, Path(folder))
        turns = [
            {name: seconds(source, options, Path(folder)) for name, source in sources.items()}
            for _ in range(options.times)
        ]
    yield from rows(turns, options)


def first(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield, for each source, the seconds of the first start ever."""
    turns: list[dict[str, float]] = []
    for _ in range(options.first_times):
        turns.append({})
        for name, source in folders(options.source).items():
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / "src"
                shutil.copytree(source / "impasto", copy / "impasto", ignore=shutil.ignore_patterns("__pycache__"))
                turns[-1][name] = first_evaluation(copy, options, Path(folder))
    yield from rows(turns, options)


def first_evaluation(source: Path, options: argparse.Namespace, folder: Path) -> float:
    """Return the seconds from a command's start to its first line."""
    start = time.perf_counter()
    with start_command(source, options, folder) as process:
        line = process.stdout.readline() if process.stdout else ""
        seconds = time.perf_counter() - start
        process.kill()
    if '"loss"' not in line:
        sys.exit(f"{source} printed {line!r} instead of its first evaluation.")
    return seconds


def whole_command(source: Path, options: argparse.Namespace, folder: Path) -> float:
    """Return the seconds from a command's start to its end."""
    start = time.perf_counter()
    with start_command(source, options, folder) as process:
        process.communicate()
    if process.returncode:
        sys.exit(f"{source} ended with code {process.returncode}.")
    return time.perf_counter() - start


def start_command(source: Path, options: argparse.Namespace, folder: Path) -> subprocess.Popen[str]:
    """Start a command that paints, and prints a line after each evaluation."""
    arguments = [*options.pair, "-o", folder / "painted.png", "--overwrite", "--json", "--size", options.size]
    command = [sys.executable, "-m", "impasto", "paint", *map(str, arguments), "--checkpoint-every", "0"]
    environment = {**os.environ, "PYTHONPATH": str(source.resolve()), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def folders(sources: list[str]) -> dict[str, Path]:
    """Return the folder of each source by its name."""
    pairs = (source.split(":", 1) for source in sources)
    return {name.strip(): Path(folder.strip()) for name, folder in pairs}


def rows(turns: list[dict[str, float]], options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row for each source, with its ratio to the first one."""
    medians = {name: statistics.median(turn[name] for turn in turns) for name in turns[0]}
    base = next(iter(medians.values()))
    for name, median in medians.items():
        yield {
            "source": name,
            "size": options.size,
            "seconds": round(median, 2),
            "ratio": round(median / base, 2),
            "all": [round(turn[name], 2) for turn in turns],
        }


def main() -> None:
    """Measure the parts asked for, and put them into the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", action="append", choices=["first", "later", "whole"])
    parser.add_argument("--pair", nargs=2, required=True)
    parser.add_argument("--source", action="append")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--first-times", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    options.part = options.part or ["later", "first", "whole"]
    options.source = options.source or [f"this: {Path(__file__).parents[1] / 'src'}"]
    write_rows(options, {"later": later, "first": first, "whole": whole})


if __name__ == "__main__":
    main()
