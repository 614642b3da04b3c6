"""The log of results, and the page made from it."""

import json
import ntpath
import os
from pathlib import Path, PureWindowsPath

import pytest

from impasto import Settings
from impasto.batch import index
from impasto.batch.outcome import Outcome
from impasto.batch.result_log import ResultLog, latest
from impasto.errors import WriteError
from impasto.jobs.job import Job, StyleSource


def outcome(name, state="done", **more):
    job = Job(
        content="a photo.jpg", styles=(StyleSource(picture="p/b&w.png"),), settings=Settings(size=256), output=name
    )
    return Outcome(job, state, f"{state}, it says", **more)


def write(path, *outcomes):
    log = ResultLog(path)
    for each in outcomes:
        log.write(each)
    log.close()


def test_each_outcome_is_a_line_and_a_line_that_was_cut_is_left_out(tmp_path):
    path = tmp_path / "deep" / "log.jsonl"
    write(path, outcome("one.png", seconds=1.5, loss=2.0), outcome("two.png", "failed"))
    with path.open("ab") as file:
        file.write(b'{"output": "thr')
    write(path, outcome("one.png", "skipped"), outcome("two.png"))
    lines = path.read_text().splitlines()
    assert len(lines) == 5
    first = json.loads(lines[0])
    assert (first["output"], first["seconds"], first["loss"]) == ("one.png", 1.5, 2.0)
    assert first["job"]["settings"] == {"size": 256}
    states = {record["output"]: record["state"] for record in latest(path)}
    assert states == {"one.png": "done", "two.png": "done"}


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(WriteError, match="name another with --log"):
        ResultLog(tmp_path / "log.jsonl")


def test_the_page_shows_pictures_with_their_settings_and_what_failed(tmp_path):
    out = tmp_path / "a b" / "x#1.png"
    write(tmp_path / "log.jsonl", outcome(out), outcome(tmp_path / "bad.png", "failed"))
    index.write(tmp_path / "log.jsonl", tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text()
    assert "<title>impasto: 1 pictures, 1 failed</title>" in page
    assert 'src="a%20b/x%231.png"' in page
    assert "a photo.jpg in the style of b&amp;w.png" in page
    assert "--size 256" in page
    assert f'<p class="failed">{tmp_path / "bad.png"}: failed, it says</p>' in page


def test_a_page_has_no_more_than_so_many_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "MAX_RESULTS", 2)
    write(tmp_path / "log.jsonl", *(outcome(Path(f"{n}.png")) for n in range(4)))
    index.write(tmp_path / "log.jsonl", tmp_path / "index.html")
    assert (tmp_path / "index.html").read_text().count("<img") == 2


def test_links_of_the_page_are_those_of_a_browser_on_windows(monkeypatch):
    monkeypatch.setattr(index, "Path", PureWindowsPath)
    monkeypatch.setattr(PureWindowsPath, "absolute", lambda path: path, raising=False)
    monkeypatch.setattr(os.path, "relpath", ntpath.relpath)
    monkeypatch.setattr(os, "getcwd", lambda: "C:\\")
    folder = PureWindowsPath("C:\\painted")
    assert index._link(folder / "a b" / "x#1.png", folder) == "a%20b/x%231.png"
    assert index._link(PureWindowsPath("D:\\x.png"), folder) == "file:///D:/x.png"
