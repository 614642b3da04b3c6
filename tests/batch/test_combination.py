import os
from pathlib import Path, PureWindowsPath

import pytest

from impasto import Settings
from impasto.batch import naming
from impasto.batch.combination import Combination, open_styles
from impasto.batch.naming import refuse_clashes
from impasto.errors import InputError
from impasto.jobs.job import Job, StyleSource


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """Photographs in a folder and one below, and two paintings."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "photos/one.jpg",
        "photos/two.jpg",
        "photos/trip/one.jpg",
        "a.png",
        "b.png",
        "more/one.png",
        "more/two.png",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def combine(*styles, words=("photos",), **more):
    return Combination(words, open_styles(styles), Path("out"), **more)


def outputs(jobs):
    return [job.output.as_posix() for job in jobs]


def test_the_product_goes_painting_by_painting_and_mirrors_folders(photos):
    jobs = combine("a.png", "b.png,weight=2")
    assert outputs(jobs) == [
        *("out/one-a.png", "out/two-a.png", "out/trip/one-a.png"),
        *("out/one-b.png", "out/two-b.png", "out/trip/one-b.png"),
    ]
    assert len(jobs) == 6
    last = list(jobs)[-1]
    assert last.content == Path("photos/trip/one.jpg")
    assert last.styles == (StyleSource(picture=Path("b.png"), weight=2),)


def test_names_hold_settings_and_folders(photos):
    common = Job(settings=Settings(size=256, style_weight=1e3, color="content-match"))
    jobs = combine("a.png", common=common, pattern="{style}/{folder}_{content}-{size}-{style_weight}-{color}.jpg")
    assert outputs(jobs)[2] == "out/trip/a/trip_one-256-1000-content-match.jpg"
    assert outputs(combine("a.png", pattern="{folder}/{content}.jpg"))[:1] == ["out/one.jpg"], (
        "it is in no folder below"
    )


def test_all_paintings_are_blended_or_paired_by_order_or_by_name(photos):
    assert outputs(combine("a.png", "b.png", words=["photos/two.jpg"], pairing="blend")) == ["out/two-a+b.png"]
    pairs = combine("a.png", "b.png", words=["photos/*.jpg"], pairing="order")
    assert outputs(pairs) == ["out/one-a.png", "out/two-b.png"]
    named = combine("more", words=["photos/two.jpg", "photos/one.jpg"], pairing="name")
    assert [job.styles[0].picture.as_posix() for job in named] == ["more/two.png", "more/one.png"]


def test_masks_are_found_by_the_name_of_the_photograph(photos):
    common = Job(keep="masks/{folder}/{name}.png", initial="starts/{name}.tif", focus="face.png")
    jobs = list(combine("a.png,region=sky/{name}.png#ff0000", common=common))
    assert jobs[2].keep == "masks/trip/one.png"
    assert jobs[2].initial == Path("starts/one.tif")
    assert jobs[2].focus == "face.png"
    assert jobs[2].styles[0].region == "sky/one.png#ff0000"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"pairing": "order"}, "3 photographs and 1 paintings are no pairs"),
        ({"pairing": "name"}, "no painting has the name of photos/one.jpg"),
        ({"pattern": "{contents}.png"}, r"cannot have \{contents\}"),
        ({"pattern": "{}.png"}, r"cannot have \{\}"),
        ({"common": Job(keep="{style}.png")}, r"it may have \{name\}, \{folder\}"),
        ({"pattern": "../{content}.png"}, "leads out of out"),
        ({"pattern": "/tmp/{content}.png"}, "leads out of out"),
    ],
)
def test_what_makes_no_jobs_is_refused_in_a_sentence(photos, more, message):
    with pytest.raises(InputError, match=message):
        list(combine("a.png", **more))


def test_results_of_one_name_are_refused_before_anything_is_painted(photos):
    assert refuse_clashes(combine("a.png", "b.png")) == 6
    with pytest.raises(
        InputError, match=r"two pictures would be saved as out/one.png, the results of the jobs 1 and 4"
    ):
        refuse_clashes(combine("a.png", "b.png", pattern="{content}.png"))


def test_photographs_that_appear_are_painted_with_each_painting(photos, monkeypatch):
    jobs = combine("a.png", "b.png", words=["photos/trip"])
    watched = jobs.watch()
    assert outputs(next(watched) for _ in range(2)) == ["out/one-a.png", "out/one-b.png"]
    monkeypatch.setattr("impasto.batch.selection.SETTLED_SECONDS", -1)
    Path("photos/trip/three.jpg").touch()
    assert outputs(next(watched) for _ in range(2)) == ["out/three-a.png", "out/three-b.png"]
    assert next(watched) is None


def test_names_that_differ_in_case_clash_where_they_are_one_file(photos, monkeypatch):
    jobs = [Job(output=name) for name in ("out/One.png", "out/two.png", "out/one.PNG")]
    assert refuse_clashes(jobs) == 3
    for system in ("win32", "darwin"):
        monkeypatch.setattr("sys.platform", system)
        with pytest.raises(InputError, match=r"saved as out/one.PNG, the results of the jobs 1 and 3"):
            refuse_clashes(jobs)


def test_a_value_in_a_name_has_no_sign_that_no_name_has(photos):
    settings = Settings(weights='C:\\vgg/19 <"a"|b?>*.pth')
    assert naming.name_values(Job(settings=settings))["weights"] == "C--vgg-19 --a--b---.pth"


@pytest.mark.parametrize("name", ["/a.png", "\\a.png", "C:\\a.png", "C:a.png", "x/../../a.png"])
def test_a_name_that_leads_out_of_the_folder_on_windows_is_refused(monkeypatch, name):
    monkeypatch.setattr(naming, "Path", PureWindowsPath)
    root = PureWindowsPath("painted")
    assert naming.result_path(root, PureWindowsPath("x"), "y\\a.png") == root / "x" / "y" / "a.png"
    with pytest.raises(InputError, match="leads out of painted"):
        naming.result_path(root, PureWindowsPath(), name)


def test_a_pattern_with_an_empty_folder_stays_below_the_results_on_windows(monkeypatch):
    monkeypatch.setattr(os, "sep", "\\")
    monkeypatch.setattr(os, "altsep", "/")
    for pattern in ("{folder}\\{content}.png", "{folder}/{content}.png"):
        assert naming.fill(pattern, {"folder": "", "content": "a"}) == "a.png"
