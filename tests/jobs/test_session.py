"""A session carries a job out, without a terminal."""

import json
import re
import threading
from unittest.mock import Mock

import pytest
import torch

from impasto import Picture, Settings
from impasto.errors import InputError, RunError, WriteError
from impasto.images import read_note, reading
from impasto.jobs.events import Announced, Ended, Evaluated, Paused, Planned, PreviewReady, Remarked, Resumed, Saved
from impasto.jobs.fingerprint import file_hashes
from impasto.jobs.job import Job, StyleSource
from impasto.jobs.session import Session
from impasto.settings import Runtime

SETTINGS = Settings(size=64, first_size=0, iterations=6, tolerance=0)


@pytest.fixture
def job(files, tiny_network):
    """Make a job on the tiny network, in a folder with a content and a style image."""

    def make(**changes):
        values = {
            "content": files / "content.png",
            "styles": (StyleSource(picture=files / "style.jpg"),),
            "settings": SETTINGS,
            "runtime": Runtime(device="cpu", dtype="float32", winograd="off", threads=1),
            "output": files / "out.png",
        }
        return Job(**{**values, **changes})

    return make


def kinds(events):
    return [event.kind for event in events]


def test_a_session_says_what_happens_from_the_plan_to_the_end(job, files):
    session = Session(job(save_every=3, plot=files / "loss.png"), forecasts=True, preview_seconds=0)
    events = list(session)
    assert events[0] == Announced("Painting content.png in the style of style.jpg, 64 × 48 pixels.")
    assert isinstance(events[1], Planned)
    assert events[1].seconds > 0
    assert isinstance(events[-1], Ended)
    assert events[-1].stopped == "finished"
    assert sum(isinstance(event, Evaluated) for event in events) == 6
    assert sum(isinstance(event, PreviewReady) for event in events) == 7  # and one before the first
    saved = [event.path.name for event in events if isinstance(event, Saved)]
    assert saved == ["out-00003.png", "out-00006.png", "out.png", "loss.png"]
    assert all((files / name).exists() for name in saved)
    assert not (files / "out.png.checkpoint").exists()
    assert session.result().stopped == "finished"


def test_every_event_is_written_as_json(job, files):
    for event in Session(job(save_every=3), preview_seconds=0):
        record = json.loads(json.dumps(event.as_dict()))
        assert record["event"] == event.kind


def test_a_job_from_json_paints_the_same_bytes(job, files):
    list(Session(job()))
    again = Job.from_json(job(output=files / "again.png").model_dump_json())
    list(Session(again))
    assert (files / "again.png").read_bytes() == (files / "out.png").read_bytes()


