"""The parts of `batch.py` about speed: against single commands and a peer, over Ray, with cached targets, the start."""

import argparse
import itertools
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from batch_inputs import (
    IMPASTO,
    PROPORTIONS,
    Row,
    batch_arguments,
    measure_seconds,
    painting_options,
    read_results,
    save_inputs,
    save_paintings,
    save_photographs,
)
from conventions import install_peers, save_weights

from impasto import Job, Runtime, StyleSource, paint_many
from impasto.batch.local_workers import LocalWorkers
from impasto.batch.painter import PICTURE_BYTES, Painter
from impasto.jobs.resources import Resources
from impasto.losses import Statistic
from impasto.objective.tile_units import Measurement
from impasto.transfer.target_cache import TargetCache


def pictures(options: argparse.Namespace) -> Iterator[Row]:
    """Time one batch, single commands for the same pictures, and neural-style-pt in a loop."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos, paintings = save_inputs(options, folder)
        batch = [*batch_arguments(photos, paintings, folder / "batch"), *painting_options(options)]
        pairs = [(photo, painting) for painting in paintings for photo in sorted(photos.iterdir())]
        inputs = {"pictures": len(pairs), "size": options.size, "flags": options.flags}
        seconds = measure_seconds(*batch)
        yield {"what": "impasto batch", **inputs, "seconds": round(seconds, 1)}
        yield {"what": "the same batch again, all there", **inputs, "seconds": round(measure_seconds(*batch), 1)}
        single_seconds, equal = _single_commands(options, pairs, folder)
        row = {"what": "single commands", **inputs, "seconds": round(single_seconds, 1)}
        yield {**row, "ratio": single_seconds / seconds, "equal bytes": equal}
        if options.peers:
            sample = pairs[:: max(1, len(pairs) // options.peer_pictures)]
            peer_seconds = _neural_style(options, sample, folder)
            row = {"what": "neural-style-pt in a loop", **inputs, "pictures": len(sample)}
            ratio = peer_seconds / len(sample) * len(pairs) / seconds
            yield {**row, "seconds": round(peer_seconds, 1), "ratio": ratio}


def _single_commands(
    options: argparse.Namespace, pairs: Sequence[tuple[Path, Path]], folder: Path
) -> tuple[float, int]:
    """Paint each pair by a command of its own; return the seconds, and how many files have the bytes of the batch."""
    output, seconds = folder / "single", 0.0
    output.mkdir()
    for photo, painting in pairs:
        files = photo, painting, "-o", output / f"{photo.stem}-{painting.stem}.png"
        seconds += measure_seconds("paint", *files, "--quiet", *painting_options(options))
    equal = sum(path.read_bytes() == (output / path.name).read_bytes() for path in (folder / "batch").glob("*.png"))
    return seconds, equal


def _neural_style(options: argparse.Namespace, pairs: Sequence[tuple[Path, Path]], folder: Path) -> float:
    """Return the seconds of neural-style-pt for some pictures, with as many evaluations as `--flags` says."""
    python, weights = install_peers(options.peers.absolute()), save_weights(folder)
    flags = shlex.split(options.flags)
    count = dict(zip(flags[::2], flags[1::2], strict=True)).get("--iterations", "500")
    command = [python, Path(__file__).with_name("peer_paints.py"), "-gpu", "c", "-backend", "mkl", "-disable_check"]
    command += ["-model_file", weights, "-image_size", options.size, "-num_iterations", count, "-init", "image"]
    command += ["-print_iter", "0", "-save_iter", "0", "-output_image", folder / "peer.png"]
    start = time.perf_counter()
    for photo, painting in pairs:
        arguments = map(str, [*command, "-content_image", photo, "-style_image", painting])
        subprocess.run([*arguments], check=True, capture_output=True)
    return time.perf_counter() - start


WAYS: dict[str, tuple[object, ...]] = {
    "one process, one thread": ("--threads", 1),
    "one process, all threads": (),
    "two workers of one thread": ("--threads", 1, "--workers", 2),
    "two processes of one thread without Ray, half of the photographs each": ("--threads", 1),
}
"""What the part ray compares, each with its options."""


def ray(options: argparse.Namespace) -> Iterator[Row]:
    """Time two workers of one thread against one process with one thread, with all, and two without Ray."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos, paintings = save_inputs(options, folder)
        base_seconds = 0.0
        for number, (name, arguments) in enumerate(WAYS.items()):
            if number not in {0, *options.ways}:
                continue
            output = folder / str(number)
            groups = [photos] if number < len(WAYS) - 1 else _halves(photos)
            outputs = [output / str(index) for index in range(len(groups))]
            start = time.perf_counter()
            commands = [
                [*IMPASTO, *batch_arguments(group, paintings, path), *painting_options(options), *arguments]
                for group, path in zip(groups, outputs, strict=True)
            ]
            for process in [subprocess.Popen([*map(str, command)]) for command in commands]:
                if process.wait():
                    raise SystemExit(f"{name}: exit code {process.returncode}")
            seconds = time.perf_counter() - start
            base_seconds = base_seconds or seconds
            painting_seconds = [record["seconds"] for path in outputs for record in read_results(path)]
            base_files = {path.name: path.read_bytes() for path in (folder / "0").rglob("*.png")}
            yield {
                "what": name,
                "pictures": len(painting_seconds),
                "size": options.size,
                "flags": options.flags,
                "seconds": round(seconds, 1),
                "seconds of painting, of all workers": round(sum(painting_seconds), 1),
                "median seconds of a picture": round(statistics.median(painting_seconds), 2),
                "longest": round(max(painting_seconds), 2),
                "against one thread": base_seconds / seconds,
                "equal bytes": sum(base_files[path.name] == path.read_bytes() for path in output.rglob("*.png")),
            }


