"""A job is data: words, defaults, JSON."""

import json
from pathlib import Path

import pytest
import torch

from impasto import Picture, Settings
from impasto.errors import InputError, SettingsError
from impasto.jobs.job import DATA_URI, Job, StyleSource


def test_a_job_goes_to_json_and_back(tmp_path):
    job = Job(
        content="photo.jpg",
        styles=(StyleSource.parse("a.jpg,weight=2,region=sky.png#ff0000"), {"picture": "b.jpg"}),
        keep="face.png",
        settings=Settings(size=640, style_layers="conv1_1:2"),
        output=tmp_path / "out.png",
        save_every=50,
        losses=("mine:Loss",),
    )
    read = Job.from_json(job.model_dump_json())
    assert read == job
    assert read.styles[0].weight == 2
    assert read.settings.size == 640
    assert json.loads(job.model_dump_json())["output"] == str(tmp_path / "out.png")


@pytest.mark.parametrize("text", ["", "[]", "{", "{" * 100_000, b"\xff\xfe\xff"])
def test_a_text_that_is_no_job_is_refused_in_a_sentence(text):
    with pytest.raises(SettingsError, match=r"^the job cannot be read.*\.$"):
        Job.from_json(text)


def test_a_picture_in_memory_travels_in_json_as_a_png_file():
    picture = Picture(torch.linspace(0, 1, 12).reshape(3, 2, 2))
    job = Job(content=picture, styles=(StyleSource(picture=picture),))
    assert job.content is picture
    assert job.replace(save_every=0).content is picture
    read = Job.from_json(job.model_dump_json())
    assert read.content.startswith(DATA_URI)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"content": 3}, "content cannot be 3; it takes the path of a picture"),
        ({"save_every": "often"}, "save_every cannot be often; it takes a whole number, at least 0."),
        ({"contents": "a.png"}, "there is no option contents; content is the nearest."),
        ({"shape": "0:1"}, "shape cannot be 0:1; it takes width to height, such as 3:2."),
        ({"shape": f"{10**400}:1"}, "shape cannot be 1000"),
        ({"runtime": {"device": "gpu"}}, "device cannot be gpu; it takes auto, cpu, cuda, cuda:1 or mps."),
        ({"print_size": "30x40parsecs"}, "print cannot be 30x40parsecs; it takes two sides and a unit"),
        ({"print_size": "1x1in", "settings": {"dpi": 10}}, "print cannot be 1x1in: at 10 pixels per inch"),
        ({"settings": {"size": 3}}, "size cannot be 3; it takes a whole number, at least 32."),
        ({"styles": [{"picture": "a.png", "scale": 20}]}, "a style's scale cannot be 20; it takes a number, above 0"),
        ({"styles": [{}]}, "a style's picture is missing; it takes the path of a picture"),
        ({"styles": [{"picture": None}]}, "a style's picture cannot be None; it takes the path of a picture"),
    ],
)
def test_a_job_that_cannot_be_is_refused_in_a_sentence(values, sentence):
    with pytest.raises(InputError) as caught:
        Job.from_json(json.dumps(values))
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("text", "path", "options"),
    [
        ("a.jpg", "a.jpg", {}),
        ("a.jpg,weight=2,scale=0.5", "a.jpg", {"weight": 2, "scale": 0.5}),
        ("a.jpg,mask=m.png#ff0000,region=my,mask.png", "a.jpg", {"mask": "m.png#ff0000", "region": "my,mask.png"}),
        ("weight=2.jpg", "weight=2.jpg", {}),
        ("paint,weight=2 x.jpg", "paint,weight=2 x.jpg", {}),
        ("paint,weight=2 x.jpg,scale=2", "paint,weight=2 x.jpg", {"scale": 2}),
        ("a,b=c.jpg,weight=3", "a,b=c.jpg", {"weight": 3}),
        ("", "", {}),
    ],
)
def test_words_of_a_style_are_read_after_the_path_of_a_file_that_exists(tmp_path, monkeypatch, text, path, options):
    monkeypatch.chdir(tmp_path)
    for name in ("paint,weight=2 x.jpg", "a,b=c.jpg"):
        Path(name).touch()
    style = StyleSource.parse(text)
    assert style == StyleSource(picture=path, **options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a.jpg,weight=0,5", "a style's weight cannot be 0,5; it takes a number, at least 0."),
        (
            "a.jpg,wieght=1",
            "a style has no option wieght; its options are weight, scale, mask, region, color, color_match.",
        ),
        ("a.jpg,color=blue", "a style's color cannot be blue; it takes style, content-luminance or content-match."),
        ("a.jpg,color-match=rgb", "a style's color_match cannot be rgb; it takes chol, pca, sym or histogram."),
        ("a.jpg,color=style,color-mash=sym", "a style has no option color-mash;"),
        ("a.jpg,region=m.png,colour=3", "a style has no option colour;"),
        ("a.jpg,weight=1,weight=2", "a style has one weight, not both 1 and 2; give it once."),
        ("a.jpg,scale=nan", "a style's scale cannot be nan"),
        ("星" * 100 + ".jpg,weight=2", "cannot be looked for: file name too long"),
    ],
)
def test_words_of_a_style_that_cannot_be_are_refused_in_a_sentence(text, sentence):
    with pytest.raises(InputError) as caught:
        StyleSource.parse(text)
    assert sentence in str(caught.value)


def test_the_files_that_a_job_reads_are_known():
    style = StyleSource.parse("s.jpg,mask=m.png#ff0000,region=r.png")
    job = Job(content="c.png", styles=(style,), initial="i.png", keep="k.png", focus="f.png#00ff00")
    assert sorted(map(str, job.inputs)) == ["c.png", "f.png", "i.png", "k.png", "m.png", "r.png", "s.jpg"]


def test_a_job_with_other_files_has_them_everywhere_and_its_own_outputs():
    style = StyleSource(picture="a.png", mask="./m.png#ff0000", region="r.png", weight=2)
    later = Job(content="c.png", styles=(style,), keep="r.png")
    job = Job(content="c.png", styles=(style,), focus="./m.png", output="o.png").changed(3, later)
    assert [str(path) for path in job.all_inputs] == ["c.png", "a.png", "m.png", "r.png"]
    moved = job.with_files({"c.png": "x/c.png", "m.png": "x/m.png"})
    assert str(moved.content) == str(moved.changes[0].job.content) == "x/c.png"
    assert (moved.focus, moved.styles[0].mask, moved.styles[0].region) == ("x/m.png", "x/m.png#ff0000", "r.png")
    assert moved.output == job.output
    assert job.with_files({}) == job
