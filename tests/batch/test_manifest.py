import io
import json
from pathlib import Path

import pytest

from impasto import Runtime, Settings
from impasto.batch.manifest import Manifest
from impasto.batch.naming import refuse_clashes
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource


@pytest.fixture
def manifest(tmp_path):
    def write(*lines, **more):
        path = tmp_path / "jobs.jsonl"
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return Manifest(path, Path("out"), **more)

    return write


def test_a_line_is_a_job_over_what_all_have_in_common(manifest):
    common = Job(settings=Settings(size=256, seed=3), runtime=Runtime(threads=1), keep="all.png")
    line = {
        "content": "a.jpg",
        "styles": [{"picture": "s.png", "scale": 2}],
        "settings": {"size": 128},
        "output": "x.jpg",
    }
    [job] = manifest(line, "", common=common)
    assert job == Job(
        content="a.jpg",
        styles=(StyleSource(picture="s.png", scale=2),),
        keep="all.png",
        settings=Settings(size=128, seed=3),
        runtime=Runtime(threads=1),
        output="out/x.jpg",
    )


def test_a_job_without_an_output_gets_a_name(manifest):
    [job] = manifest({"content": "dir/a.jpg", "styles": [{"picture": "s.png"}]}, pattern="{content}_{size}.tif")
    assert job.output == Path("out/a_512.tif")


def test_a_line_that_is_no_job_is_an_error_of_its_own(manifest):
    jobs = list(manifest('{"content": "a.jpg"', {"contents": "a.jpg"}, "[]", {"content": "b.jpg", "output": "b.png"}))
    assert [isinstance(job, InputError) for job in jobs] == [True, True, True, False]
    assert str(jobs[1]).endswith("jobs.jsonl: there is no option contents; content is the nearest.")
    assert str(jobs[2]).startswith("line 3 of ")


def test_results_of_one_name_are_refused(manifest):
    line = {"content": "a.jpg", "output": "x.png"}
    with pytest.raises(InputError, match=r"saved as out/x.png, the results of the jobs 1 and 2"):
        refuse_clashes(manifest(line, "no json", line))


def test_a_manifest_that_is_not_there_is_refused_at_once(tmp_path):
    with pytest.raises(InputError, match=r"the manifest .* cannot be read: no such file"):
        Manifest(tmp_path / "none.jsonl")


def test_standard_input_is_read_line_by_line(monkeypatch):
    class Pipe(io.StringIO):
        lines = 0

        def __next__(self):
            self.lines += 1
            return super().__next__()

    pipe = Pipe('{"content": "a.jpg"}\n' * 3)
    monkeypatch.setattr("sys.stdin", pipe)
    jobs = iter(Manifest(Path("-")))
    assert next(jobs).content == Path("a.jpg")
    assert pipe.lines == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_manifest_is_read_as_editors_and_shells_of_windows_write_it(tmp_path, encoding):
    path = tmp_path / "jobs.jsonl"
    path.write_text('{"content": "é.jpg"}\r\n{"content": "b.jpg"}\r\n', encoding=encoding)
    assert [job.content for job in Manifest(path)] == [Path("é.jpg"), Path("b.jpg")]
