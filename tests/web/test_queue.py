import asyncio
import os
import pathlib
import sys
import threading
from pathlib import PureWindowsPath
from types import SimpleNamespace

import pytest

from impasto import Picture
from impasto.errors import WriteError
from impasto.film.frames import Frames
from impasto.jobs.events import Ended, PreviewReady
from impasto.web import routes
from impasto.web.child import Lines
from impasto.web.entry import Entry
from impasto.web.order import Order
from impasto.web.queue import _with_names
from impasto.web.store import Store
from impasto.web.studio import Studio
from impasto.web.worker import Worker

UPLOAD = f"{0:024}.png"


def run(tmp_path, script, until):
    """Order a picture from a studio whose worker is a script, and return the job when something is true of it."""
    store = Store(tmp_path, 1e9)
    (store.uploads / UPLOAD).write_bytes(b"picture")
    (store.uploads / UPLOAD).with_suffix(".json").write_text('{"name": "My painting.png"}')

    async def paint():
        studio = Studio(store, devices=("x", "y"), worker=(sys.executable, "-c", script))
        await studio.start()
        entry = studio.add(Order(styles=[{"picture": UPLOAD}]))
        while not until(entry):
            await asyncio.sleep(0.02)
        await studio.close()
        return entry

    return asyncio.run(asyncio.wait_for(paint(), 60))


@pytest.mark.parametrize(
    "script", ["import time; time.sleep(60)", ""], ids=["process that stays", "process that ended"]
)
def test_a_studio_closes_at_once_where_nothing_is_painted(tmp_path, script):
    async def closed():
        command = (sys.executable, "-c", script)
        studio = Studio(Store(tmp_path, 1e9), worker=command, reader=command)
        await studio.start()
        await studio.uploads._reader.start()
        if not script:
            await studio.uploads._reader._process.wait()
        await asyncio.wait_for(studio.close(), 20)

    asyncio.run(closed())


def test_a_studio_starts_by_removing_the_temporary_files_of_a_killed_one(tmp_path):
    store = Store(tmp_path, 1e9)
    kept = {tmp_path / "studio.lock", tmp_path / ".notes", tmp_path / ".mine.zip", tmp_path / f".{0:016}",
            store.uploads / UPLOAD, store.uploads / ".DS_Store"}  # fmt: skip
    temporary = {
        store.uploads / f".{0:016x}",
        store.uploads / f".{2:016x}.png",
        tmp_path / f".{1:016x}.zip",
        store.uploads / f".impasto-{0:08}.json",
    }
    for path in kept | temporary:
        path.write_bytes(b"it")

    async def started():
        studio = Studio(store, worker=(sys.executable, "-c", ""))
        await studio.start()
        await studio.close()

    asyncio.run(started())
    assert {path for path in kept | temporary if path.exists()} == kept


def test_a_stream_gives_a_change_of_the_state_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(routes, "STREAM_SECONDS", 60.0)
    (tmp_path / "inputs").mkdir()

    async def streamed():
        entry = Entry(tmp_path, Order(styles=[{"picture": UPLOAD}]))
        entry.move_to("waiting")
        stream = routes._stream(SimpleNamespace(is_closing=False), entry, 0)
        first = await anext(stream)
        next_one = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        entry.move_to("painting")
        return first, await asyncio.wait_for(next_one, 20)

    assert ['"waiting"' in each for each in asyncio.run(streamed())] == [True, False]


def test_a_job_that_ends_every_worker_fails_after_three_and_says_how(tmp_path):
    entry = run(tmp_path, "import sys; sys.stdin.readline(); sys.exit(3)", lambda entry: entry.state == "failed")
    assert entry.sentence == "the worker was ended with code 3 3 times at this picture; try a smaller size."
    assert sum(b"restarted" in line for line in entry.lines) == 2


def full(*_, **__):
    """Refuse to write, as a full disk does."""
    raise WriteError("the disk is full.")


FAILS_ALWAYS = """
import sys
for _ in sys.stdin:
    print('{"event": {"event": "announced", "sentence": "Begun."}}', flush=True)
    print('{"ended": {"state": "failed", "sentence": "it did not work."}}', flush=True)"""


def test_a_full_disk_ends_no_worker_and_loses_no_order_silently(tmp_path, monkeypatch):
    def order(studio):
        return studio.add(Order(styles=[{"picture": UPLOAD}]))

    async def ended(entry):
        while entry.state != "failed":
            await asyncio.sleep(0.02)
        return entry.sentence

    async def paint():
        studio = Studio(store, devices=("x",), worker=(sys.executable, "-c", FAILS_ALWAYS))
        await studio.start()
        first = order(studio)
        (first.folder / "events.jsonl").unlink()
        (first.folder / "events.jsonl").mkdir()  # so that nothing can be appended
        with monkeypatch.context() as patched:
            patched.setattr("impasto.web.entry.write_json", full)
            with pytest.raises(WriteError):
                order(studio)
            assert [*studio.entries.values()] == [first]
            assert [*store.jobs.iterdir()] == [first.folder]
            assert await ended(first) == "it did not work."
            with pytest.raises(WriteError):
                studio.change(first.id, {"name": "another"})
            assert first.title == "My painting"
            studio.delete(first.id)
            assert not first.folder.exists()
        assert await ended(order(studio)) == "it did not work."
        await studio.close()

    store = Store(tmp_path, 1e9)
    (store.uploads / UPLOAD).write_bytes(b"picture")
    (store.uploads / UPLOAD).with_suffix(".json").write_text('{"name": "My painting.png"}')
    asyncio.run(asyncio.wait_for(paint(), 60))