def test_pictures_in_memory_are_painted_and_stay_there(job, files):
    content = Picture.open(files / "content.png")
    style = StyleSource(picture=Picture.open(files / "style.jpg"))
    session = Session(job(content=content, styles=(style,), output=None))
    original = sorted(files.iterdir())
    assert kinds(session)[-1] == "ended"
    assert sorted(files.iterdir()) == original
    list(Session(job()))
    expected = Picture.open(files / "out.png").pixels
    assert (session.result().picture.pixels - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_pictures_written_into_json_are_painted(job, files):
    as_json = job(content=Picture.open(files / "content.png"), output=files / "again.png").model_dump_json()
    list(Session(Job.from_json(as_json)))
    list(Session(job()))
    again, expected = (Picture.open(files / name) for name in ("again.png", "out.png"))
    assert torch.equal(again.samples, expected.samples)
    assert json.loads(again.note)["job"]["content"] == "(a picture in memory)"


@pytest.mark.parametrize("do", ["delete", "change"])
def test_files_that_are_deleted_or_changed_while_a_run_paints_lose_no_picture(job, do):
    the_job = job()
    hashes = file_hashes(the_job)
    for event in Session(the_job):
        if isinstance(event, Evaluated):
            for path in the_job.all_inputs:
                path.unlink(missing_ok=True) if do == "delete" else path.write_bytes(b"other")
    assert event.stopped == "finished"
    assert json.loads(read_note(the_job.output))["files"] == hashes


def test_the_metadata_of_a_picture_that_is_continued_are_read_once(job, files, monkeypatch):
    session = Session(job())
    next(event for event in session if isinstance(event, Evaluated))
    session.close()
    monkeypatch.setattr(reading, "_note", Mock(wraps=reading._note))
    assert Session(job()).job.overwrite
    reading._note.assert_called_once()


def test_a_cancelled_job_saves_the_picture_and_continues_to_the_same_bytes(job, files):
    list(Session(job(output=files / "whole.png")))
    session = Session(job())
    for event in session:
        if isinstance(event, Evaluated) and event.progress.evaluation == 2:
            session.cancel()
    assert event == Ended("unfinished", event.sentence)
    where = f"the picture so far (64 × 48, stage 1 of 1) is {files / 'out.png'}"
    assert event.sentence.startswith(f"Interrupted after 2 evaluations; {where}; ")
    assert (files / "out.png.checkpoint").exists()
    events = list(Session(job()))
    assert events[0] == Resumed(2, files / "out.png.checkpoint")
    assert (files / "out.png").read_bytes() == (files / "whole.png").read_bytes()


def test_a_paused_job_waits_until_it_may_continue(job, files):
    session, events = Session(job()), []
    for event in session:
        events.append(event)
        if isinstance(event, Evaluated) and event.progress.evaluation == 3:
            session.pause()
        elif isinstance(event, Paused):
            assert (files / "out.png.checkpoint").exists()
            threading.Timer(0.2, session.resume).start()
    assert kinds(events).count("paused") == 1
    assert events[-1].stopped == "finished"


def test_a_paused_job_can_be_cancelled(job):
    session, events = Session(job()), []
    for event in session:
        events.append(event)
        if isinstance(event, Evaluated):
            session.pause()
        elif isinstance(event, Paused):
            threading.Timer(0.2, session.cancel).start()
    assert kinds(events).count("paused") == 1
    assert events[-1].stopped == "unfinished"


def test_a_face_that_fails_or_leaves_loses_no_work(job, files):
    session = Session(job())
    next(event for event in session if isinstance(event, Evaluated))
    session.close()
    assert Picture.open(files / "out.png").width == 64
    assert (files / "out.png.checkpoint").exists()
    assert list(session) == []


def test_a_keyboard_interrupt_that_no_face_caught_loses_no_work(job, files, monkeypatch):
    session = Session(job())
    next(event for event in session if isinstance(event, Evaluated))
    monkeypatch.setattr("impasto.transfer.run.Run.__next__", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        next(session)
    assert (files / "out.png").exists()
    assert (files / "out.png.checkpoint").exists()


def test_a_run_that_fails_saves_the_picture_and_says_where(job, files, monkeypatch):
    session = Session(job())
    next(event for event in session if isinstance(event, Evaluated))

    def fail(_):
        raise RunError("the memory did not suffice.")

    monkeypatch.setattr("impasto.transfer.run.Run.__next__", fail)
    with pytest.raises(RunError, match=r"the memory did not suffice\. The picture so far is in .*out\.png\."):
        list(session)
    assert (files / "out.png").exists()


def test_a_run_that_fails_says_so_where_the_picture_cannot_be_saved_either(job, files, monkeypatch):
    session = Session(job())
    next(event for event in session if isinstance(event, Evaluated))

    def fail(_):
        (files / "out.png").write_text("another's")
        raise RunError("the memory did not suffice.")

    monkeypatch.setattr("impasto.transfer.run.Run.__next__", fail)
    message = (
        r"the memory did not suffice\. The picture so far could not be saved: .*out\.png exists .* A checkpoint is in "
    )
    with pytest.raises(RunError, match=message):
        list(session)


def test_a_picture_that_cannot_be_saved_leaves_a_checkpoint(job, files, monkeypatch):
    def full(*_, **__):
        raise WriteError("out.png could not be written: no space left on device.")

    with monkeypatch.context() as patch:
        patch.setattr(Picture, "save", full)
        with pytest.raises(WriteError, match="no space left on device. A checkpoint is in"):
            list(Session(job()))
    assert next(iter(Session(job()))).kind == "resumed"


def test_a_loss_that_is_not_finite_ends_with_the_best_picture(job, files, no_finite_loss):
    *_, saved, ended = Session(job())
    assert saved == Saved(files / "out.png", "picture")
    assert ended.stopped == "diverged"
    assert "not finite" in ended.sentence


def test_what_is_left_out_of_a_file_is_remarked(job, files, monkeypatch):
    frames = Picture.open(files / "content.png")
    monkeypatch.setattr(Picture, "open", classmethod(lambda *_, **__: frames.__class__(frames.samples, remarks=("Two frames.",))))  # fmt: skip
    events = list(Session(job()))
    assert events[:2] == [Remarked("Two frames."), Remarked("Two frames.")]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"output": "content.png", "overwrite": True}, "cannot be written, since it is read as"),
        ({"output": "style.jpg", "overwrite": True}, "cannot be written, since it is read as"),
        ({"plot": "content.png", "overwrite": True}, "cannot be written, since it is read as"),
        ({"checkpoint": "content.png"}, "cannot be written, since it is read as"),
        ({"plot": "out.png"}, "the picture and the plot cannot both be"),
        ({"checkpoint": "out.png"}, "the picture and the checkpoint cannot both be"),
        ({"output": "missing/out.png"}, "does not exist"),
        ({"output": "out.xyz"}, "out.xyz"),
        ({"output": "content.png"}, "since it is read as"),
        ({"plot": "loss.xyz"}, "a plot cannot be saved as"),
    ],
)
def test_files_that_cannot_be_written_are_refused_before_any_work(job, files, changes, sentence):
    original = {path: path.read_bytes() for path in files.iterdir()}
    named = {
        name: files / value if name in {"output", "plot", "checkpoint"} else value for name, value in changes.items()
    }
    with pytest.raises(InputError, match=sentence):
        Session(job(**named))
    assert {path: path.read_bytes() for path in files.iterdir()} == original


