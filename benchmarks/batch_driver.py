"""The parts of `batch.py` about the driver: what it does for each of many jobs, and its files."""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
from batch_inputs import Row
from record import peak_bytes, reset_peak, resident_bytes

from impasto import Job, Settings, StyleSource, paint_many
from impasto.batch import index, naming
from impasto.batch.manifest import Manifest
from impasto.batch.outcome import Outcome
from impasto.batch.ray_workers import RayWorkers
from impasto.batch.result_log import ResultLog


def _empty_jobs(count: int) -> Iterator[Job]:
    """Yield jobs whose files do not exist."""
    settings, styles = Settings(size=256), (StyleSource(picture="a.jpg"),)
    for number in range(count):
        yield Job(content=f"photos/{number}.jpg", styles=styles, settings=settings, output=f"out/{number}.png")


class IdlePainter:
    """A painter that paints nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def paint(self, job: Job, original: Job | None = None) -> Generator[Any, None, Outcome]:  # noqa: ARG002
        """Say that the job is done."""
        return Outcome(job, "done", worker=self.name)
        yield

    def prepare(self, job: Job) -> None:
        """Do nothing."""

    def cancel(self) -> None:
        """Do nothing."""


def empty(options: argparse.Namespace) -> Iterator[Row]:
    """Send jobs that paint nothing through Ray, and measure the memory of the driver and of Ray's own processes."""
    workers, process = RayWorkers(2, threads=1, make=IdlePainter), psutil.Process()
    start = processor_start = 0.0
    peak = 0
    driver_megabytes: list[float] = []
    ray_megabytes: list[float] = []
    for count, _ in enumerate(paint_many(_empty_jobs(options.jobs), workers=workers), start=1):
        if not start:
            start, processor_start = time.perf_counter(), time.process_time()
        peak = max(peak, process.memory_info().rss)
        if count % 1000 == 0:
            driver_megabytes.append(round(peak / 1e6, 1))
            ray_megabytes.append(_ray_megabytes(process))
        if count in {1000, options.jobs // 10, options.jobs // 2, options.jobs}:
            row = {
                "jobs": count,
                "jobs a second": round(count / (time.perf_counter() - start)),
                "driver's processor ms a job": round((time.process_time() - processor_start) / count * 1e3, 3),
                "driver's peak MB": round(peak / 1e6, 1),
                "load": round(os.getloadavg()[0], 1),
            }
            if count == options.jobs:
                row["driver's peak MB by thousand"] = driver_megabytes
                row["MB of Ray's own processes by thousand"] = ray_megabytes
            yield row


def _ray_megabytes(driver: psutil.Process) -> float:
    """Return the MB of memory of Ray's server of the cluster and of the one of this machine."""
    servers = [each for each in driver.children(recursive=True) if each.name() in {"gcs_server", "raylet"}]
    return round(sum(server.memory_info().rss for server in servers) / 1e6, 1)


class SharedActor:
    """An actor that stands for many: it holds each job for some seconds, and paints nothing."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def paint(self, job: Job, references: object = None) -> tuple[Outcome, bytes]:  # noqa: ARG002
        """Say after some seconds that the job is done."""
        await asyncio.sleep(self._seconds)
        return Outcome(job, "done"), b""

    async def prepare(self, job: Job) -> None:
        """Do nothing."""

    async def progress(self) -> None:
        """Know of no progress."""

    async def cancel(self) -> None:
        """Do nothing."""


class SharedActorWorkers(RayWorkers):
    """Workers that all are one actor: the driver does for each job what it does with as many actors as workers."""

    seconds = 1.0
    """The seconds of each job."""

    def _start_actor(self, worker: int) -> Any:
        if not worker:
            options = {"num_cpus": 1, "max_concurrency": 4 * self.count}
            self._shared_actor = self._ray.remote(**options)(SharedActor).remote(self.seconds)
        return self._shared_actor


def crowd(options: argparse.Namespace) -> Iterator[Row]:
    """Give jobs of some seconds to many workers, all in one actor, and measure what the driver does for a job."""
    import ray  # noqa: PLC0415 (an extra)

    process = psutil.Process()
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    for count in options.crowd:
        SharedActorWorkers.seconds = options.crowd_seconds
        workers = SharedActorWorkers(count, threads=1)
        jobs = count * options.crowd_rounds
        start, processor_start, peak = time.perf_counter(), time.process_time(), 0
        for number, _ in enumerate(paint_many(_empty_jobs(jobs), workers=workers), start=1):
            if number % 10 == 0:
                peak = max(peak, process.memory_info().rss)
        seconds = time.perf_counter() - start
        yield {
            "workers": count,
            "seconds of each job": options.crowd_seconds,
            "jobs": jobs,
            "jobs a second": round(jobs / seconds),
            "most possible": round(count / options.crowd_seconds),
            "driver's processor ms a job": round((time.process_time() - processor_start) / jobs * 1e3, 3),
            "driver's peak MB": round(peak / 1e6, 1),
            "load": round(os.getloadavg()[0], 1),
        }
    ray.shutdown()


def listing(options: argparse.Namespace) -> Iterator[Row]:
    """Read a long manifest as before a start, log the outcome of each job, and make the page of the results."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        lines = (job.model_dump_json(exclude_defaults=True) + "\n" for job in _empty_jobs(options.jobs))
        with (folder / "jobs.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(lines)
        manifest, log = Manifest(folder / "jobs.jsonl", folder), folder / "results.jsonl"

        def write_log() -> None:
            with closing(ResultLog(log)) as results:
                for number, job in enumerate(_empty_jobs(options.jobs), start=1):
                    results.write(Outcome(job, "done", "128 × 96, loss 1.2345e+04", 10.0, 12345.6, "1", number=number))

        steps = {
            "the manifest is read and names are compared": lambda: naming.refuse_clashes(manifest),
            "outcomes are logged": write_log,
            "the page of the results is made": lambda: index.write(log, folder / "index.html"),
        }
        for name, step in steps.items():
            baseline, start = resident_bytes(), time.perf_counter()
            reset_peak()
            step()
            yield {
                "what": name,
                "jobs": options.jobs,
                "seconds": round(time.perf_counter() - start, 2),
                "peak MB more than before": round((peak_bytes() - baseline) / 1e6, 1),
                "log MB": round(log.stat().st_size / 1e6, 1) if log.exists() else 0,
            }