def test_a_preview_that_cannot_be_written_ends_no_job(tmp_path, monkeypatch, picture):
    messages = []
    worker = Worker.__new__(Worker)  # its streams are those of the process
    worker._lines, worker._folder = SimpleNamespace(send=messages.append), tmp_path
    monkeypatch.setattr(Picture, "save", full)
    events = [PreviewReady(0), Ended("finished", "64 × 48")]
    ended = worker._send_events(SimpleNamespace(preview=picture), events)
    assert ended == {"state": "done", "sentence": "64 × 48"}
    assert [each["event"]["event"] for each in messages] == ["preview", "preview", "ended"]


def test_a_job_that_was_deleted_while_it_was_painted_waits_when_it_is_restored_after_a_crash(tmp_path):
    async def paint(script, act):
        studio = Studio(Store(tmp_path, 1e9), devices=("x",), worker=(sys.executable, "-c", script))
        await studio.start()
        found = await act(studio)
        await studio.close()
        return found

    async def begin(studio):
        (studio.store.uploads / UPLOAD).write_bytes(b"picture")
        entry = studio.add(Order(styles=[{"picture": UPLOAD}]))
        entry.move_to("painting")
        entry.deleted = 1e12
        entry.save()
        return entry.id

    async def restore(studio):
        await asyncio.sleep(0.2)  # the worker waits for a job
        entry = studio.restore(name)
        while entry.state != "failed":
            await asyncio.sleep(0.02)

    name = asyncio.run(asyncio.wait_for(paint("", begin), 60))
    asyncio.run(asyncio.wait_for(paint(FAILS_ALWAYS, restore), 60))


def test_what_a_worker_says_names_pictures_and_no_folder(tmp_path):
    line = '{"ended": {"state": "failed", "sentence": "%s/inputs/%s is damaged."}}'
    script = f"""
import json, sys
message = json.loads(sys.stdin.readline())
print('{line}' % (message["folder"], "{UPLOAD}"), flush=True)
sys.stdin.read()"""
    entry = run(tmp_path, script, lambda entry: entry.state == "failed")
    assert entry.sentence == "My painting is damaged."


def test_a_worker_whose_studio_was_killed_goes_on_where_windows_says_that_the_argument_is_invalid():
    class ClosedPipe:
        def write(self, data):
            raise OSError(22, "Invalid argument")

    lines = Lines.__new__(Lines)  # its streams are those of the process
    lines._out, lines._lock = ClosedPipe(), threading.Lock()
    lines.send({"event": "progress"})


def test_what_a_worker_on_windows_says_names_pictures_and_no_folder():
    folder = PureWindowsPath("C:\\studio\\jobs\\1")
    entry = SimpleNamespace(folder=folder, names={UPLOAD: "My painting"})
    sentence = f"{folder / 'inputs' / UPLOAD} is damaged; the picture so far is {folder / 'result.png'}."
    assert _with_names(sentence, entry) == "My painting is damaged; the picture so far is result.png."


def test_what_a_program_has_open_on_windows_is_deleted_but_for_that(tmp_path, monkeypatch):
    def refuse(path, **options):
        if str(path).endswith(("result.png", "thumbnail.jpg", "000001.png")):
            raise PermissionError(13, "The file is used by another process")
        unlink(path, **options)

    unlink, store = os.unlink, Store(tmp_path, 1e9)
    folder, upload, frames = store.new_job(), store.uploads / UPLOAD, Frames(tmp_path / "film.mp4", "its")
    frames.begin()
    kept = [folder / "result.png", upload.with_suffix(".thumbnail.jpg"), frames.path(0)]
    for path in (*kept, folder / "job.json", folder / "state.json", upload, frames.path(1)):
        path.write_bytes(b"it")
    monkeypatch.setattr(os, "unlink", refuse)
    store.delete_job(folder)
    store.delete(UPLOAD)
    frames.delete()
    assert [path for path in sorted(tmp_path.rglob("*")) if path.is_file()] == sorted(kept)


def test_a_quota_counts_files_that_a_file_system_does_not_number(tmp_path, monkeypatch):
    lstat = pathlib.Path.lstat

    def without_number(path):
        fields = list(lstat(path))
        fields[1], fields[3] = 0, 1  # st_ino, st_nlink
        return os.stat_result(fields)

    store = Store(tmp_path, 15)
    for name in ("a", "b"):
        (store.uploads / name).write_bytes(bytes(10))
    monkeypatch.setattr(pathlib.Path, "lstat", without_number)
    assert store.is_full()


def test_a_loss_that_is_no_number_and_a_line_that_was_cut_leave_the_log_readable(tmp_path):
    line = '{"event": {"event": "progress", "loss": NaN}}'
    script = f"""
import sys
sys.stdin.readline()
print('{line}', flush=True)
sys.stdin.read()"""
    entry = run(tmp_path, script, lambda entry: len(entry.lines) == 3)
    assert entry.lines[2] == b"{}"
    with (entry.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "progr')
    again = type(entry)(entry.folder)
    assert (again.lines[-1], again.state) == (b"{}", "waiting")
