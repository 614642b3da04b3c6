"""How many pictures there are to paint, how long they take and how much memory, by the plans of a few of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from impasto.batch.ordering import Item
from impasto.errors import ImpastoError
from impasto.jobs import outputs
from impasto.jobs.amounts import amount
from impasto.jobs.events import Planned
from impasto.jobs.job import Job
from impasto.jobs.resources import Resources
from impasto.jobs.session import Session
from impasto.machine import device, threads
from impasto.settings import Runtime

__all__ = ["Forecast", "forecast"]

SAMPLES = 5
"""Jobs that are planned, spread over all."""


@dataclass(frozen=True)
class Forecast:
    """What painting many pictures will take."""

    count: int
    """The number of all pictures."""
    painted: int
    """The number of pictures that are painted already."""
    refused: int
    """The number of jobs that cannot be read."""
    seconds: float
    """The time that the other pictures take, in seconds."""
    bytes: float
    """The most memory that a worker takes, in bytes."""
    machine: str
    """The device and the precision, in words."""
    workers: int
    """The number of workers."""


def forecast(jobs: Iterable[Item], workers: int) -> Forecast:
    """Forecast what painting jobs will take, by the plans of a few of them.

    Args:
        jobs: The jobs, which are listed twice.
        workers: The number of workers.

    Returns:
        The forecast.

    """
    count, painted, refused = _count(jobs)
    step, resources = max(1, count // SAMPLES), Resources()
    sample = [job for job in islice(jobs, 0, None, step) if isinstance(job, Job)]
    sample = [job.replace(runtime=_limit_threads(job.runtime, workers)) for job in sample]
    plans = [(plan, job) for job in sample if (plan := _plan(job, resources)) is not None]
    seconds = [plan.seconds or 0.0 for plan, _ in plans]
    mean = sum(seconds) / max(1, len(seconds))
    return Forecast(
        count,
        painted,
        refused,
        seconds=mean * (count - painted - refused) / max(1, workers),
        bytes=max((plan.plan.bytes for plan, _ in plans), default=0.0),
        machine=_machine(plans[0][1]) if plans else "",
        workers=workers,
    )


def _count(jobs: Iterable[Item]) -> tuple[int, int, int]:
    """Count all jobs, the painted jobs, and the jobs that cannot be used."""
    count = painted = refused = 0
    for job in jobs:
        count += 1
        try:
            painted += isinstance(job, Job) and outputs.recorded_stop(job) in {"finished", "converged"}
            refused += not isinstance(job, Job)
        except ImpastoError:
            refused += 1
    return count, painted, refused


def _limit_threads(runtime: Runtime, workers: int) -> Runtime:
    """Return how a job is computed by one of several workers of this machine."""
    worker_threads = max(1, threads.available() // workers) if workers > 1 else 0
    return runtime.replace(threads=runtime.threads or worker_threads)


def _plan(job: Job, resources: Resources) -> Planned | None:
    """Return the plan of a job with its forecast, or None if it cannot be painted."""
    try:
        session = Session(job.replace(output=None, save_every=0, checkpoint=None), resources=resources, forecasts=True)
        return next((event for event in session if isinstance(event, Planned)), None)
    except ImpastoError:
        return None


def _machine(job: Job) -> str:
    """Describe the machine on which a job is painted."""
    machine = device.resolve(job.runtime)
    precision = str(machine.features).removeprefix("torch.")
    computing = f", {amount(machine.threads, 'thread')}" if machine.device.type == "cpu" else ""
    return f"{machine.device} in {precision}{computing}"
