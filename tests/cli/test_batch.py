import io
import json
import os
import signal
import time
from pathlib import Path

import pytest

from common import note
from impasto import Picture
from impasto.batch.local_workers import LocalWorkers

SCRIPT = Path(__file__).parents[1] / "tiny_command.py"
QUICK = (
    "--size",
    "64",
    "--first-size",
    "0",
    "--iterations",
    "3",
    "--dtype",
    "float32",
    "--winograd",
    "off",
    "--threads",
    "1",
)


@pytest.fixture
def photos(files, picture, monkeypatch):
    """Two photographs, one of them in a folder below, and two paintings."""
    monkeypatch.chdir(files)
    for number, name in enumerate(("photos/one.png", "photos/trip/two.png", "a.png", "b.png")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed=number).save(name)
    return files


@pytest.fixture
def batch(command, photos, tiny_network):
    """Run `impasto batch` on the tiny network in a folder with photographs and paintings."""

    def run(*words):
        return command("batch", *words, *QUICK)

    return run


def records(path="out/results.jsonl"):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_each_photograph_is_painted_with_each_painting_and_only_once(batch, photos):
    code, out, err = batch("photos", "--style", "a.png", "--style", "b.png,scale=2", "-o", "out")
    assert (code, err) == (0, "")
    assert "1/4 out/one-a.png: 64 × 48, loss " in out
    assert out.endswith("4 of 4 pictures: 4 painted. Results: out/index.html, log: out/results.jsonl.\n")
    assert {path.relative_to("out").as_posix() for path in Path("out").rglob("*.png")} == {
        *("one-a.png", "one-b.png", "trip/two-a.png", "trip/two-b.png")
    }
    assert note("out/trip/two-b.png")["job"]["styles"] == [{"picture": "b.png", "scale": 2.0}]
    assert [record["state"] for record in records()] == ["done"] * 4
    assert Path("out/index.html").read_text().count("<img") == 4
    code, out, _ = batch("photos", "--style", "a.png", "--style", "b.png,scale=2", "-o", "out")
    assert code == 0
    assert out.startswith("4 of 4 pictures: 4 there already.")
    code, _, err = batch("photos/one.png", "--style", "a.png", "--content-weight", "9", "-o", "out")
    assert (code, err.count("out/one-a.png"), err.count("exists already")) == (1, 1, 1)


def test_a_bad_file_is_told_at_the_end_and_the_exit_code_is_1(batch, photos):
    Path("photos/bad.jpg").write_text("no picture")
    code, out, err = batch("photos/bad.jpg", "photos/one.png", "--style", "a.png", "-o", "out")
    assert code == 1
    assert "2/2 out/one-a.png" in out
    assert err.startswith("impasto: out/bad-a.png: photos/bad.jpg is not a picture")
    assert err.endswith("impasto: 1 picture failed; out/results.jsonl says why.\n")
    assert [record["state"] for record in records()] == ["failed", "done"]
    assert "bad.jpg is not a picture" in Path("out/index.html").read_text()


def test_a_manifest_is_painted_with_the_options_of_the_command(batch, photos):
    lines = [
        {
            "content": "photos/one.png",
            "styles": [{"picture": "a.png"}],
            "output": "x.png",
            "settings": {"iterations": 2},
        },
        {"content": "photos/one.png"},
        "no job",
    ]
    Path("jobs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    code, out, _ = batch("--manifest", "jobs.jsonl", "-o", "out", "--json")
    assert code == 1
    records = [json.loads(line) for line in out.splitlines()]
    assert {record["number"]: record["state"] for record in records[:-1]} == {1: "done", 2: "failed", 3: "failed"}
    assert records[-1] == {"event": "ended", "count": 2, "done": 1, "failed": 2}
    assert note("out/x.png")["settings"]["iterations"] == 2
    assert note("out/x.png")["settings"]["size"] == 64
    assert "line 3 of jobs.jsonl: it is no job" in next(
        record["sentence"] for record in records if record.get("number") == 3
    )


def test_a_manifest_comes_through_a_pipe(batch, photos, monkeypatch):
    job = {"content": "photos/one.png", "styles": [{"picture": "a.png"}], "output": "x.png"}
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(job)))
    code, out, err = batch("--manifest", "-", "-o", "out")
    assert (code, err) == (0, "")
    assert "out/x.png: 64 × " in out


