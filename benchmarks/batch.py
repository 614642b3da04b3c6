"""Measure many pictures: against single commands and a peer, over Ray, with kills, bad files, empty jobs, and memory.

    scripts/bench batch --part pictures --part targets --part ray --photographs 20 --paintings 3 --size 256
    scripts/bench batch --part pictures --peers out/peers
    scripts/bench batch --part kills --part bad --part empty --part crowd --part listing
    scripts/bench batch --part memory
    scripts/bench batch --part mixture
    scripts/bench batch --part start

The photographs are parts of the demo's photograph, the paintings those of the demo, turned. The parts kills and bad use
a network of random weights with a sixteenth of VGG-19's channels, since they are not about speed.
"""

import argparse
import asyncio
import itertools
import json
import os
import random
import re
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import torch
from conventions import installed, save_weights
from record import peak_bytes, reset_peak, resident_bytes, write_rows
from safetensors.torch import save_file

from impasto import Job, Picture, Runtime, Settings, StyleSource, paint_many, tune_process
from impasto.batch import index, naming
from impasto.batch.local_workers import LocalWorkers
from impasto.batch.manifest import Manifest
from impasto.batch.outcome import Outcome
from impasto.batch.painter import PICTURE_BYTES, Painter
from impasto.batch.ray_workers import RayWorkers
from impasto.batch.result_log import ResultLog
from impasto.jobs.resources import Resources
from impasto.layers import CONVOLUTIONS
from impasto.losses import Statistic
from impasto.objective.tile_units import Measurement
from impasto.recipes import demo
from impasto.transfer.target_cache import TargetCache

Row = dict[str, Any]

IMPASTO = [sys.executable, "-m", "impasto"]

TINY = ("--size", "64", "--first-size", "0", "--dtype", "float32", "--winograd", "off", "--threads", "1")
"""The options of what is painted with the tiny network."""


PROPORTIONS = (3 / 2, 2 / 3)
"""Width to height of the photographs of one camera, of which half were turned."""


