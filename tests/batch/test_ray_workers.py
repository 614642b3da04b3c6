"""Workers that are actors of Ray, on one machine with two processors; Ray is started once."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from painters import Copying, Idle, Mortal, Slow, tiny
from safetensors.torch import save_file

from impasto import Runtime, Settings, paint_many
from impasto.batch.local_workers import LocalWorkers
from impasto.batch.painter import Painter
from impasto.batch.scheduler import Scheduler
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource
from tiny import tiny_weights

ray = pytest.importorskip("ray")
from impasto.batch.ray_cluster import join_cluster  # noqa: E402
from impasto.batch.ray_workers import RayWorkers  # noqa: E402

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module", autouse=True)
def _ray():
    with pytest.MonkeyPatch.context() as patch:
        paths = (str(TESTS), str(TESTS / "batch"), os.environ.get("PYTHONPATH", ""))
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        join_cluster(ray, "local", cpus=2)
        yield
        ray.shutdown()


def jobs(*names):
    return [Job(output=name) for name in names]


def test_each_job_is_painted_once_by_two_actors_and_a_long_source_is_not_read_ahead(tmp_path):
    taken = 0

    def source():
        nonlocal taken
        for number in range(300):
            taken += 1
            yield Job(output=f"{number}.png")

    outcomes = []
    for outcome in paint_many(source(), workers=RayWorkers(2, threads=1, make=Idle)):
        outcomes.append(outcome)
        assert taken <= len(outcomes) + 4
    assert sorted(outcome.number for outcome in outcomes) == list(range(1, 301))
    assert {outcome.worker for outcome in outcomes} == {"1", "2"}


def test_an_actor_that_dies_is_started_again_and_a_fatal_job_fails(tmp_path):
    names = [tmp_path / name for name in ("a.png", "once.png", "fatal.png", "b.png")]
    outcomes = {
        outcome.job.output.name: outcome
        for outcome in paint_many(jobs(*names), workers=RayWorkers(2, threads=1, make=Mortal))
    }
    assert {name: outcome.state for name, outcome in outcomes.items()} == {
        "a.png": "done",
        "once.png": "done",
        "fatal.png": "failed",
        "b.png": "done",
    }
    assert (
        outcomes["fatal.png"].sentence
        == "the worker ended (ActorDiedError) 3 times at this picture; try a smaller size."
    )


def test_a_cancelled_scheduler_lets_the_actors_end():
    workers = RayWorkers(2, threads=1, make=Slow)
    scheduler = Scheduler(jobs("a.png", "b.png", "c.png", "d.png"), workers)
    threading.Timer(0.5, scheduler.cancel).start()
    began = time.monotonic()
    assert [outcome.state for outcome in scheduler] == ["stopped", "stopped"]
    workers.close()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("count", "seconds"), [(2, 1), (1000, 10)])
def test_questions_for_progress_are_bounded(count, seconds):
    workers = object.__new__(RayWorkers)  # without actors
    actor = SimpleNamespace(progress=SimpleNamespace(remote=object))
    workers._jobs = {object(): worker for worker in range(count)}
    workers._actors, workers._questions, workers._next_poll = [actor] * count, {}, 0.0
    workers._poll_progress()
    assert len(workers._questions) == count
    assert workers._next_poll - time.monotonic() == pytest.approx(seconds, abs=0.5)


def test_pictures_have_the_bytes_of_those_painted_here(files, tiny_network, picture):
    picture(seed=3).save(files / "other.png")

    def job(name, content):
        style = StyleSource(picture=files / "style.jpg")
        settings = Settings(size=64, first_size=0, iterations=4, tolerance=0)
        runtime = Runtime(device="cpu", dtype="float32", winograd="off", threads=1)
        return Job(content=files / content, styles=(style,), settings=settings, runtime=runtime, output=files / name)

    several = [job("one/a.png", "content.png"), job("one/b.png", "other.png"), job("one/c.png", "missing.png")]
    workers = RayWorkers(1, threads=1, make=tiny(files / "hidden"))
    states = {outcome.number: outcome.state for outcome in paint_many(several, workers=workers)}
    assert states == {1: "done", 2: "done", 3: "failed"}
    here = [job("two/a.png", "content.png"), job("two/b.png", "other.png")]
    assert [outcome.state for outcome in paint_many(here, workers=LocalWorkers(Painter()))] == ["done", "done"]
    for name in ("a.png", "b.png"):
        assert (files / "one" / name).read_bytes() == (files / "two" / name).read_bytes()


def test_files_are_sent_to_actors_that_do_not_see_them_and_pictures_come_back(files, picture):
    styles = (StyleSource(picture=files / "style.jpg"),)
    several = [
        Job(content=files / "content.png", styles=styles, output=files / "away/one.png"),
        Job(content=files / "missing.png", styles=styles, output=files / "away/two.png"),
        Job(content=files / "content.png", styles=styles, output=files / "style.jpg"),
        Job(content=files / "content.png", styles=styles, settings={"weights": "none.pth"}, output=files / "four.png"),
    ]
    workers = RayWorkers(1, threads=1, make=Copying, sends_files=True)
    outcomes = {outcome.number: (outcome.state, outcome.job) for outcome in paint_many(several, workers=workers)}
    assert outcomes == {1: ("done", several[0]), **{n: ("failed", several[n - 1]) for n in (2, 3, 4)}}
    assert (files / "away/one.png").read_bytes() == (files / "content.png").read_bytes()
    assert not (files / "away/two.png").exists()


def test_a_file_of_weights_is_sent_once_and_paints_the_bytes_that_it_paints_here(files, picture):
    picture(seed=3).save(files / "other.png")
    layers = tiny_weights().tensors.items()
    weights = {f"{name}.weight": weight for name, (weight, _) in layers}
    biases = {f"{name}.bias": bias for name, (_, bias) in layers}
    save_file({**weights, **biases}, files / "own.safetensors")

    def job(name, content):
        style = StyleSource(picture=files / "style.jpg")
        own = {"weights": str(files / "own.safetensors")}
        settings = Settings(size=64, first_size=0, iterations=4, tolerance=0, **own)
        runtime = Runtime(device="cpu", dtype="float32", winograd="off", threads=1)
        return Job(content=files / content, styles=(style,), settings=settings, runtime=runtime, output=files / name)

    workers = RayWorkers(1, threads=1, sends_files=True)
    sent = [job("away/a.png", "content.png"), job("away/b.png", "other.png")]
    assert [outcome.state for outcome in Scheduler(sent, workers)] == ["done", "done"]
    folder = Path(ray.get(workers._actors[0].__ray_call__.remote(lambda actor: actor._weights.name)))
    assert len(list(folder.iterdir())) == 1
    workers.close()
    assert not folder.exists()
    here = [job("here/a.png", "content.png"), job("here/b.png", "other.png")]
    assert [outcome.state for outcome in paint_many(here, workers=LocalWorkers(Painter()))] == ["done", "done"]
    for name in ("a.png", "b.png"):
        assert (files / "away" / name).read_bytes() == (files / "here" / name).read_bytes()


def test_what_cannot_be_had_is_refused(monkeypatch):
    with pytest.raises(InputError, match="workers cannot be -1"):
        RayWorkers(-1)
    monkeypatch.setattr("impasto.settings.limits.cores", lambda: 1)
    with pytest.raises(InputError, match="workers cannot be 5; on this machine it takes a number of at most 4, 4 for"):
        RayWorkers(5)
    with pytest.raises(InputError, match="threads cannot be 5; on this machine it takes a number of at most 4, 4 for"):
        RayWorkers(1, threads=5)


def test_a_cluster_that_is_not_there_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(
        InputError, match=r"there is no cluster of Ray at 127.0.0.1:1: .*refused; start one with ray start"
    ):
        join_cluster(ray, "127.0.0.1:1")


def test_without_ray_several_workers_are_refused_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        InputError, match=r'several workers need ray, of impasto\'s extra ray; run .*pip install "impasto\[ray\]"\.'
    ):
        RayWorkers(2)


def test_a_driver_of_actors_does_not_load_torch(files):
    script = """
import sys
from pathlib import Path
from impasto import StyleSource
from impasto.batch import ray_workers, result_log, scheduler
from impasto.batch.combination import Combination
from impasto.cli.batch import _count
_count(Combination(["content.png"], [StyleSource(picture="style.jpg")], Path("painted")), waits=False)
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], cwd=files, check=True)
