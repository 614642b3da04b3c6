"""The scheduler with workers that paint nothing, and say what they are told to say."""

import pytest

from impasto.batch.outcome import Outcome, Tally
from impasto.batch.scheduler import Scheduler
from impasto.batch.workers import Report
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource


class Actors:
    """Workers that end a job at each `wait`, the first that was started first; some die."""

    def __init__(self, count=2, deaths=()):
        self.count, self.deaths = count, list(deaths)
        self.painting, self.prepared, self.started, self.is_cancelled = {}, {}, [], False

    def start(self, worker, job):
        assert worker not in self.painting
        assert self.prepared.pop(worker, job) == job
        self.painting[worker] = job
        self.started.append(job)

    def prepare(self, worker, job):
        assert worker not in self.prepared
        self.prepared[worker] = job

    def wait(self):
        if not self.painting:
            return []
        worker, job = next(iter(self.painting.items()))
        del self.painting[worker]
        if self.deaths and job.output.name == self.deaths[0]:
            self.deaths.pop(0)
            return [Report(worker, None, "ended (signal 9)")]
        return [Report(worker, Outcome(job, "stopped" if self.is_cancelled else "done"))]

    def progress(self):
        return {}

    def cancel(self):
        self.is_cancelled = True

    def close(self):
        pass


def jobs(count):
    return [Job(content="a.png", output=f"{n}.png") for n in range(1, count + 1)]


def test_each_job_is_painted_once_and_has_its_number():
    for count in (0, 1, 2, 7):
        workers = Actors()
        outcomes = list(Scheduler(jobs(count), workers))
        assert sorted(outcome.number for outcome in outcomes) == list(range(1, count + 1))
        assert {str(outcome.job.output) for outcome in outcomes} == {f"{n}.png" for n in range(1, count + 1)}
        assert len(workers.started) == count


def test_no_more_than_two_jobs_a_worker_are_taken_from_the_source():
    taken = 0

    def source():
        nonlocal taken
        for job in jobs(1000):
            taken += 1
            yield job

    for number, _ in enumerate(Scheduler(source(), Actors(count=3)), start=1):
        assert taken <= number + 6
        if number == 500:
            break


def test_the_job_of_a_worker_that_died_is_painted_after_all():
    workers = Actors(deaths=["2.png", "5.png", "5.png"])
    outcomes = list(Scheduler(jobs(6), workers))
    assert sorted((outcome.number, outcome.state) for outcome in outcomes) == [(n, "done") for n in range(1, 7)]
    assert len(workers.started) == 9


def test_a_job_that_no_worker_survives_fails_and_the_others_continue():
    outcomes = {outcome.number: outcome for outcome in Scheduler(jobs(4), Actors(deaths=["3.png"] * 3))}
    assert [outcomes[n].state for n in (1, 2, 3, 4)] == ["done", "done", "failed", "done"]
    assert outcomes[3].sentence == "the worker ended (signal 9) 3 times at this picture; try a smaller size."


def test_a_job_that_cannot_be_read_fails_in_its_place():
    one, two = jobs(2)
    outcomes = list(Scheduler([one, InputError("line 2: no."), two, InputError("line 4: no.")], Actors(count=1)))
    assert sorted((each.number, each.state) for each in outcomes) == [
        *((1, "done"), (2, "failed"), (3, "done"), (4, "failed"))
    ]


def test_a_source_with_nothing_at_the_moment_is_asked_again():
    one, two = jobs(2)
    outcomes = list(Scheduler([None, one, None, None, two, None], Actors()))
    assert [outcome.state for outcome in outcomes] == ["done", "done"]


def test_jobs_of_one_painting_follow_each_other_within_a_window():
    source = [Job(styles=(StyleSource(picture=name),), output=f"{n}.png") for n, name in enumerate("ababab", start=1)]
    numbers = [outcome.number for outcome in Scheduler(source, Actors(count=1), window=4)]
    assert numbers == [1, 3, 2, 4, 5, 6]


def test_a_cancelled_scheduler_takes_no_more_jobs():
    workers = Actors()
    scheduler = Scheduler(jobs(9), workers)
    outcomes = []
    for outcome in scheduler:
        outcomes.append(outcome)
        if len(outcomes) == 2:
            scheduler.cancel()
    assert [outcome.state for outcome in outcomes[:2]] == ["done", "done"]
    assert {outcome.state for outcome in outcomes[2:]} == {"stopped"}
    assert len(outcomes) == len(workers.started) <= 4


def test_totals_and_the_time_left_count_what_was_painted(monkeypatch):
    tally = Tally(10, began=100.0)
    assert tally.seconds_left({}) is None
    for state in ("done", "skipped", "failed", "done"):
        tally.add(Outcome(Job(), state))
    monkeypatch.setattr("time.monotonic", lambda: 120.0)
    assert tally.seconds_left({}) == pytest.approx(60)  # 6 left, 10 seconds each
    assert str(tally) == "4 of 10 pictures: 2 painted, 1 there already, 1 failed"
    assert Tally(None).seconds_left({}) is None