def photographs(folder: Path, count: int, side: int, proportions: Sequence[float] = PROPORTIONS) -> Path:
    """Save photographs, parts of the demo's photograph, and return their folder.

    Args:
        folder: The folder, which is made.
        count: The number of photographs.
        side: Their long side.
        proportions: Width to height of each, in turn; empty: each photograph has its own.

    """
    whole, draw = Picture.open(demo.photograph()).pixels, random.Random(0)
    folder.mkdir()
    for number in range(count):
        height, width = (draw.randint(whole.shape[axis] * 2 // 3, whole.shape[axis]) for axis in (1, 2))
        ratio, short = width / height, min(height, width)
        if proportions:
            ratio = proportions[number % len(proportions)]
            height, width = round(short / max(1, ratio)), round(short * min(1, ratio))
        top, left = draw.randint(0, whole.shape[1] - height), draw.randint(0, whole.shape[2] - width)
        part = Picture(whole[:, top : top + height, left : left + width].contiguous())
        part.resized(round(side * min(1, ratio)), round(side / max(1, ratio))).save(folder / f"photo-{number:03}.jpg")
    return folder


def paintings(folder: Path, count: int, side: int) -> list[Path]:
    """Save paintings, the demo's turned in several ways; return their files."""
    image = demo.painting(side)
    turned = [image, image.flip(2), image.transpose(1, 2).contiguous(), image.flip(0)]
    paths = [folder / f"painting-{number}.png" for number in range(count)]
    for path, each in zip(paths, turned, strict=False):
        Picture(each.contiguous()).save(path)
    return paths


def run(*words: object, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run impasto."""
    return subprocess.run([*IMPASTO, *map(str, words)], capture_output=True, text=True, check=False, **more)


def timed(*words: object) -> float:
    """Return the seconds of a command that has to succeed."""
    began = time.perf_counter()
    done = run(*words)
    if done.returncode:
        raise SystemExit(f"{shlex.join(map(str, words))}: {done.stderr}")
    return time.perf_counter() - began


def batch(photos: Path | Sequence[Path], styles: Sequence[Path], output: Path) -> list[object]:
    """Return the words of a batch."""
    files = [photos] if isinstance(photos, Path) else photos
    return ["batch", *files, *(word for style in styles for word in ("--style", style)), "-o", output, "--quiet"]


def pictures(options: argparse.Namespace) -> Iterator[Row]:
    """Time one batch, single commands for the same pictures, and neural-style-pt in a loop."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = photographs(folder / "photos", options.photographs, 2 * options.size)
        styles = paintings(folder, options.paintings, 2 * options.size)
        common = ("--size", options.size, *shlex.split(options.flags))
        count = options.photographs * options.paintings
        about = {"pictures": count, "size": options.size, "flags": options.flags}
        seconds = timed(*batch(photos, styles, folder / "batch"), *common)
        yield {"what": "impasto batch", **about, "seconds": round(seconds, 1)}
        yield {
            "what": "the same batch again, all there",
            **about,
            "seconds": round(timed(*batch(photos, styles, folder / "batch"), *common), 1),
        }
        pairs = [(photo, style) for style in styles for photo in sorted(photos.iterdir())]
        (folder / "single").mkdir()
        single = sum(
            timed("paint", photo, style, "-o", folder / "single" / f"{photo.stem}-{style.stem}.png", "--quiet", *common)
            for photo, style in pairs
        )
        equal = sum(
            each.read_bytes() == (folder / "single" / each.name).read_bytes()
            for each in (folder / "batch").glob("*.png")
        )
        yield {
            "what": "single commands",
            **about,
            "seconds": round(single, 1),
            "ratio": single / seconds,
            "equal bytes": equal,
        }
        if options.peers:
            some = pairs[:: max(1, len(pairs) // options.peer_pictures)]
            theirs = _neural_style(options, some, folder)
            row = {"what": "neural-style-pt in a loop", **about, "pictures": len(some), "seconds": round(theirs, 1)}
            yield {**row, "ratio": theirs / len(some) * count / seconds}


def _neural_style(options: argparse.Namespace, pairs: Sequence[tuple[Path, Path]], folder: Path) -> float:
    """Return the seconds of neural-style-pt for some pictures, with as many evaluations as `--flags` says."""
    python, weights = installed(options.peers.absolute()), save_weights(folder)
    given = shlex.split(options.flags)
    count = dict(zip(given[::2], given[1::2], strict=True)).get("--iterations", "500")
    command = [python, Path(__file__).with_name("peer_paints.py"), "-gpu", "c", "-backend", "mkl", "-disable_check"]
    command += ["-model_file", weights, "-image_size", options.size, "-num_iterations", count, "-init", "image"]
    command += ["-print_iter", "0", "-save_iter", "0", "-output_image", folder / "peer.png"]
    began = time.perf_counter()
    for photo, style in pairs:
        words = map(str, [*command, "-content_image", photo, "-style_image", style])
        subprocess.run([*words], check=True, capture_output=True)
    return time.perf_counter() - began


WAYS: dict[str, tuple[object, ...]] = {
    "one process, one thread": ("--threads", 1),
    "one process, all threads": (),
    "two workers of one thread": ("--threads", 1, "--workers", 2),
    "two processes of one thread without Ray, half of the photographs each": ("--threads", 1),
}
"""What the part ray compares, each with its options."""


def ray(options: argparse.Namespace) -> Iterator[Row]:
    """Time two workers of one thread against one process with one thread, with all, and two without Ray."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = photographs(folder / "photos", options.photographs, 2 * options.size)
        styles = paintings(folder, options.paintings, 2 * options.size)
        found: dict[str, float] = {}
        common = ("--size", options.size, *shlex.split(options.flags))
        for number, (what, words) in enumerate(WAYS.items()):
            if number not in {0, *options.ways}:
                continue
            output = folder / str(number)
            parts = [photos] if number < len(WAYS) - 1 else _halves(photos)
            began = time.perf_counter()
            places = [output / str(part) for part in range(len(parts))]
            commands = [
                [*IMPASTO, *batch(part, styles, place), *common, *words]
                for part, place in zip(parts, places, strict=True)
            ]
            for process in [subprocess.Popen([*map(str, each)]) for each in commands]:
                if process.wait():
                    raise SystemExit(f"{what}: exit code {process.returncode}")
            seconds = time.perf_counter() - began
            logs = [each.read_text().splitlines() for each in output.glob("*/results.jsonl")]
            painted = [json.loads(line)["seconds"] for log in logs for line in log]
            found[what] = seconds
            alone = {path.name: path.read_bytes() for path in (folder / "0").rglob("*.png")}
            yield {
                "what": what,
                "pictures": len(painted),
                "size": options.size,
                "flags": options.flags,
                "seconds": round(seconds, 1),
                "seconds of painting, of all workers": round(sum(painted), 1),
                "median seconds of a picture": round(statistics.median(painted), 2),
                "longest": round(max(painted), 2),
                "against one thread": found["one process, one thread"] / seconds,
                "equal bytes": sum(alone[path.name] == path.read_bytes() for path in output.rglob("*.png")),
            }


def start(options: argparse.Namespace) -> Iterator[Row]:
    """Time commands of two small pictures, which are mostly start and end, and the steps of Ray's start and end."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos, styles = photographs(folder / "photos", 1, 128), paintings(folder, 2, 128)
        small = ("--size", 64, "--first-size", 0, "--iterations", 2, "--dtype", "float32", "--winograd", "off")
        sources = {"": Path(__file__).parents[1] / "src", **({"before: ": options.before} if options.before else {})}
        crews = {"one process": (), "two workers over Ray": ("--workers", 2)}
        found: dict[str, list[float]] = {}
        for number in range(options.rounds):  # in turn, so that other work on the machine slows all alike
            for (name, source), (crew, words) in itertools.product(sources.items(), crews.items()):
                output = folder / f"{number} {name}{crew}"
                command = [*IMPASTO, *batch(photos, styles, output), *small, "--threads", 1, *words]
                began = time.perf_counter()
                subprocess.run([*map(str, command)], check=True, env={**os.environ, "PYTHONPATH": str(source)})
                found.setdefault(f"{name}{crew}", []).append(time.perf_counter() - began)
        for what, seconds in found.items():
            yield {"what": what, "pictures": 2, **_spread(seconds)}
        steps = [_steps() for _ in range(options.rounds)]
        for what in steps[0]:
            yield {"what": what, **_spread([each[what] for each in steps])}


def _spread(seconds: Sequence[float]) -> Row:
    """Return the median of seconds, the least and the most."""
    least, most = round(min(seconds), 2), round(max(seconds), 2)
    return {"seconds": round(statistics.median(seconds), 2), "least": least, "most": most}


def _steps() -> dict[str, float]:
    """Return the seconds of each step of Ray's start and end with two workers, in a process of its own."""
    script = """
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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _halves(photos: Path) -> list[list[Path]]:
    """Divide the photographs of a folder into two lists with as many of each proportion."""
    listed = sorted(photos.iterdir())
    return [[photo for number, photo in enumerate(listed) if number // len(PROPORTIONS) % 2 == half] for half in (0, 1)]


def targets(options: argparse.Namespace) -> Iterator[Row]:
    """Paint in one process that has painted one picture before, with cached targets and without."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = sorted(photographs(folder / "photos", options.photographs, 2 * options.size).iterdir())
        styles = paintings(folder, options.paintings, 2 * options.size)
        words = ("--size", options.size, *shlex.split(options.flags))
        for what, kind in (("targets cached", Timed), ("targets measured for each picture", Forgetful)):
            painter, cache = Painter(), kind()
            painter._resources = Resources(targets=cache, picture_bytes=PICTURE_BYTES)  # noqa: SLF001 (no option says so)
            jobs = [
                _job(photo, style, folder / what / f"{photo.stem}-{style.stem}.png", words)
                for style in styles
                for photo in photos
            ]
            first = [_job(photo, photos[0], folder / what / f"{photo.stem}.png", words) for photo in photos[:2]]
            for _ in paint_many(first, workers=LocalWorkers(painter)):
                pass
            began, hits, misses, measuring = time.perf_counter(), cache.hits, cache.misses, cache.seconds
            states = Counter(outcome.state for outcome in paint_many(jobs, workers=LocalWorkers(painter)))
            yield {
                "what": what,
                "pictures": states["done"],
                "size": options.size,
                "flags": options.flags,
                "seconds": round(time.perf_counter() - began, 2),
                "seconds for targets": round(cache.seconds - measuring, 3),
                "targets found": cache.hits - hits,
                "targets measured": cache.misses - misses,
            }


class Timed(TargetCache):
    """Targets, and the seconds in which they were measured or found."""

    seconds = 0.0

    def measure_image(self, measurement: Measurement) -> Mapping[str, Statistic]:
        """Return targets, and add the time."""
        began = time.perf_counter()
        found = super().measure_image(measurement)
        self.seconds += time.perf_counter() - began
        return found


class Forgetful(Timed):
    """Targets that are always measured."""

    def _read(self, key: str, device: torch.device) -> None:
        pass


def _job(photo: Path, style: Path, output: Path, words: Sequence[object]) -> Job:
    """Return the job of options of the command."""
    names = {
        option.removeprefix("--").replace("-", "_"): value
        for option, value in zip(words[::2], words[1::2], strict=True)
    }
    runtime = {name: names.pop(name) for name in Runtime.model_fields if name in names}
    return Job(content=photo, styles=(StyleSource(picture=style),), settings=names, runtime=runtime, output=output)


def kills(options: argparse.Namespace) -> Iterator[Row]:
    """Kill workers and drivers at random, and compare the pictures with those of a run that nobody kills."""
    with tempfile.TemporaryDirectory() as place:
        folder, draw = Path(place), random.Random(options.seed)
        photos, styles = photographs(folder / "photos", 20, 96), paintings(folder, 3, 96)
        flags = (
            *TINY,
            "--iterations",
            60,
            "--tolerance",
            0,
            "--checkpoint-every",
            0.2,
            "--weights",
            tiny_network(folder),
        )
        timed(*batch(photos, styles, folder / "alone"), *flags)
        words = [*IMPASTO, *map(str, (*batch(photos, styles, folder / "killed"), *flags, "--workers", 2))]
        killed: Counter[str] = Counter()
        goals = {"worker": options.kills, "driver": options.kills // 2}
        while True:
            code = _hunted(words, draw, killed, goals)
            if code is not None:
                break
        log = (folder / "killed" / "results.jsonl").read_text().splitlines()
        records = [json.loads(line) for line in log]
        done = Counter(record["output"] for record in records if record["state"] == "done")
        alone = {path.name: path.read_bytes() for path in (folder / "alone").glob("*.png")}
        found = {path.name: path.read_bytes() for path in (folder / "killed").glob("*.png")}
        yield {
            "workers killed": killed["worker"],
            "drivers killed": killed["driver"],
            "exit code at last": code,
            "pictures": len(found),
            "with the bytes of those painted alone": sum(found.get(name) == data for name, data in alone.items()),
            "painted twice": sum(count > 1 for count in done.values()),
            "failed": sum(record["state"] == "failed" for record in records),
        }


def _hunted(words: list[str], draw: random.Random, killed: "Counter[str]", goals: dict[str, int]) -> int | None:
    """Run a batch and kill workers and at last the driver; return its exit code, or None if it was killed."""
    with subprocess.Popen(words) as driver:
        while driver.poll() is None:
            time.sleep(draw.uniform(1, 3))
            workers = [each for each in psutil.process_iter(["name", "cmdline"]) if "ray::Actor" in str(each.info)]
            if workers and killed["worker"] < goals["worker"] and draw.random() < 0.7:
                draw.choice(workers).kill()
                killed["worker"] += 1
            elif workers and killed["driver"] < goals["driver"]:
                driver.send_signal(signal.SIGKILL)
                killed["driver"] += 1
                driver.wait()
                return None
    return driver.returncode


def bad(options: argparse.Namespace) -> Iterator[Row]:
    """Paint 500 photographs of which 50 cannot be used, of ten kinds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = photographs(folder / "photos", 450, 80)
        for number in range(50):
            list(KINDS.values())[number % len(KINDS)](photos / f"bad-{number:02}.png")
        styles = paintings(folder, 1, 96)
        words = (*TINY, "--iterations", 2, "--weights", tiny_network(folder))
        for workers in options.workers:
            output = folder / f"by {workers}"
            began = time.perf_counter()
            done = run(*batch(photos, styles, output), *words, "--workers", workers)
            records = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
            sentences = {
                re.sub(r"\S*bad-\d+\S*", "FILE", record["sentence"])
                for record in records
                if record["state"] == "failed"
            }
            yield {
                "workers": workers,
                "jobs": 500,
                "kinds of bad files": list(KINDS),
                "pictures": len(list(output.glob("*.png"))),
                "lines of failures": sum(record["state"] == "failed" for record in records),
                "sentences": sorted(sentences),
                "exit code": done.returncode,
                "seconds": round(time.perf_counter() - began, 1),
            }


def _cut(path: Path) -> None:
    Picture(torch.rand(3, 64, 64)).save(path)
    path.write_bytes(path.read_bytes()[:200])


def _damaged(path: Path) -> None:
    Picture(torch.rand(3, 64, 64)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[:400] + bytes(200) + data[600:])


def _huge(path: Path) -> None:
    """Write the header of a PNG file of 60,000 × 60,000 pixels."""
    Picture(torch.rand(3, 8, 8)).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = (60000).to_bytes(4, "big") * 2
    path.write_bytes(data)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere"))


KINDS: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("This is not a picture."),
    "random bytes": lambda path: path.write_bytes(random.Random(0).randbytes(1000)),
    "a header alone": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n"),
    "cut short": _cut,
    "damaged": _damaged,
    "huge": _huge,
    "a link to nowhere": _link,
    "one pixel": lambda path: Picture(torch.rand(3, 1, 1)).save(path),
    "transparent": lambda path: Picture(torch.rand(3, 64, 64), alpha=torch.zeros(64, 64)).save(path),
}
"""Kinds of files that cannot be used, and what makes one."""


class Idle:
    """A painter that paints nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def paint(self, job: Job, noted: Job | None = None) -> Generator[Any, None, Outcome]:  # noqa: ARG002
        """Say that the job is done."""
        return Outcome(job, "done", worker=self.name)
        yield

    def prepare(self, job: Job) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""


def empty(options: argparse.Namespace) -> Iterator[Row]:
    """Send jobs that paint nothing through Ray, and measure the memory of the driver and of Ray's own processes."""
    workers, process = RayWorkers(2, threads=1, make=Idle), psutil.Process()
    began = used = 0.0
    held = 0
    peaks: list[float] = []
    others: list[float] = []
    for count, _ in enumerate(paint_many(_empty_jobs(options.jobs), workers=workers), start=1):
        if not began:
            began, used = time.perf_counter(), time.process_time()
        held = max(held, process.memory_info().rss)
        if count % 1000 == 0:
            peaks.append(round(held / 1e6, 1))
            others.append(_held_by_ray(process))
        if count in {1000, options.jobs // 10, options.jobs // 2, options.jobs}:
            row = {
                "jobs": count,
                "jobs a second": round(count / (time.perf_counter() - began)),
                "driver's processor ms a job": round((time.process_time() - used) / count * 1e3, 3),
                "driver's peak MB": round(held / 1e6, 1),
                "load": round(os.getloadavg()[0], 1),
            }
            if count == options.jobs:
                row |= {"driver's peak MB by thousand": peaks, "MB of Ray's own processes by thousand": others}
            yield row


def _empty_jobs(count: int) -> Iterator[Job]:
    settings = Settings(size=256)
    for n in range(count):
        yield Job(
            content=f"photos/{n}.jpg", styles=(StyleSource(picture="a.jpg"),), settings=settings, output=f"out/{n}.png"
        )


def _held_by_ray(driver: psutil.Process) -> float:
    """Return the MB of memory of Ray's server of the cluster and of the one of this machine."""
    held = [
        each.memory_info().rss for each in driver.children(recursive=True) if each.name() in {"gcs_server", "raylet"}
    ]
    return round(sum(held) / 1e6, 1)


class Crowd:
    """An actor that stands for many: it holds each job for some seconds, and paints nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def paint(self, job: Job, sent: object = None) -> tuple[Outcome, bytes]:  # noqa: ARG002
        """Say after some seconds that the job is done."""
        await asyncio.sleep(self._seconds)
        return Outcome(job, "done"), b""

    async def prepare(self, job: Job) -> None:
        """Do nothing."""

    async def progress(self) -> None:
        """Know of no progress."""

    async def cancel(self) -> None:
        """Do nothing."""


class CrowdedWorkers(RayWorkers):
    """Workers of the driver's that all are one actor: it does for each job what it does with so many actors."""

    seconds = 1.0
    """How long each job takes."""

    def _start_actor(self, worker: int) -> Any:
        if worker:
            return self._actors_in_place[0]
        options = {"num_cpus": 1, "max_concurrency": 4 * self.count}
        self._actors_in_place = [self._ray.remote(**options)(Crowd).remote(self.seconds)]
        return self._actors_in_place[0]


def crowd(options: argparse.Namespace) -> Iterator[Row]:
    """Give jobs of some seconds to many workers, all in one actor, and measure what the driver does for a job."""
    import ray as cluster  # noqa: PLC0415 (an extra)

    process = psutil.Process()
    cluster.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    for count in options.crowd:
        CrowdedWorkers.seconds = options.crowd_seconds
        workers = CrowdedWorkers(count, threads=1)
        jobs = count * options.crowd_rounds
        began, used, held = time.perf_counter(), time.process_time(), 0
        for number, _ in enumerate(paint_many(_empty_jobs(jobs), workers=workers), start=1):
            held = max(held, process.memory_info().rss) if number % 10 == 0 else held
        seconds = time.perf_counter() - began
        yield {
            "workers": count,
            "seconds of each job": options.crowd_seconds,
            "jobs": jobs,
            "jobs a second": round(jobs / seconds),
            "most possible": round(count / options.crowd_seconds),
            "driver's processor ms a job": round((time.process_time() - used) / jobs * 1e3, 3),
            "driver's peak MB": round(held / 1e6, 1),
            "load": round(os.getloadavg()[0], 1),
        }
    cluster.shutdown()


def listing(options: argparse.Namespace) -> Iterator[Row]:
    """Read a long manifest as before a start, log what comes of each job, and make the page of the results."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines = (job.model_dump_json(exclude_defaults=True) + "\n" for job in _empty_jobs(options.jobs))
        with (folder / "jobs.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines)
        manifest, log = Manifest(folder / "jobs.jsonl", folder), folder / "results.jsonl"

        def logged() -> None:
            with closing(ResultLog(log)) as results:
                for number, job in enumerate(_empty_jobs(options.jobs), start=1):
                    results.write(Outcome(job, "done", "128 × 96, loss 1.2345e+04", 10.0, 12345.6, "1", number=number))

        steps = {
            "the manifest is read and names are compared": lambda: naming.refuse_clashes(manifest),
            "outcomes are logged": logged,
            "the page of the results is made": lambda: index.write(log, folder / "index.html"),
        }
        for what, step in steps.items():
            before, began = resident_bytes(), time.perf_counter()
            reset_peak()
            step()
            yield {
                "what": what,
                "jobs": options.jobs,
                "seconds": round(time.perf_counter() - began, 2),
                "peak MB more than before": round((peak_bytes() - before) / 1e6, 1),
                "log MB": round(log.stat().st_size / 1e6, 1) if log.exists() else 0,
            }


def memory(options: argparse.Namespace) -> Iterator[Row]:
    """Paint photographs of one camera in one worker, and measure its memory."""
    yield from _held(options, PROPORTIONS)


def mixture(options: argparse.Namespace) -> Iterator[Row]:
    """Paint photographs that each have proportions of their own in one worker, and measure its memory."""
    yield from _held(options, ())


def _held(options: argparse.Namespace, proportions: Sequence[float]) -> Iterator[Row]:
    """Yield the memory of a worker with the real network after some pictures, and how much of it are cached targets."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        photos = sorted(photographs(folder / "photos", options.pictures, 256, proportions).iterdir())
        (style,) = paintings(folder, 1, 256)
        settings = Settings(size=options.memory_size, iterations=2, tolerance=0)
        jobs = (
            Job(
                content=photo,
                styles=(StyleSource(picture=style),),
                settings=settings,
                output=folder / f"{photo.stem}.png",
            )
            for photo in photos
        )
        painter, first = Painter(folder=folder / "hidden"), None
        for count, _ in enumerate(paint_many(jobs, workers=LocalWorkers(painter)), start=1):
            if count in {10, 50, 100, 200, options.pictures}:
                held, targets = resident_bytes(), painter.targets.bytes
                first = first or (held, held - targets)
                yield {
                    "pictures": count,
                    "size": options.memory_size,
                    "proportions": len(proportions) or "each its own",
                    "MB": round(held / 1e6, 1),
                    "against 10": round(held / first[0], 4),
                    "MB of cached targets": round(targets / 1e6, 1),
                    "against 10 without targets": round((held - targets) / first[1], 4),
                    "targets found": painter.targets.hits,
                    "targets measured": painter.targets.misses,
                }


def tiny_network(folder: Path) -> Path:
    """Save a VGG-19 of a sixteenth of the channels, with random weights, and return its file."""
    generator, inputs, tensors = torch.Generator().manual_seed(0), 3, dict[str, torch.Tensor]()
    for layer in CONVOLUTIONS:
        channels = layer.channels // 16
        spread = (2 / (9 * inputs)) ** 0.5
        tensors[f"{layer.name}.weight"] = torch.randn(channels, inputs, 3, 3, generator=generator) * spread
        tensors[f"{layer.name}.bias"] = torch.randn(channels, generator=generator)
        inputs = channels
    save_file(tensors, folder / "tiny.safetensors")
    return folder / "tiny.safetensors"


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
    """Measure what is asked for, and put it into the JSON."""
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
