"""The parts of `batch.py` about faults: workers and drivers that are killed, and files that cannot be used."""

import argparse
import random
import re
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import torch
from batch_inputs import (
    IMPASTO,
    Row,
    batch_arguments,
    measure_seconds,
    read_results,
    run_impasto,
    save_paintings,
    save_photographs,
    save_tiny_network,
)

from impasto import Picture

TINY = ("--size", "64", "--first-size", "0", "--dtype", "float32", "--winograd", "off", "--threads", "1")
"""The options of what is painted with the tiny network."""


def kills(options: argparse.Namespace) -> Iterator[Row]:
    """Kill workers and drivers at random, and compare the pictures with those of a run that nobody kills."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, generator = Path(temporary), random.Random(options.seed)
        photos, paintings = save_photographs(folder / "photos", 20, 96), save_paintings(folder, 3, 96)
        flags = [*TINY, "--iterations", 60, "--tolerance", 0, "--checkpoint-every", 0.2]
        flags += ["--weights", save_tiny_network(folder)]
        measure_seconds(*batch_arguments(photos, paintings, folder / "alone"), *flags)
        batch = [*batch_arguments(photos, paintings, folder / "killed"), *flags, "--workers", 2]
        killed: Counter[str] = Counter()
        goals = {"worker": options.kills, "driver": options.kills // 2}
        code = None
        while code is None:
            code = _run_and_kill([*IMPASTO, *map(str, batch)], generator, killed, goals)
        records = read_results(folder / "killed")
        done = Counter(record["output"] for record in records if record["state"] == "done")
        expected = {path.name: path.read_bytes() for path in (folder / "alone").glob("*.png")}
        actual = {path.name: path.read_bytes() for path in (folder / "killed").glob("*.png")}
        yield {
            "workers killed": killed["worker"],
            "drivers killed": killed["driver"],
            "exit code at last": code,
            "pictures": len(actual),
            "with the bytes of those painted alone": sum(actual.get(name) == data for name, data in expected.items()),
            "painted twice": sum(count > 1 for count in done.values()),
            "failed": sum(record["state"] == "failed" for record in records),
        }


def _run_and_kill(
    command: list[str], generator: random.Random, killed: "Counter[str]", goals: dict[str, int]
) -> int | None:
    """Run a batch and kill workers and at last the driver; return its exit code, or None if it was killed."""
    with subprocess.Popen(command) as driver:
        while driver.poll() is None:
            time.sleep(generator.uniform(1, 3))
            workers = [each for each in psutil.process_iter(["name", "cmdline"]) if "ray::Actor" in str(each.info)]
            if workers and killed["worker"] < goals["worker"] and generator.random() < 0.7:
                generator.choice(workers).kill()
                killed["worker"] += 1
            elif workers and killed["driver"] < goals["driver"]:
                driver.send_signal(signal.SIGKILL)
                killed["driver"] += 1
                driver.wait()
                return None
    return driver.returncode


def bad(options: argparse.Namespace) -> Iterator[Row]:
    """Paint 500 photographs of which 50 cannot be used, of ten kinds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos = save_photographs(folder / "photos", 450, 80)
        for number in range(50):
            list(BAD_FILES.values())[number % len(BAD_FILES)](photos / f"bad-{number:02}.png")
        paintings = save_paintings(folder, 1, 96)
        flags = (*TINY, "--iterations", 2, "--weights", save_tiny_network(folder))
        for workers in options.workers:
            output = folder / f"by {workers}"
            start = time.perf_counter()
            process = run_impasto(*batch_arguments(photos, paintings, output), *flags, "--workers", workers)
            failed = [record["sentence"] for record in read_results(output) if record["state"] == "failed"]
            yield {
                "workers": workers,
                "jobs": 500,
                "kinds of bad files": list(BAD_FILES),
                "pictures": len(list(output.glob("*.png"))),
                "lines of failures": len(failed),
                "sentences": sorted({re.sub(r"\S*bad-\d+\S*", "FILE", sentence) for sentence in failed}),
                "exit code": process.returncode,
                "seconds": round(time.perf_counter() - start, 1),
            }


def _write_cut_file(path: Path) -> None:
    """Write the first 200 bytes of a PNG file."""
    Picture(torch.rand(3, 64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:200])


def _write_damaged_file(path: Path) -> None:
    """Write a PNG file of which 200 bytes are 0."""
    Picture(torch.rand(3, 64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:400] + bytes(200) + data[600:])


def _write_huge_file(path: Path) -> None:
    """Write the header of a PNG file of 60,000 × 60,000 pixels."""
    Picture(torch.rand(3, 8, 8)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    path.write_bytes(data)


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("This is not a picture."),
    "random bytes": lambda path: path.write_bytes(random.Random(0).randbytes(1000)),
    "a header alone": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "cut short": _write_cut_file,
    "damaged": _write_damaged_file,
    "huge": _write_huge_file,
    "a link to nowhere": lambda path: path.symlink_to(path.with_name("nowhere")),
    "one pixel": lambda path: Picture(torch.rand(3, 1, 1)).save(path),
    "transparent": lambda path: Picture(torch.rand(3, 64, 64), alpha=torch.zeros(64, 64)).save(path),
}
"""Kinds of files that cannot be used, each with a function that writes one."""