def _halves(photos: Path) -> list[list[Path]]:
    """Divide the photographs of a folder into two lists with as many of each proportion."""
    halves: list[list[Path]] = [[], []]
    for number, photo in enumerate(sorted(photos.iterdir())):
        halves[number // len(PROPORTIONS) % 2].append(photo)
    return halves


def start(options: argparse.Namespace) -> Iterator[Row]:
    """Time commands of two small pictures, which are mostly start and end, and the steps of Ray's start and end."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos, paintings = save_photographs(folder / "photos", 1, 128), save_paintings(folder, 2, 128)
        small = ("--size", 64, "--first-size", 0, "--iterations", 2, "--dtype", "float32", "--winograd", "off")
        sources = {"": Path(__file__).parents[1] / "src", **({"before: ": options.before} if options.before else {})}
        crews = {"one process": (), "two workers over Ray": ("--workers", 2)}
        seconds: dict[str, list[float]] = {}
        for number in range(options.rounds):  # in turn, so that other work on the machine slows all alike
            for (name, source), (crew, arguments) in itertools.product(sources.items(), crews.items()):
                batch = batch_arguments(photos, paintings, folder / f"{number} {name}{crew}")
                command = [*IMPASTO, *batch, *small, "--threads", 1, *arguments]
                began = time.perf_counter()
                subprocess.run([*map(str, command)], check=True, env={**os.environ, "PYTHONPATH": str(source)})
                seconds.setdefault(f"{name}{crew}", []).append(time.perf_counter() - began)
        for name, values in seconds.items():
            yield {"what": name, "pictures": 2, **_spread(values)}
        rounds = [_measure_ray() for _ in range(options.rounds)]
        for step in rounds[0]:
            yield {"what": step, **_spread([each[step] for each in rounds])}


def _spread(seconds: Sequence[float]) -> Row:
    """Return the median of seconds, the least and the most."""
    least, most = round(min(seconds), 2), round(max(seconds), 2)
    return {"seconds": round(statistics.median(seconds), 2), "least": least, "most": most}


RAY_STEPS = """
import json, time
began, seconds = time.perf_counter(), {}

def passed(step):
    global began
    seconds[step] = time.perf_counter() - began
    began = time.perf_counter()

from impasto.batch import ray_workers
from impasto.batch.ray_cluster import import_ray, join_cluster
ray = import_ray("local")
passed("step: ray is imported")
join_cluster(ray, "local", 2)
passed("step: Ray's own processes are started")
workers = ray_workers.RayWorkers(2, threads=1)
ray.get([actor.progress.remote() for actor in workers._actors])
passed("step: two actors import torch and impasto")
workers._owns_ray = True
workers.close()
passed("step: all processes are ended")
print(json.dumps(seconds))
"""
"""A program that prints the seconds of each step of Ray's start and end with two workers."""


def _measure_ray() -> dict[str, float]:
    """Return the seconds of each step of Ray's start and end, in a process of its own."""
    process = subprocess.run([sys.executable, "-c", RAY_STEPS], capture_output=True, text=True, check=True)
    return json.loads(process.stdout.splitlines()[-1])


def targets(options: argparse.Namespace) -> Iterator[Row]:
    """Paint in one process that has painted one picture before, with cached targets and without."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        photos, paintings = save_inputs(options, folder)
        contents, flags = sorted(photos.iterdir()), painting_options(options)
        for name, cache in (("targets cached", TimedCache()), ("targets measured for each picture", NoCache())):
            painter = Painter()
            painter._resources = Resources(targets=cache, picture_bytes=PICTURE_BYTES)  # noqa: SLF001 (no option says so)
            warm_up = [_job(photo, contents[0], folder / name / f"{photo.stem}.png", flags) for photo in contents[:2]]
            jobs = [
                _job(photo, painting, folder / name / f"{photo.stem}-{painting.stem}.png", flags)
                for painting in paintings
                for photo in contents
            ]
            list(paint_many(warm_up, workers=LocalWorkers(painter)))
            start, hits, misses, target_seconds = time.perf_counter(), cache.hits, cache.misses, cache.seconds
            states = Counter(outcome.state for outcome in paint_many(jobs, workers=LocalWorkers(painter)))
            yield {
                "what": name,
                "pictures": states["done"],
                "size": options.size,
                "flags": options.flags,
                "seconds": round(time.perf_counter() - start, 2),
                "seconds for targets": round(cache.seconds - target_seconds, 3),
                "targets found": cache.hits - hits,
                "targets measured": cache.misses - misses,
            }


class TimedCache(TargetCache):
    """A cache of targets, and the seconds in which they were measured or read."""

    seconds = 0.0

    def measure_image(self, measurement: Measurement) -> Mapping[str, Statistic]:
        """Return targets, and add the time."""
        start = time.perf_counter()
        target = super().measure_image(measurement)
        self.seconds += time.perf_counter() - start
        return target


class NoCache(TimedCache):
    """A cache that holds nothing, so that targets are always measured."""

    def _read(self, key: str, device: torch.device) -> None:
        pass


def _job(photo: Path, painting: Path, output: Path, flags: Sequence[object]) -> Job:
    """Return the job of options of the command."""
    settings = {
        option.removeprefix("--").replace("-", "_"): value
        for option, value in zip(flags[::2], flags[1::2], strict=True)
    }
    runtime = {name: settings.pop(name) for name in Runtime.model_fields if name in settings}
    return Job(
        content=photo, styles=(StyleSource(picture=painting),), settings=settings, runtime=runtime, output=output
    )