@pytest.mark.parametrize("system", ["win32", "darwin"])
def test_two_names_of_one_file_are_refused_where_case_does_not_count(job, files, monkeypatch, system):
    names = {"output": files / "out.png", "plot": files / "OUT.png"}
    Session(job(**names))
    monkeypatch.setattr("sys.platform", system)
    with pytest.raises(InputError, match="the picture and the plot cannot both be"):
        Session(job(**names))


@pytest.mark.parametrize("name", ["save_every", "plot", "checkpoint"])
def test_a_job_without_an_output_has_no_other_files(job, files, name):
    value = 3 if name == "save_every" else files / "x.png"
    with pytest.raises(InputError, match=f"a job without an output cannot have {name}"):
        Session(job(output=None, **{name: value}))


def test_a_frame_that_exists_is_not_replaced(job, files):
    (files / "out-00004.png").write_bytes(b"precious")
    with pytest.raises(InputError, match=r"out-00004\.png exists already"):
        list(Session(job(save_every=2)))
    assert (files / "out-00004.png").read_bytes() == b"precious"
    assert not (files / "out.png").exists()


def test_a_large_sample_makes_a_small_texture(job, files, picture):
    picture(960, 640, seed=2).save(files / "large.png")
    style = StyleSource(picture=files / "large.png")
    settings = SETTINGS.replace(content_weight=0, init="noise")
    list(Session(job(content=None, styles=(style,), shape="2:1", settings=settings)))
    assert (Picture.open(files / "out.png").width, Picture.open(files / "out.png").height) == (64, 32)


def test_a_print_is_as_large_as_its_paper(job, files):
    events = list(Session(job(print_size="2x4cm", settings=SETTINGS.replace(dpi=50, iterations=1))))
    assert events[-1].stopped == "finished"
    painted = Picture.open(files / "out.png")
    assert (painted.width, painted.dpi) == (52, 50)


def test_a_change_while_painting_is_listed_in_the_job_which_then_paints_the_same_bytes(job, files):
    session, events = Session(job(output=files / "first.png")), []
    for event in session:
        events.append(event)
        if isinstance(event, Evaluated) and len(session.run.history) == 2:
            session.change(job(settings=SETTINGS.replace(content_weight=0.5, size=80)))
        if isinstance(event, Evaluated) and len(session.run.history) == 4:
            style = StyleSource(picture=files / "content.png", scale=0.5)
            session.change(job(styles=(style,), settings=SETTINGS.replace(content_weight=0.5, size=80)))
    assert kinds(events).count("changed") == 2
    where = kinds(events).index("changed")
    assert events[where].evaluations == 2
    assert isinstance(events[where + 1], Planned)
    assert [change.after for change in session.job.changes] == [2, 4]
    assert Picture.open(files / "first.png").width == 80
    again = Job.from_json(session.job.replace(output=files / "first.png", overwrite=True).model_dump_json())
    original = (files / "first.png").read_bytes()
    list(Session(again))
    assert (files / "first.png").read_bytes() == original