def test_a_pipe_holds_json_in_utf_8_where_the_system_has_another_encoding(batch, photos, monkeypatch):
    Path("photos/one.png").rename("photos/é.png")
    job = {"content": "photos/é.png", "styles": [{"picture": "a.png"}], "output": "x.png"}
    pipe = io.BytesIO(json.dumps(job, ensure_ascii=False).encode("utf-8-sig"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(pipe, "cp1252"))
    code, out, err = batch("--manifest", "-", "-o", "out")
    assert (code, err) == (0, "")
    assert "out/x.png: 64 × " in out


@pytest.mark.slow
def test_a_dry_run_says_how_many_how_long_and_how_much_memory_and_writes_nothing(batch, photos):
    code, out, _ = batch("photos", "--style", "a.png", "-o", "out", "--dry-run")
    assert code == 0
    assert out.startswith("2 pictures, 0 of them painted already.\nThe others take about ")
    assert out.endswith("GB of memory a worker, with 1 worker on cpu in float32, 1 thread.\n")
    assert not Path("out").exists()
    batch("photos/one.png", "--style", "a.png", "-o", "out")
    Path("photos/bad.jpg").write_text("no picture")
    _, out, _ = batch("photos", "--style", "a.png", "-o", "out", "--dry-run", "--json")
    forecast = json.loads(out)
    assert (forecast["count"], forecast["painted"], forecast["workers"]) == (3, 1, 1)
    assert forecast["bytes"] > 1e8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "there is no photograph"),
        (("photos", "--style", "a.png"), "the folder of the results is missing"),
        (("photos", "-o", "out"), "there is no painting"),
        (("nowhere", "--style", "a.png", "-o", "out"), "there is no file or folder nowhere"),
        (("photos", "--style", "none.png", "-o", "out"), "there is no file or folder none.png"),
        (
            ("photos", "--style", "a.png", "-o", "out", "--style", "b.png", "--name", "same.png"),
            "two pictures would be saved as",
        ),
        (("photos", "--style", "a.png", "-o", "out", "--name", "{x}.png"), "cannot have {x}"),
        (("photos", "--style", "a.png", "-o", "out", "--pair", "name"), "no painting has the name of"),
        (("photos", "--style", "a.png", "-o", "out", "--pair", "order", "--watch"), "leave --pair out"),
        (("photos", "--manifest", "jobs.jsonl"), "so photos cannot be used"),
        (("--manifest", "-o", "out"), "the manifest cannot be -o"),
        (("--manifest", "none.jsonl"), "the manifest none.jsonl cannot be read"),
        (("--manifest", "b.png", "--watch"), "a manifest cannot be watched"),
        (("photos", "--style", "a.png", "-o", "out", "--workers", "-2"), "workers cannot be -2"),
        (("photos", "--style", "a.png", "-o", "out", "--fill"), "name the paper too"),
        (("photos", "--style", "a.png", "-o", "out", "--name", "{content}.xyz"), "ends in .xyz"),
    ],
)
def test_what_cannot_be_painted_is_refused_before_anything_is(batch, photos, words, message):
    code, _, err = batch(*words)
    assert code == 2
    assert message in err
    assert not Path("out/results.jsonl").exists()


@pytest.mark.parametrize("name", ["threads", "workers"])
def test_far_more_threads_or_workers_than_cores_are_refused_before_anything_is(command, photos, monkeypatch, name):
    monkeypatch.setattr("impasto.settings.limits.cores", lambda: 2)
    code, out, err = command("batch", "photos", "--style", "a.png", "-o", "out", f"--{name}", "9", "--dry-run")
    assert (code, out) == (2, "")
    assert err == f"impasto: {name} cannot be 9; on this machine it takes a number of at most 8, 4 for each core.\n"
    assert not Path("out/results.jsonl").exists()


def test_ctrl_c_ends_after_the_evaluation_and_the_same_command_continues(batch, photos, monkeypatch):
    words = ("photos", "--style", "a.png", "-o", "out")
    wait, waited = LocalWorkers.wait, []

    def interrupted(self):
        waited.append(self)
        if len(waited) == 6:  # in the second picture
            signal.raise_signal(signal.SIGINT)
        return wait(self)

    with monkeypatch.context() as patch:
        patch.setattr(LocalWorkers, "wait", interrupted)
        code, _, err = batch(*words)
    assert code == 130
    assert err.endswith("1 of 2 pictures: 1 painted, 1 ended early; start the same command again to continue.\n")
    assert [record["state"] for record in records()] == ["done", "stopped"]
    assert note("out/trip/two-a.png")["stopped"] == "unfinished"
    assert batch(*words)[0] == 0
    assert [record["state"] for record in records()[2:]] == ["skipped", "done"]
    assert note("out/trip/two-a.png")["stopped"] == "finished"


@pytest.mark.slow
def test_watching_continues_with_new_files_and_ctrl_c_says_how_to_continue(fork_server, photos):
    words = ("batch", "photos", "--style", "a.png", "-o", "out", "--watch", *QUICK)
    process = fork_server.start(SCRIPT, *words, folder=photos)
    assert process.stdout.readline().startswith("1 out/one-a.png")
    assert process.stdout.readline().startswith("2 out/trip/two-a.png")
    Picture.open("b.png").save("photos/new.png")
    old = time.time() - 60
    os.utime("photos/new.png", (old, old))
    assert process.stdout.readline().startswith("3 out/new-a.png")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "impasto: Interrupted: 3 pictures: 3 painted; start the same command again to continue.\n"
