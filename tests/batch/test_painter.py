"""A painter with the tiny network: equal bytes, skipping, resuming, failures, and what jobs share."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common import note
from impasto import Picture, Runtime, Settings, paint_many
from impasto.batch.local_workers import LocalWorkers
from impasto.batch.painter import Painter
from impasto.batch.sending import rename_paths, unpack
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.session import Session
from impasto.machine.environment import TORCH_ENVIRONMENT

SETTINGS = Settings(size=64, first_size=0, iterations=4, tolerance=0)


@pytest.fixture
def job(files, tiny_network):
    """Make a job on the tiny network."""

    def make(output="out.png", **changes):
        values = {
            "content": files / "content.png",
            "styles": (StyleSource(picture=files / "style.jpg"),),
            "settings": SETTINGS,
            "runtime": Runtime(device="cpu", dtype="float32", winograd="off", threads=1),
            "output": files / "painted" / output,
        }
        return Job(**{**values, **changes})

    return make


def paint(*jobs, painter=None):
    return list(paint_many(jobs, workers=LocalWorkers(painter or Painter())))


def test_pictures_have_the_bytes_of_those_that_are_painted_alone(job, files, picture):
    picture(48, 64, seed=3).save(files / "other.png")
    several = [job("one.png"), job("two.png", content=files / "other.png"), job("three.png")]
    folder = files / "hidden"
    assert [outcome.state for outcome in paint(*several, painter=Painter(folder=folder))] == ["done"] * 3
    for each in (several[1], several[2]):
        alone = each.replace(output=files / f"alone-{each.output.name}")
        assert [event.kind for event in Session(alone)][-1] == "ended"
        assert alone.output.read_bytes() == each.output.read_bytes()
    assert not list((folder / "locks").iterdir())


def test_a_picture_at_the_output_of_a_job_with_pictures_in_memory_is_not_taken_for_its_own(job, picture):
    first = job(content=picture(seed=1))
    assert paint(first)[0].state == "done"
    (outcome,) = paint(first.replace(content=picture(seed=2)))
    assert outcome.state == "failed"
    assert "out.png exists already" in outcome.sentence


def test_a_picture_from_equal_settings_and_files_is_not_painted_again(job, files, picture):
    paint(job())
    before = job().output.stat().st_mtime_ns
    [outcome] = paint(job(overwrite=True, runtime=Runtime(threads=2)))
    assert outcome.state == "skipped"
    (files / "moved.png").write_bytes((files / "content.png").read_bytes())
    assert paint(job(content=files / "moved.png"))[0].state == "skipped", "the bytes count, not the name"
    assert job().output.stat().st_mtime_ns == before
    [refused] = paint(job(settings=SETTINGS.replace(seed=1)))
    assert refused.state == "failed"
    assert "exists already" in refused.sentence
    picture(seed=5).save(files / "content.png", overwrite=True)
    assert paint(job())[0].state == "failed", "the photograph is another one"
    assert paint(job(overwrite=True))[0].state == "done"


def test_a_picture_says_how_its_run_stopped_and_from_what_it_was_painted(job):
    paint(job())
    metadata = note(job().output)
    assert metadata["stopped"] == "finished"
    assert len(metadata["fingerprint"]) == 64


def test_a_job_that_was_interrupted_continues_to_the_same_bytes(job, files):
    paint(job("whole.png"))
    painter = Painter()
    workers = LocalWorkers(painter)
    workers.start(0, job())
    assert workers.wait() == [], "an evaluation is done"
    painter.cancel()
    while not (reports := workers.wait()):
        pass
    assert reports[0].outcome.state == "stopped"
    assert note(job().output)["stopped"] == "unfinished"
    assert paint(job())[0].state == "done"
    assert job().output.read_bytes() == job("whole.png").output.read_bytes()
    [outcome] = paint(job())
    assert outcome.state == "skipped"


def test_breaking_out_saves_a_checkpoint_from_which_the_next_call_continues(job):
    for _ in paint_many([job("first.png"), job()], workers=1):
        break
    workers = LocalWorkers()
    workers.start(0, job())
    workers.wait()
    workers.close()
    assert job().output.with_suffix(".png.checkpoint").exists()
    assert paint(job())[0].state == "done"
    assert not job().output.with_suffix(".png.checkpoint").exists()


def test_bad_files_fail_with_a_sentence_and_the_others_are_painted(job, files, monkeypatch):
    (files / "text.png").write_text("no picture")
    bad = job("bad.png", content=files / "text.png")
    missing = job("missing.png", keep=str(files / "none.png"))
    wrong = job("wrong.xyz")
    painter = Painter(folder=files / "hidden")
    outcomes = {outcome.job.output.name: outcome for outcome in paint(bad, missing, job(), wrong, painter=painter)}
    assert not list((files / "hidden" / "locks").iterdir())
    states = {name: outcome.state for name, outcome in outcomes.items()}
    assert states == {"bad.png": "failed", "missing.png": "failed", "out.png": "done", "wrong.xyz": "failed"}
    assert "text.png is not a picture" in outcomes["bad.png"].sentence
    json.dumps(outcomes["bad.png"].as_dict())


def test_an_error_that_nobody_foresaw_fails_one_job_only(job, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("by chance")

    with monkeypatch.context() as patch:
        patch.setattr("impasto.batch.painter.Session", broken)
        [outcome] = paint(job())
    assert (outcome.state, outcome.sentence) == (
        "failed",
        "the worker met an error of its own: ZeroDivisionError: by chance",
    )


def test_the_targets_of_a_painting_are_measured_once_and_found_again_on_disk(job, files, picture):
    picture(seed=4).save(files / "other.png")
    first = Painter(folder=files / "hidden")
    paint(job("one.png"), job("two.png", content=files / "other.png"), painter=first)
    cache = first.targets
    assert (cache.misses, cache.hits) == (1, 1)
    again = Painter(folder=files / "hidden")
    paint(job("three.png", settings=SETTINGS.replace(content_weight=1)), painter=again)
    targets = again.targets
    assert (targets.misses, targets.hits) == (0, 1)
    [stored] = (files / "hidden" / "targets").iterdir()
    stored.write_bytes(stored.read_bytes()[:-1] + b"x")
    damaged = Painter(folder=files / "hidden")
    paint(job("four.png"), painter=damaged)
    assert damaged.targets.misses == 1
    assert job("four.png").output.read_bytes() == job("one.png").output.read_bytes()


def test_targets_in_memory_are_bounded_by_their_bytes(job, files, monkeypatch):
    monkeypatch.setattr("impasto.transfer.target_cache.MEMORY_BYTES", 1)
    painter = Painter()
    cache = painter.targets
    paint(job("one.png"), job("two.png", settings=SETTINGS.replace(style_scale=2)), painter=painter)
    assert cache.misses == 2
    assert len(cache._targets) == 1


@pytest.mark.slow
def test_the_memory_of_a_worker_does_not_grow_with_the_sizes_of_photographs(tmp_path):
    tests = Path(__file__).parents[1]
    environment = {name: value for name, value in os.environ.items() if name not in TORCH_ENVIRONMENT}
    environment["PYTHONPATH"] = os.pathsep.join([str(tests), environment.get("PYTHONPATH", "")])
    words = [sys.executable, str(tests / "batch" / "worker_memory.py"), str(tmp_path)]
    output = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert output[::3] == ["True", "True"]
    first, last = map(int, output[2::3])
    # 1 MB was measured; 7 without the bound on compiled convolutions, and 18 if all photographs were cached
    assert last - first < 4e6


def test_networks_are_shared_and_bounded(job):
    painter = Painter()
    shared = painter._resources.cache
    for number, padding in enumerate(("zeros", "replicate", "zeros", "replicate-first", "reflect")):
        paint(job(f"{number}.png", settings=SETTINGS.replace(padding=padding, iterations=1)), painter=painter)
    assert len(shared._networks) == 2


def test_the_next_photograph_is_opened_while_this_one_is_painted(job, files, picture, monkeypatch):
    picture(seed=4).save(files / "other.png")
    opened = {}

    def noted(file, **more):
        opened[file.name] = threading.current_thread() is threading.main_thread()
        return open_(file, **more)

    open_ = Picture.open
    monkeypatch.setattr(Picture, "open", noted)
    paint(job("one.png"), job("two.png", content=files / "other.png"))
    assert opened == {"content.png": True, "style.jpg": True, "other.png": False}


def test_two_painters_do_not_paint_the_same_picture(job, files):
    states = []

    def work():
        states.extend(outcome.state for outcome in paint(job(), painter=Painter(folder=files / "hidden")))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == ["done", "skipped"]


def test_copies_of_the_files_are_painted_to_the_same_bytes_under_the_names_of_the_files(job, files, tmp_path):
    (files / "sky.png").write_bytes((files / "content.png").read_bytes())
    original = job(keep=str(files / "sky.png"))
    paint(original)
    before = original.output.read_bytes()
    received = {str(path): path.read_bytes() for path in original.all_inputs}
    assert set(received) == {str(files / name) for name in ("content.png", "style.jpg", "sky.png")}
    copy = unpack(original, received, tmp_path / "away")
    assert not set(copy.all_inputs) & set(original.all_inputs)
    for _ in Painter().paint(copy, original):
        pass
    assert copy.output.read_bytes() == before
    assert rename_paths(f"{copy.content} is bad, {copy.output} is not", copy, original) == (
        f"{original.content} is bad, {original.output} is not"
    )


def test_no_workers_are_refused():
    with pytest.raises(InputError, match="workers cannot be 0"):
        list(paint_many([], workers=0))


def test_what_is_no_job_is_an_outcome_with_a_sentence_and_the_others_are_painted(job):
    refused, done = paint_many(["x", job()])
    assert (refused.number, refused.state) == (1, "failed")
    assert refused.sentence == "'x' is no job; give Job(content=…, styles=[…])."
    assert (done.number, done.state) == (2, "done")


def test_a_lock_that_windows_does_not_delete_while_it_is_held_fails_no_job(job, files, monkeypatch):
    unlink = Path.unlink

    def refuse(path, **options):
        if path.parent.name == "locks":
            raise PermissionError(13, "The file is used by another process")
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", refuse)
    (outcome,) = paint(job(), painter=Painter(folder=files / "hidden"))
    assert outcome.state == "done"