@pytest.mark.slow
def test_a_job_with_changes_continues_from_its_checkpoint_to_the_same_bytes(job, files):
    changed = job(output=files / "whole.png").changed(2, job(settings=SETTINGS.replace(content_weight=0.5)))
    changed = changed.changed(5, job(settings=SETTINGS.replace(content_weight=2, style_scale=2)))
    list(Session(changed))
    expected = Picture.open(files / "whole.png").samples
    for count in (1, 2, 4, 5, 7):
        interrupted = changed.replace(output=files / f"{count}.png")
        session = Session(interrupted)
        for event in session:
            if isinstance(event, Evaluated) and len(session.run.history) == count:
                session.cancel()
        events = list(Session(interrupted))
        assert events[0] == Resumed(count, files / f"{count}.png.checkpoint")
        assert torch.equal(Picture.open(files / f"{count}.png").samples, expected)


def test_a_change_that_cannot_be_painted_is_remarked_and_the_run_continues(job, files):
    session, events = Session(job()), []
    for event in session:
        events.append(event)
        if isinstance(event, Evaluated) and len(session.run.history) == 2:
            session.change(job(content=files / "missing.png"))
    remarks = [event.sentence for event in events if isinstance(event, Remarked)]
    assert len(remarks) == 1
    assert remarks[0].startswith("the change was refused: ")
    assert "missing.png" in remarks[0]
    assert session.job.changes == ()
    assert kinds(events).count("progress") == 6


def test_previews_begin_before_the_first_evaluation_and_continue_after_it(job):
    session = Session(job(), preview_seconds=1000)
    evaluations = []
    for event in session:
        if isinstance(event, PreviewReady):
            assert session.preview().width == 64
            evaluations.append(event.evaluations)
    assert evaluations == [0, 1]


def test_a_print_that_there_is_no_time_for_is_recorded_with_the_pixels_that_it_has(job, files):
    options = {"print_size": "2x4cm", "settings": SETTINGS.replace(dpi=400, first_size=128)}
    runtime = Runtime(device="cpu", dtype="float32", winograd="off", threads=1)
    events = list(Session(job(**options, runtime=runtime.replace(seconds=0.01))))
    (remark,) = [event.sentence for event in events if isinstance(event, Remarked)]
    painted = Picture.open(files / "out.png")
    assert painted.width < 100
    assert painted.dpi == pytest.approx(400 * painted.width / 420, rel=0.1)
    assert remark.endswith(f"the picture has {painted.width} × {painted.height}, {painted.dpi:.3g} per inch.")
    note = json.loads(read_note(files / "out.png"))
    again = Session(Job(**note["job"], settings=note["settings"], runtime=runtime))
    list(again)
    assert (again.preview().pixels - painted.pixels).abs().max() < 0.51 / 255


@pytest.mark.parametrize("seconds", [0, 600])
def test_time_and_memory_are_said_in_one_sentence_before_a_long_run_and_not_before_a_short_one(
    job, monkeypatch, seconds
):
    def announcements():
        session = Session(job(runtime=Runtime(device="cpu", dtype="float32", seconds=seconds)), forecasts=None)
        for event in session:
            if isinstance(event, Announced) and event.sentence.startswith("This takes about"):
                yield event.sentence
            if isinstance(event, Planned):
                session.close()

    monkeypatch.setattr("impasto.jobs.session.MIN_ANNOUNCED_SECONDS", 1000.0)
    assert not list(announcements())
    monkeypatch.setattr("impasto.jobs.session.MIN_ANNOUNCED_SECONDS", 0.0)
    monkeypatch.setattr("impasto.jobs.session.MIN_FORECAST_WORK", 0.0)
    (sentence,) = announcements()
    assert re.fullmatch(r"This takes about \d+ \w+ and \d\.\d GB of memory\.", sentence)
    assert not seconds or "10 minutes" in sentence
