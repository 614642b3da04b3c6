"""The gallery of the studio shows what `impasto batch` has painted."""

import asyncio
import shutil

import pytest

from impasto import Job, Settings, StyleSource
from impasto.batch.outcome import Outcome
from impasto.batch.result_log import ResultLog
from impasto.errors import InputError
from impasto.web import record
from impasto.web.results import import_result, read_results
from impasto.web.store import Store
from impasto.web.studio import Studio

pytestmark = pytest.mark.slow


@pytest.fixture
def batch(pictures, tmp_path, monkeypatch):
    """A folder with the log of four jobs, which was written in another folder: two pictures, a failure, a lost picture."""
    monkeypatch.chdir(pictures)
    style = StyleSource(picture="style.jpg", scale=2, region="content.png#ff0000")
    jobs = [
        Job(content="content.png", styles=(style,), settings=Settings(size=256), output=tmp_path / "out" / name)
        for name in ("one.png", "two.jpeg", "three.png", "four.png")
    ]
    log = ResultLog(tmp_path / "out" / "results.jsonl")
    for job, state in zip(jobs, ("done", "skipped", "failed", "done"), strict=True):
        log.write(Outcome(job, state, f"it is {state}"))
    log.close()
    for name, source in (("one.png", "content.png"), ("two.jpeg", "style.jpg")):
        shutil.copyfile(source, tmp_path / "out" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out"


@pytest.fixture
def refused(batch, tmp_path):
    """Records of two results that the studio cannot order: with a file of weights, and without its files."""
    lost = {**read_results(batch)[0], "time": "2020-01-01T00:00:00"}
    lost["job"] = {**lost["job"], "settings": {"weights": "mine.pth"}}
    return [lost, {**lost, "folder": str(tmp_path / "nowhere")}]


def test_results_are_jobs_that_are_done_with_copies_of_their_files_and_the_others_are_left_out(
    batch, refused, tmp_path, pictures
):
    async def taken():
        studio = Studio(Store(tmp_path / "studio", 1e9), batch=[*refused, *read_results(batch)])
        await studio._import_results()
        again = [
            await import_result(each, studio.store, studio.uploads) for each in read_results(batch / "results.jsonl")
        ]
        for each in refused:
            with pytest.raises(InputError):
                await import_result(each, studio.store, studio.uploads)
        await studio.uploads.close()
        return studio, again

    studio, again = asyncio.run(taken())
    assert again == [None, None], "they are there already"
    two, one = studio.visible_entries()
    assert (one.state, one.sentence, one.title) == ("done", "it is done", "content in the style of style")
    assert one.file("result.png").read_bytes() == (pictures / "content.png").read_bytes()
    assert one.file("preview.jpg").exists()
    assert one.preview
    assert two.file("result.jpg").read_bytes() == (pictures / "style.jpg").read_bytes()
    assert one.order.settings == {"size": 256}
    assert record.read(one.folder / "run.json").content == one.folder / "inputs" / one.order.content  # it can continue
    assert one.order.styles[0].scale == 2
    assert one.order.styles[0].region.endswith(".png#ff0000")
    assert all((one.folder / "inputs" / identifier).exists() for identifier in one.order.uploads)


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(InputError, match="there are no results in"):
        read_results(tmp_path)
